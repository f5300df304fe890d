"""The recorder on small models: what it writes is what PyTorch computed with."""

import pathlib
import subprocess
import sys
import textwrap
import unittest
import warnings

from support import FolderTestCase, need

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from dump_activations import ActivationRecorder, RecorderError  # noqa: E402
from bn_stream.hdf5_layers import read_float64  # noqa: E402
from torch import nn  # noqa: E402

TOOLS = pathlib.Path(__file__).resolve().parents[1]


def convolution(**batch_norm) -> nn.Sequential:
    """With a ReLU in place, which overwrites the output of batch normalization before its gradient is known."""
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, **batch_norm), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 5))


def batches(*sizes: int) -> list[torch.Tensor]:
    return [torch.randn(size, 2, 4, 4) for size in sizes]


class RecorderTestCase(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        torch.manual_seed(3)
        torch.set_num_threads(1)  # more only wait for each other on tensors as small as these
        self.path = self.folder / "acts.h5"

    def record(self, model: nn.Module, inputs: list[torch.Tensor], backward: bool = True, **options) -> h5py.File:
        with ActivationRecorder(model, self.path, force=True, restore=False, **options) as recorder, recorder.recording():
            for x in inputs:
                y = model(x)
                if backward:
                    y.square().sum().backward()
        file = h5py.File(self.path)
        self.addCleanup(file.close)
        return file

    def assertClose(self, file: h5py.File, name: str, expected: torch.Tensor, tolerance: float = 1e-6) -> None:
        found = torch.from_numpy(read_float64(file[name], 0, file[name].shape[0]))
        torch.testing.assert_close(found, expected.detach().double(), rtol=tolerance, atol=tolerance, msg=lambda text: f"{name}: {text}")


class RecordingTests(RecorderTestCase):
    def compare(self, training: bool) -> None:
        """The batch norm of what was recorded, computed by PyTorch anew, is what the layer gave."""
        model, inputs = convolution().train(training), batches(5, 5, 2)
        layer = model[1]
        for values in (layer.weight, layer.bias, layer.running_mean):
            nn.init.normal_(values)
        nn.init.uniform_(layer.running_var, 0.5, 2)
        mean, var = layer.running_mean.clone(), layer.running_var.clone()
        outputs = []
        layer.register_forward_hook(lambda module, given, output: outputs.append(output.detach().clone()))
        file = self.record(model, inputs, expected=True)

        group = file["1"]
        offsets = group["batch_offsets"][:].tolist()
        self.assertEqual(offsets, [0, 5, 10, 12])
        statistics = "batch" if training else "running"
        self.assertEqual({key: group.attrs[key] for key in ("epsilon", "momentum", "feature_axis", "statistics")},
                         {"epsilon": 1e-5, "momentum": 0.1, "feature_axis": 1, "statistics": statistics})
        for name, value in (("gamma", layer.weight), ("beta", layer.bias), ("running_mean", mean), ("running_var", var)):
            self.assertClose(file, f"1/{name}", value, 0)
        x, dy = torch.from_numpy(group["activations"][:]), torch.from_numpy(group["grad_output"][:])
        gradients = []
        for start, stop, y in zip(offsets[:-1], offsets[1:], outputs, strict=True):
            leaf = x[start:stop].clone().requires_grad_()
            again = nn.functional.batch_norm(leaf, mean, var, layer.weight, layer.bias, training, 0.1, 1e-5)
            torch.testing.assert_close(again, y)
            # What was recorded as dL/dy leads to the dL/dx that the rest of the model leads to.
            found, = torch.autograd.grad(again, leaf, dy[start:stop], retain_graph=True)
            model[2:](again.clone()).square().sum().backward(inputs=[leaf])
            torch.testing.assert_close(found, leaf.grad, rtol=1e-4, atol=1e-5)
            gradients.append(leaf.grad)

        self.assertClose(file, "expected/1/output", torch.cat(outputs), 1e-5)
        self.assertClose(file, "expected/1/grad_input", torch.cat(gradients), 1e-4)
        self.assertClose(file, "expected/1/running_mean", layer.running_mean)
        self.assertClose(file, "expected/1/running_var", layer.running_var)
        values = x.double().transpose(0, 1).reshape(3, -1)
        self.assertClose(file, "expected/1/population_mean", values.mean(1), 1e-12)
        self.assertClose(file, "expected/1/population_var", values.var(1, correction=0), 1e-12)
        names = ["count", "grad_beta", "grad_gamma", *(["inv_std", "mean", "var"] if training else [])]
        self.assertEqual(list(file["expected/1/batches"]), names)

    def test_training(self) -> None:
        self.compare(training=True)

    def test_evaluation(self) -> None:
        self.compare(training=False)

    def test_gradients_of_parameters_are_those_that_the_model_got(self) -> None:
        model = convolution()
        file = self.record(model, batches(4, 3), expected=True)
        self.assertClose(file, "expected/1/grad_gamma", model[1].weight.grad, 1e-4)
        self.assertClose(file, "expected/1/grad_beta", model[1].bias.grad, 1e-4)

    def test_storage_does_not_change_values(self) -> None:
        model, inputs = convolution(), batches(3, 4)
        reference = {name: self.record(model, inputs)[f"1/{name}"][:] for name in ("activations", "grad_output")}
        for options, chunked in (({}, False), ({"repack": False}, True), ({"samples": 7}, False)):
            with self.subTest(**options):
                file = self.record(model, inputs, **options)
                for name, values in reference.items():
                    self.assertEqual(file[f"1/{name}"].chunks is not None, chunked)
                    np.testing.assert_array_equal(file[f"1/{name}"][:], values)

    def test_bfloat16(self) -> None:
        model, seen = convolution().to(torch.bfloat16), []
        model[1].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        file = self.record(model, [x.to(torch.bfloat16) for x in batches(3, 2)])
        self.assertEqual(file["1/activations"].id.get_type().get_size(), 2)
        self.assertClose(file, "1/activations", torch.cat(seen), 0)
        self.assertClose(file, "1/gamma", model[1].weight, 0)

    def test_layers_without_parameters_and_with_a_cumulative_average(self) -> None:
        model = convolution(affine=False, momentum=None)
        file = self.record(model, batches(3, 3, 2), backward=False, expected=True)
        self.assertClose(file, "expected/1/running_mean", model[1].running_mean)
        self.assertClose(file, "expected/1/running_var", model[1].running_var)
        self.assertEqual(sorted(file["1"]), ["activations", "batch_offsets", "running_mean", "running_var"])
        self.assertEqual(file["1"].attrs["momentum"], "none")
        self.assertNotIn("grad_input", file["expected/1"])

    def test_names_and_the_choice_of_layers(self) -> None:
        model = nn.Sequential()
        model.add_module("block", nn.ModuleDict({"a": nn.BatchNorm1d(2), "b": nn.BatchNorm1d(2)}))
        model.forward = lambda x: model.block["a"](x) + model.block["b"](x)
        file = self.record(model, [torch.randn(3, 2)], layers=lambda name: name.endswith("b"))
        self.assertEqual((list(file), list(file["block"])), (["block"], ["b"]))

    def test_a_model_that_is_a_layer_is_the_root_group(self) -> None:
        file = self.record(nn.BatchNorm1d(2), [torch.randn(3, 2), torch.randn(4, 2)])
        self.assertEqual((file["activations"].shape, file.attrs["feature_axis"]), ((7, 2), 1))

    def test_a_layer_that_is_applied_twice_gives_two_batches(self) -> None:
        layer = nn.BatchNorm1d(2)
        file = self.record(nn.Sequential(layer, nn.Tanh(), layer), [torch.randn(3, 2)])
        self.assertEqual(file["0/batch_offsets"][:].tolist(), [0, 3, 6])

    def test_equal_runs_give_equal_bytes(self) -> None:
        for name in ("first", "second"):
            torch.manual_seed(3)
            self.record(convolution(), batches(3, 4), expected=True).close()
            self.path.rename(self.folder / name)
        self.assertSameBytes(self.folder / "first", self.folder / "second")


class RefusalTests(RecorderTestCase):
    def refused(self, model: nn.Module, words: str, use, **options) -> None:
        with self.assertRaisesRegex(RecorderError, words):
            with ActivationRecorder(model, self.path, restore=False, **options) as recorder, recorder.recording():
                use(model)
        self.assertEqual(list(self.folder.iterdir()), [], "something was left behind")

    def test_what_cannot_be_recorded(self) -> None:
        def step(model: nn.Module) -> None:
            model(batches(3)[0])
            nn.init.ones_(model[1].bias)
            model(batches(3)[0])

        def backward_twice(model: nn.Module) -> None:
            y = model(batches(3)[0]).sum()
            y.backward(retain_graph=True)
            y.backward()

        def change_mode(model: nn.Module) -> None:
            model(batches(3)[0])
            model.eval()(batches(3)[0])

        def half(model: nn.Module) -> None:
            model(batches(3)[0]).sum().backward()
            model(batches(3)[0])

        self.refused(convolution(), "beta of 1 changed while recording; do not step", step)
        self.refused(convolution(), "a second backward pass reached batch 0 of 1", backward_twice)
        self.refused(convolution(), "changed between training and evaluation mode", change_mode)
        self.refused(convolution(), "1 of 2 batches of 1 got no gradient", half)
        self.refused(convolution(), "received 3 samples or more, but samples=2", lambda model: model(batches(3)[0]), samples=2)
        self.refused(convolution(), "received 3 samples, but samples=4", lambda model: model(batches(3)[0]), samples=4)
        self.refused(nn.Sequential(nn.BatchNorm1d(2)), r"changed from \(2, 3\) to \(2, 4\) a sample",
                     lambda model: (model(torch.randn(3, 2, 3)), model(torch.randn(3, 2, 4))))

    def test_what_was_never_used(self) -> None:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            self.refused(convolution(), "nothing was recorded", lambda model: None)
        self.assertIn("1 was never used while recording and is not in the file", [str(warning.message) for warning in said])

    def test_before_anything_is_written(self) -> None:
        self.refused(nn.Linear(2, 2), "Linear has no BatchNorm layer", lambda model: None)
        named = nn.Sequential()
        named.add_module("expected", nn.BatchNorm1d(2))
        self.refused(named, "a module is named `expected`", lambda model: None, expected=True)

    def test_a_file_that_exists_stays(self) -> None:
        self.path.write_text("mine")
        with self.assertRaisesRegex(RecorderError, "exists; pass force=True"):
            ActivationRecorder(convolution(), self.path)
        with self.assertRaises(ZeroDivisionError), ActivationRecorder(convolution(), self.path, force=True):
            1 / 0
        self.assertEqual((self.path.read_text(), len(list(self.folder.iterdir()))), ("mine", 1))


class CommandTests(RecorderTestCase):
    def run_command(self, *arguments: str) -> subprocess.CompletedProcess:
        (self.folder / "mine.py").write_text(textwrap.dedent("""
            import torch
            def model():
                torch.manual_seed(0)
                return torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
            def data():
                while True:
                    yield torch.randn(4, 3), torch.randint(2, (4,))
            """))
        command = [sys.executable, "-B", str(TOOLS / "dump_activations.py"), "--out", "acts.h5", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)

    def test_it_records_as_many_batches_as_it_is_told(self) -> None:
        done = self.run_command("--model", "mine:model", "--data", "mine:data", "--batches", "3")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with h5py.File(self.path) as file:
            self.assertEqual((file["0/activations"].shape, sorted(file["0"])[3]), ((12, 3), "gamma"))
            self.assertIn("grad_output", file["0"])

    def test_an_error_is_one_line(self) -> None:
        done = self.run_command("--model", "mine:absent", "--data", "mine:data")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Adump_activations: cannot import `mine:absent`: .*\n\Z")
        # Of whatever kind it is.
        done = self.run_command("--model", "mine:model", "--data", "mine:data", "--checkpoint", __file__)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Adump_activations: .*\n\Z")


if __name__ == "__main__":
    unittest.main()
