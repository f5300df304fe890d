"""Statistics go into a model's file, and a receipt says what that changed."""

import copy
import hashlib
import json
import os
import subprocess
import sys
import unittest

from support import ROOT, need, run_program

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from loading_case import LoadTestCase  # noqa: E402
from torch import nn  # noqa: E402

from bn_stream import LoadError, load  # noqa: E402


def root_mean_square(values) -> float:
    return np.sqrt(np.mean(np.square(values)))


class FileTests(LoadTestCase):
    def run_load(self, *options: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-B", "-m", "bn_stream", "load", "stats.h5", "--into", "m.pt", "--out", "n.pt", *options]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "tools" / "python")}
        )

    def loaded(self, name: str, content, **options):
        out = self.folder / f"out-{name}"
        torch.save(content, self.folder / name)
        receipt = load(self.stats, self.folder / name, out=out, **options)
        return torch.load(out, weights_only=True), receipt

    def test_a_state_dict_alone_or_under_a_key(self) -> None:
        model, x = self.dense()
        for name, content, inside, options in (
            ("a.pt", model.state_dict(), lambda whole: whole, {}),
            ("b.ckpt", {"epoch": 7, "state_dict": model.state_dict()}, lambda whole: whole["state_dict"], {}),
            ("c.pth", {"ours": model.state_dict(), "theirs": model.state_dict()}, lambda whole: whole["ours"], {"key": "ours"}),
            (
                "d.pt",
                {f"module.{key}": value for key, value in model.state_dict().items()},
                lambda whole: {key[7:]: value for key, value in whole.items()},
                {},
            ),
            (
                "e.pt",
                {f"net.{key}": value for key, value in model.state_dict().items()},
                lambda whole: {key[4:]: value for key, value in whole.items()},
                {"prefix": "net."},
            ),
        ):
            with self.subTest(name):
                whole, receipt = self.loaded(name, content, **options)
                np.testing.assert_allclose(inside(whole)["1.running_mean"], x.mean(0), rtol=1e-6, atol=1e-7)
                self.assertTrue(torch.equal(inside(whole)["0.weight"], model[0].weight))
                self.assertEqual(receipt.model["sha256_before"], hashlib.sha256((self.folder / name).read_bytes()).hexdigest())
        self.assertEqual(self.loaded("b.ckpt", {"epoch": 7, "state_dict": model.state_dict()}, force=True)[0]["epoch"], 7)
        with self.assertRaisesRegex(LoadError, "statistics under ours and theirs; say which with --key"):
            self.loaded("f.pt", {"ours": model.state_dict(), "theirs": model.state_dict()})

    def test_safetensors_keeps_its_metadata(self) -> None:
        library = need("safetensors.torch")
        model, x = self.dense()
        library.save_file(model.state_dict(), self.folder / "m.safetensors", metadata={"format": "pt", "who": "me"})
        load(self.stats, self.folder / "m.safetensors", out=self.folder / "n.safetensors")
        with need("safetensors").safe_open(self.folder / "n.safetensors", "pt") as file:
            self.assertEqual(file.metadata(), {"format": "pt", "who": "me"})
            np.testing.assert_allclose(file.get_tensor("1.running_var"), x.var(0), rtol=1e-6)

    def test_an_input_that_has_changed_is_not_hashed(self) -> None:
        model, _ = self.dense()
        status = self.acts.stat()

        def digest(**options):
            return load(self.stats, model, **options).input["sha256"]

        self.assertEqual(digest(), hashlib.sha256(self.acts.read_bytes()).hexdigest())
        self.assertIsNone(digest(hash_input=False))
        os.utime(self.acts, (1e9, 1e9))  # of the same size, but from 2001
        self.assertIsNone(digest())
        with self.acts.open("ab") as file:
            file.write(b"x")
        os.utime(self.acts, ns=(status.st_atime_ns, status.st_mtime_ns))  # of that time, but longer
        self.assertIsNone(digest())

    def test_receipt_of_several_inputs(self) -> None:
        model, x = self.dense()
        names = [self.folder / "acts-0.h5", self.folder / "acts-1.h5"]
        for name, part in zip(names, (x[:20], x[20:]), strict=True):
            with h5py.File(name, "w") as file:
                file["1/activations"] = part
        run_program("--in", *names, "--out", self.stats, "--force", "--quiet")
        receipt = load(self.stats, model)
        np.testing.assert_allclose(model[1].running_mean, x.mean(0), rtol=1e-6, atol=1e-7)
        self.assertEqual(
            receipt.input["inputs"],
            [{"path": str(name), "sha256": hashlib.sha256(name.read_bytes()).hexdigest()} for name in names],
        )
        status = os.stat(names[0])
        os.utime(names[0], (4e9, 4e9))  # of the same size, but changed later than any
        self.assertEqual({entry["sha256"] for entry in load(self.stats, model).input["inputs"]}, {None})
        os.utime(names[0], ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertNotIn(None, {entry["sha256"] for entry in load(self.stats, model).input["inputs"]})
        names[1].write_bytes(b"")
        self.assertEqual({entry["sha256"] for entry in load(self.stats, model).input["inputs"]}, {None})

    def test_command_and_receipt(self) -> None:
        model, x = self.dense()
        torch.save(model.state_dict(), self.folder / "m.pt")
        done = self.run_load()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(
            done.stdout,
            r"\Alayer +features +samples .*\n/1 +3 +50 +2 +.*\nn\.pt: 1 layer by population; receipt: n\.pt\.receipt\.json\n\Z",
        )
        receipt = json.loads((self.folder / "n.pt.receipt.json").read_text())
        for place, name in (
            (receipt["result"]["sha256"], "stats.h5"),
            (receipt["input"]["sha256"], "acts.h5"),
            (receipt["model"]["sha256_before"], "m.pt"),
            (receipt["model"]["sha256_after"], "n.pt"),
        ):
            self.assertEqual(place, hashlib.sha256((self.folder / name).read_bytes()).hexdigest(), name)
        self.assertNotIn("inputs", receipt["input"])
        (layer,) = receipt["layers"]
        # By hand: 40 and 10 samples, so that the batches weigh 4/5 and 1/5, with PyTorch's epsilon.
        spread = np.sqrt(model[1].running_var.double().numpy() + 1e-5)
        moved = np.abs(x.mean(0) - model[1].running_mean.double().numpy()) / spread
        self.assertAlmostEqual(layer["moved_greatest"], moved.max(), places=6)
        self.assertEqual(
            (layer["moved_greatest_feature"], layer["samples"], layer["batches"], layer["module"]), (moved.argmax(), 50, 2, "1")
        )
        ratio = np.sqrt(x.var(0) + 1e-5) / spread
        batches, weights = (x[:40], x[40:]), np.array([[0.8], [0.2]])

        def error(terms, unit):
            terms = np.array(terms)
            return root_mean_square(np.sqrt(2 * (weights**2 * (terms - (weights * terms).sum(0)) ** 2).sum(0)) / unit)

        for name, expected in (
            ("moved_root_mean_square", root_mean_square(moved)),
            ("spread_least", ratio.min()),
            ("spread_greatest", ratio.max()),
            ("standard_error_of_mean", error([part.mean(0) for part in batches], spread)),
            ("standard_error_of_variance", error([((part - x.mean(0)) ** 2).mean(0) for part in batches], x.var(0) + 1e-5)),
        ):
            self.assertAlmostEqual(layer[name], expected, places=6, msg=name)
        again = self.run_load()
        self.assertEqual(
            (again.returncode, again.stderr),
            (1, "bn_stream load: n.pt.receipt.json exists; choose another name, or replace it with --force\n"),
        )
        self.assertEqual(self.run_load("--force").returncode, 0)

    def test_what_the_command_is_told_goes_on_to_load(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3)).eval()
        self.record(model, [torch.randn(40, 3), 2 * torch.randn(10, 3) + 1])
        self.compute("--statistics", "batch", "--momentum", "none")
        with h5py.File(self.acts) as file:
            x = file["1/activations"][:].astype(np.float64)
        state = {f"net.{name}": value for name, value in model.state_dict().items()}
        torch.save({"ours": state, "theirs": copy.deepcopy(state)}, self.folder / "m.pt")
        done = self.run_load(
            *("--estimator", "mean_of_batches", "--prior", "150", "--layer", "/1", "--prefix", "net."),
            *("--key", "ours", "--receipt", "r.json", "--no-input-hash"),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        whole = torch.load(self.folder / "n.pt", weights_only=True)
        # 0 and 1 from before weigh as 150 samples, and 50 were recorded.
        mean, var = ((x[:40].mean(0) + x[40:].mean(0)) / 2, (x[:40].var(0, ddof=1) + x[40:].var(0, ddof=1)) / 2)
        np.testing.assert_allclose(whole["ours"]["net.1.running_mean"], mean / 4, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(whole["ours"]["net.1.running_var"], 0.75 + var / 4, rtol=1e-6)
        for key, name in (("ours", "net.0.running_mean"), ("theirs", "net.1.running_mean")):
            np.testing.assert_array_equal(whole[key][name], [0, 0, 0])
        receipt = json.loads((self.folder / "r.json").read_text())
        self.assertEqual((receipt["prior"], receipt["estimator"], receipt["kept"]), (150, "mean_of_batches", ["net.0"]))
        self.assertEqual((receipt["input"]["path"], receipt["input"]["sha256"]), (str(self.acts), None))
        self.assertFalse((self.folder / "n.pt.receipt.json").exists())


if __name__ == "__main__":
    unittest.main()
