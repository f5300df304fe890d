"""A network's statistics are made to agree with each other."""

import contextlib
import copy
import hashlib
import io
import json
import os
import subprocess
import sys
import unittest
from unittest import mock

from support import ROOT, FolderTestCase, need, program

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from small_networks import digits, trained  # noqa: E402
from torch import nn  # noqa: E402

from bn_stream import Recalibration, ToolError, recalibrate  # noqa: E402
from bn_stream.__main__ import main  # noqa: E402


def layers_of(model):
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}


class RecalibrateTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        if not program():
            self.skipTest("no bn-stream is built, and $BN_STREAM names none")
        self.model, _ = trained()
        # Other data than it has learned from: brighter, and of less contrast.
        self.batches = [0.5 * x + 0.3 for x in digits()[0][:1000].split(100)]
        self.options = {"program": program()}

    def assertConsistent(self, model, tolerance: float) -> None:
        """Every layer has, in float64 and evaluation mode, the mean and variance of what enters it."""
        exact = copy.deepcopy(model).double().eval()
        seen = {}
        for name, module in layers_of(exact).items():
            module.register_forward_pre_hook(lambda module, given, name=name: seen.__setitem__(name, given[0].detach()))
        exact(torch.cat(self.batches).double())
        for name, module in layers_of(exact).items():
            x = seen[name].transpose(0, 1).flatten(1)
            spread = (x.var(1, correction=0) + module.eps).sqrt()
            self.assertLess(((module.running_mean - x.mean(1)).abs() / spread).max().item(), tolerance, name)
            self.assertLess((((module.running_var + module.eps).sqrt() / spread) - 1).abs().max().item(), tolerance, name)

    def test_rounds(self) -> None:
        with self.assertRaises(AssertionError):
            self.assertConsistent(self.model, 0.1)
        before, mode = copy.deepcopy(self.model.state_dict()), self.model.training
        lines: list[str] = []
        found = recalibrate(self.model, self.batches, told=lines.append, **self.options)
        self.assertConsistent(self.model, 2e-3)
        self.assertTrue(found.is_settled)
        self.assertEqual(list(found.movement), ["/stem/1", "/blocks/0/bn1", "/blocks/0/bn2", "/blocks/1/bn1", "/blocks/1/bn2"])
        # A layer is final one round after those before it; the first is so after the first round.
        self.assertLess(found.movement["/stem/1"][1], 1e-6)
        self.assertGreater(found.movement["/blocks/1/bn2"][0], 0.1)
        self.assertLess(found.movement["/blocks/1/bn2"][1], 0.1)  # near after one round
        self.assertGreater(found.movement["/blocks/1/bn2"][1], 1e-3)
        self.assertLessEqual(found.rounds, 6)
        self.assertEqual(len(lines), found.rounds)
        self.assertEqual(self.model.training, mode)
        first = next(layer for layer in found.receipt.layers if layer.module == "stem.1")
        x = torch.cat(self.batches)
        mean = self.model.stem[0](x).mean((0, 2, 3))
        moved = ((mean - before["stem.1.running_mean"]).abs() / (before["stem.1.running_var"] + 1e-5).sqrt()).max().item()
        self.assertAlmostEqual(first.moved_greatest, moved, places=4)
        # All of the receipt is from the beginning to the end, errors too: ten batches of the same size.
        means = torch.stack([self.model.stem[0](x).mean((0, 2, 3)) for x in self.batches]).double()
        errors = means.std(0) / 10**0.5 / (before["stem.1.running_var"] + 1e-5).sqrt()
        self.assertAlmostEqual(first.standard_error_of_mean, errors.square().mean().sqrt().item(), places=5)
        last = next(layer for layer in found.receipt.layers if layer.module == "blocks.1.bn2")
        mean = self.model.blocks[1].bn2.running_mean
        moved = ((mean - before["blocks.1.bn2.running_mean"]).abs() / (before["blocks.1.bn2.running_var"] + 1e-5).sqrt()).max().item()
        self.assertAlmostEqual(last.moved_greatest, moved, places=4)
        self.assertEqual((last.samples, last.batches), (1000, 10))

    def test_starting_from_the_models_own_statistics_takes_a_round_for_each_layer(self) -> None:
        found = recalibrate(self.model, self.batches, start="running", tolerance=1e-6, **self.options)
        self.assertConsistent(self.model, 1e-5)
        self.assertEqual((found.is_settled, found.rounds), (True, 6))
        self.assertGreater(found.movement["/blocks/1/bn2"][1], 1)
        self.assertIn(
            "the rounds swing, as they may in deep networks: sweep",
            str(Recalibration(1e-3, False, 3, {"/a": [1.0, 0.0, 0.0], "/b": [1.0, 2.0, 3.0]}, found.receipt)),
        )

    def test_the_first_round_moves_no_statistics_by_momentum(self) -> None:
        """Only by what is loaded; and dropout stays off."""
        model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.9), nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).train()
        recalibrate(model, self.batches, rounds=1, **self.options)
        x = torch.cat(self.batches).double()
        self.assertAlmostEqual(model[0].running_mean.item(), x.mean().item(), places=6)
        self.assertEqual((model[0].num_batches_tracked.item(), model[0].training, model[1].training), (0, True, True))
        means = torch.stack([nn.functional.batch_norm(part.double(), None, None, training=True) for part in self.batches])
        expected = nn.functional.conv2d(means.flatten(0, 1), model[2].weight.double(), model[2].bias.double())
        np.testing.assert_allclose(model[3].running_var, expected.var((0, 2, 3), correction=0).detach(), rtol=1e-5)

    def test_data_that_differs_from_pass_to_pass_is_named(self) -> None:
        found = recalibrate(self.model, lambda: [x + 0.1 * torch.rand(1) for x in self.batches], rounds=3, **self.options)
        self.assertFalse(found.is_settled)
        self.assertIn("/stem/1 moves, too, with no layer before it, so data or model are not the same in every pass", str(found))

    def test_one_round_is_not_enough_and_says_so(self) -> None:
        found = recalibrate(self.model, self.batches, rounds=1, **self.options)
        self.assertFalse(found.is_settled)
        self.assertIn("not settled: the last round moved a layer by", str(found))
        with self.assertRaises(AssertionError):
            self.assertConsistent(self.model, 2e-3)

    def test_a_sweep_gives_what_rounds_give(self) -> None:
        other = copy.deepcopy(self.model)
        recalibrate(other, self.batches, tolerance=1e-6, **self.options)
        found = recalibrate(self.model, self.batches, sweep=True, **self.options)
        self.assertConsistent(self.model, 1e-5)
        self.assertTrue(found.is_settled)
        self.assertEqual({len(values) for values in found.movement.values()}, {2})
        self.assertLess(max(values[1] for values in found.movement.values()), 1e-5)
        for (name, module), another in zip(layers_of(self.model).items(), layers_of(other).values()):
            np.testing.assert_allclose(module.running_mean, another.running_mean, rtol=1e-4, atol=1e-5, err_msg=name)

    def test_a_prior_is_what_the_model_had_at_the_beginning(self) -> None:
        """Whatever the order of the layers: 1000 samples of before and 1000 new ones."""
        layer = self.model.stem[1]
        before = layer.running_mean.double(), layer.running_var.double()
        x = self.model.stem[0](torch.cat(self.batches)).detach().double()
        unbiased = torch.stack([part.var((0, 2, 3)) for part in x.split(100)]).mean(0)
        for options, var in (
            ({}, x.var((0, 2, 3), correction=0)),
            ({"sweep": True}, x.var((0, 2, 3), correction=0)),
            ({"estimator": "mean_of_batches"}, unbiased),
        ):
            with self.subTest(options):
                model = copy.deepcopy(self.model)
                recalibrate(model, self.batches, prior=1000, layers="stem.*", **options, **self.options)
                np.testing.assert_allclose(model.stem[1].running_mean, (before[0] + x.mean((0, 2, 3))) / 2, rtol=1e-5, atol=1e-6)
                np.testing.assert_allclose(model.stem[1].running_var, (before[1] + var) / 2, rtol=1e-5)

    def test_it_helps(self) -> None:
        """The digits in other light are read better."""
        images, labels = digits()
        images, labels = 0.5 * images[1000:] + 0.3, labels[1000:]

        def accuracy() -> float:
            return (self.model(images).argmax(1) == labels).double().mean().item()

        before = accuracy()
        recalibrate(self.model, self.batches, **self.options)
        self.assertGreater(accuracy(), before + 0.05)

    def test_loaders_pairs_dictionaries_and_limits(self) -> None:
        images, labels = digits()
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images[:300], labels[:300]), batch_size=100)
        found = recalibrate(self.model, loader, limit=200, rounds=1, result=self.folder / "stats.h5", **self.options)
        self.assertEqual({(layer.samples, layer.batches) for layer in found.receipt.layers}, {(200, 2)})
        self.assertEqual((found.receipt.result["path"], found.receipt.input["path"]), (str(self.folder / "stats.h5"), None))
        self.assertEqual(found.receipt.result["sha256"], hashlib.sha256((self.folder / "stats.h5").read_bytes()).hexdigest())
        recalibrate(self.model, [{"x": images[:100]}], rounds=1, **self.options)
        recalibrate(self.model, lambda: iter([images[:100]]), rounds=2, layers="stem.*", **self.options)

    def test_refusals(self) -> None:
        for words, options in (
            ("only once, and every round needs them", {"batches": iter(self.batches)}),
            ("not running, which starts from", {"estimator": "running"}),
            ("0 rounds are none", {"rounds": 0}),
            ("absent-program is not there to run", {"program": "absent-program"}),
            ("no BatchNorm layer of ResNet was chosen", {"layers": "head"}),
        ):
            with self.subTest(words), self.assertRaisesRegex(ToolError, words):
                recalibrate(self.model, **({"batches": self.batches} | self.options | options))
        with self.assertRaisesRegex(ToolError, "a batch has one value of each feature"):
            recalibrate(nn.Sequential(nn.BatchNorm1d(3)), [torch.ones(4, 3), torch.ones(1, 3)], **self.options)
        with self.assertRaisesRegex(ToolError, "start is own; it must be batch or running"):
            recalibrate(self.model, self.batches, start="own", **self.options)
        self.batches[3][2] = torch.nan
        before = copy.deepcopy(self.model.state_dict())
        with self.assertRaisesRegex(ToolError, "NaN|not finite|nonfinite"):
            recalibrate(self.model, self.batches, **self.options)
        for name, value in before.items():
            self.assertTrue(torch.equal(value, self.model.state_dict()[name]), name)

    def test_command(self) -> None:
        self.save()
        command = [sys.executable, "-B", "-m", "bn_stream", *self.arguments()]
        paths = os.pathsep.join([str(ROOT / "tools" / "python"), str(ROOT / "tools" / "tests")])
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths, "BN_STREAM": str(program())}
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stdout,
            r"\Alayer +round 1 +round 2 .*\n(?s:.*)\nsettled: .*\n\S*/new\.ckpt: 5 layers by population; receipt: \S*/new\.ckpt\.receipt\.json\n\Z",
        )
        self.assertRegex(done.stderr, r"\Around 1: 5 layers moved by .* at most\nround 2: ")
        whole = torch.load(self.folder / "new.ckpt", weights_only=True)
        self.assertEqual(whole["epoch"], 3)
        self.model.load_state_dict({key.removeprefix("module."): value for key, value in whole["state_dict"].items()})
        self.assertConsistent(self.model, 2e-3)
        self.assertTrue(json.loads((self.folder / "new.ckpt.receipt.json").read_text())["is_settled"])

    def save(self) -> None:
        """The model and its data as files."""
        state = {f"module.{key}": value for key, value in self.model.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": state}, self.folder / "model.ckpt")
        np.save(self.folder / "x.npy", torch.cat(self.batches).numpy())

    def arguments(self, *options: str) -> list[str]:
        names = {"checkpoint": "model.ckpt", "data": "x.npy", "out": "new.ckpt"}
        files = [word for option, name in names.items() for word in (f"--{option}", str(self.folder / name))]
        return ["recalibrate", "--model", "small_networks:ResNet(8)", *files, "--batch-size", "100", *options]

    def run_here(self, *options: str) -> tuple[dict, list[str], int]:
        """The receipt, the lines on standard error and the exit code of the command, which runs in this process."""
        out, error = io.StringIO(), io.StringIO()
        receipt = self.folder / "r.json"
        arguments = self.arguments("--receipt", str(receipt), "--force", "--layer", "stem.*", *options)
        with (
            mock.patch.dict(os.environ, BN_STREAM=str(program())),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
        ):
            code = main(arguments)
        return json.loads(receipt.read_text()) if code == 0 else {}, error.getvalue().splitlines(), code

    def test_what_the_command_is_told_goes_on_to_recalibrate(self) -> None:
        self.save()
        found, lines, _ = self.run_here(
            *("--estimator", "mean_of_batches", "--prior", "150", "--batches", "2"),
            *("--start", "running", "--tolerance", "5", "--element-type", "bfloat16"),
        )
        self.assertEqual((found["tolerance"], found["is_settled"], len(lines)), (5, True, 1))
        self.assertEqual([layer["module"] for layer in found["receipt"]["layers"]], ["stem.1"])
        self.assertFalse((self.folder / "new.ckpt.receipt.json").exists())
        x = torch.stack([self.model.stem[0](part).detach().bfloat16().double() for part in self.batches[:2]])
        state = torch.load(self.folder / "new.ckpt", weights_only=True)["state_dict"]
        for name, now in (("mean", x.mean((0, 1, 3, 4))), ("var", x.var((1, 3, 4)).mean(0))):
            before = getattr(self.model.stem[1], f"running_{name}")
            np.testing.assert_allclose(
                state[f"module.stem.1.running_{name}"], (150 * before.double() + 200 * now) / 350, rtol=1e-6, atol=1e-7
            )

        found, lines, _ = self.run_here("--rounds", "1", "--limit", "350")
        self.assertEqual((found["is_settled"], len(lines), found["receipt"]["layers"][0]["samples"]), (False, 1, 300))
        found, lines, _ = self.run_here("--sweep")
        self.assertRegex("\n".join(lines), r"\A/stem/1 moved by [0-9.e-]+\Z")
        _, lines, code = self.run_here("--folder", str(self.folder / "absent"))
        self.assertEqual((code, len(lines)), (1, 1))
        self.assertIn("absent/bn-stream-recalibrate-", lines[0])


if __name__ == "__main__":
    unittest.main()
