"""Models that are more than a chain of BatchNorm modules: recorded right, or refused by name."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import unittest
import warnings
from unittest import mock

from stand_ins import stand_in_for_torchvision
from support import ROOT, FolderTestCase, need, run_program

np, h5py, torch = need("numpy"), need("h5py"), need("torch", version=2)

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from bn_stream import ActivationRecorder, RecorderError, hdf5_layers, read  # noqa: E402


class NormThenReLU(nn.BatchNorm2d):
    def forward(self, x):
        return torch.relu(super().forward(x))


class ScaledNorm(nn.BatchNorm2d):
    """Does more, and does not call `batch_norm` for it."""

    def forward(self, x):
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        return 2 * (x - mean) / (var + self.eps).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]


class OwnNorm(nn.BatchNorm2d):
    """Batch normalization, computed by hand."""

    def forward(self, x):
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]


class GhostNorm(nn.BatchNorm2d):
    """Normalizes the parts of a batch by themselves."""

    def forward(self, x):
        return torch.cat([super(GhostNorm, self).forward(part) for part in x.chunk(2)])


def network(norm) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Conv2d(4, 2, 3))


class ModelTestCase(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        torch.manual_seed(5)
        torch.set_num_threads(1)
        self.path = self.folder / "acts.h5"

    def record(self, model, inputs, backward: bool = True, **options) -> h5py.File:
        options = {"force": True, "restore": False} | options
        with ActivationRecorder(model, self.path, **options) as recorder, recorder.recording(), torch.set_grad_enabled(backward):
            for x in inputs:
                y = model(x)
                if backward:
                    y.square().sum().backward()
        file = h5py.File(self.path)
        self.addCleanup(file.close)
        return file

    def compute(self, *options: object):
        run_program("--in", self.path, "--out", self.folder / "out.h5", "--force", "--quiet", *options)
        results = read(self.folder / "out.h5")
        self.addCleanup(results.close)
        return results

    def images(self, *sizes: int):
        return [torch.randn(size, 3, 6, 6) + 1 for size in sizes]


class ModuleTests(ModelTestCase):
    """What bn-stream computes of the recording are the gradients that autograd gave the model's parameters."""

    def assertGradients(self, model, inputs, layers, **options) -> None:
        self.record(model, inputs, **options)
        results = self.compute()
        for name, layer in layers.items():
            for key, parameter in (("grad_gamma", layer.weight), ("grad_beta", layer.bias)):
                expected = parameter.grad.double().numpy()
                np.testing.assert_allclose(
                    results[name][key], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max(), err_msg=f"{name} {key}"
                )

    def test_subclasses_that_do_more_around_it(self) -> None:
        for norm in (NormThenReLU(4), OwnNorm(4), GhostNorm(4)):
            with self.subTest(type(norm).__name__):
                nn.init.uniform_(norm.weight, 0.5, 2), nn.init.normal_(norm.bias)
                self.assertGradients(network(norm), self.images(8, 8), {"1": norm})
        with h5py.File(self.path) as file:
            self.assertEqual(file["1/batch_offsets"][:].tolist(), [0, 4, 8, 12, 16])  # GhostNorm's

    def test_one_that_does_more_in_a_way_of_its_own_is_refused(self) -> None:
        with self.assertRaisesRegex(
            RecorderError, r"1 is a ScaledNorm, which does not only normalize: its first output differs by 1 of its greatest"
        ):
            self.record(network(ScaledNorm(4)), self.images(8))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_networks_of_timm(self) -> None:
        stand_in_for_torchvision(self)
        timm = need("timm")
        for name, activation in (("resnet18", False), ("efficientnet_b0", True)):
            with self.subTest(name):
                model = timm.create_model(name, num_classes=7).train()
                layers = {own: module for own, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
                self.assertEqual(any(type(module).__name__ == "BatchNormAct2d" for module in layers.values()), activation)
                inputs = [torch.randn(4, 3, 64, 64)]
                self.record(model, inputs)
                results = self.compute()
                self.assertEqual(len(results), len(layers))
                for own, layer in layers.items():
                    expected = layer.weight.grad.double().numpy()
                    np.testing.assert_allclose(
                        results[own]["grad_gamma"], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max(), err_msg=own
                    )

    def test_compiled_models(self) -> None:
        inner = network(nn.BatchNorm2d(4))
        compiled = torch.compile(inner, backend="eager")
        compiled(self.images(8)[0])  # compiled before anybody listens
        inner.zero_grad()
        self.assertGradients(compiled, self.images(8, 5), {"1": inner[1]})
        other = network(nn.BatchNorm2d(4))
        other[1].compile(backend="eager")
        self.assertGradients(other, self.images(8, 5), {"1": other[1]})

    def test_checkpointing(self) -> None:
        class Checkpointed(nn.Module):
            def __init__(self, use_reentrant: bool) -> None:
                super().__init__()
                self.inner, self.use_reentrant = network(nn.BatchNorm2d(4)), use_reentrant

            def forward(self, x):
                return checkpoint(self.inner, x, use_reentrant=self.use_reentrant)

        model = Checkpointed(use_reentrant=False)
        self.assertGradients(model, self.images(8, 5), {"inner.1": model.inner[1]})
        with h5py.File(self.path) as file:
            self.assertEqual(file["inner/1/batch_offsets"][:].tolist(), [0, 8, 13])
        inputs = [x.requires_grad_() for x in self.images(8)]
        with self.assertRaisesRegex(
            RecorderError, "inner.1 is computed again in the backward pass, by torch.utils.checkpoint with use_reentrant=True"
        ):
            self.record(Checkpointed(use_reentrant=True), inputs)

    def test_models_that_cannot_be_looked_into(self) -> None:
        model = network(nn.BatchNorm2d(4))
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
        slash = nn.Sequential()
        slash.add_module("a/b", nn.BatchNorm2d(3))
        for other, words in (
            (torch.jit.script(model), "is a TorchScript program"),
            (nn.DataParallel(model), "DataParallel runs copies of the layers"),
            (nn.Sequential(nn.LazyBatchNorm2d()), "does not know its number of features yet"),
            (slash, "the name of a/b has a slash"),
        ):
            with self.subTest(words), self.assertRaisesRegex(RecorderError, words):
                ActivationRecorder(other, self.path)
        with self.assertRaisesRegex(RecorderError, r"no BatchNorm layer of Sequential was chosen; there is 1$"):
            ActivationRecorder(model, self.path, layers="head.*")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_forward_that_somebody_else_replaced_comes_back(self) -> None:
        model = network(nn.BatchNorm2d(4))
        own = model[1].forward = lambda x: functional.batch_norm(
            x, model[1].running_mean, model[1].running_var, model[1].weight, model[1].bias, True
        )
        self.record(model, self.images(8))
        self.assertIs(model[1].__dict__["forward"], own)
        self.assertNotIn("forward", model.__dict__)


class ChoiceTests(ModelTestCase):
    def test_depth_is_the_order_of_first_calls(self) -> None:
        from small_networks import ResNet

        file = self.record(ResNet(), [torch.randn(4, 1, 8, 8)])
        names = ["stem/1", "blocks/0/bn1", "blocks/0/bn2", "blocks/1/bn1", "blocks/1/bn2"]
        self.assertEqual([file[name].attrs["depth"] for name in names], [0, 1, 2, 3, 4])

    def test_layers_by_pattern(self) -> None:
        from small_networks import ResNet

        for layers in ("blocks.*.bn2", ["/blocks/*/bn2"], lambda name: name.startswith("blocks") and name.endswith("bn2")):
            file = self.record(ResNet(), [torch.randn(4, 1, 8, 8)], layers=layers)
            self.assertEqual((list(file), list(file["blocks/0"]), list(file["blocks/1"])), (["blocks"], ["bn2"], ["bn2"]))
            file.close()

    def test_a_limit_leaves_whole_batches(self) -> None:
        model = network(nn.BatchNorm2d(4))
        with ActivationRecorder(model, self.path, limit=20, restore=False) as recorder, recorder.recording():
            given = 0
            for x in self.images(8, 8, 8, 8):
                if recorder.is_full:
                    break
                given += 1
                model(x).sum().backward()
        with h5py.File(self.path) as file:
            self.assertEqual((file["1/batch_offsets"][:].tolist(), file["1/activations"].shape[0], given), ([0, 8, 16], 16, 3))
            self.assertEqual(file["1/grad_output"].shape[0], 16)
        with self.assertRaisesRegex(RecorderError, "the first batch of 1 has 8 samples, more than the limit of 5"):
            self.record(model, self.images(8), limit=5)


class StorageTests(ModelTestCase):
    def test_element_types_and_compression(self) -> None:
        model, inputs = network(nn.BatchNorm2d(4)), self.images(8, 5)
        exact = self.record(model, inputs)["1/activations"][:]
        for name in ("float16", "bfloat16", "float32"):
            with self.subTest(name):
                self.record(model, inputs, element_type=name).close()
                self.assertEqual(h5py.File(self.path)["1/activations"].id.get_type().get_size(), 4 if name == "float32" else 2)
                expected = torch.from_numpy(exact).to(getattr(torch, name)).double().numpy()
                np.testing.assert_allclose(self.compute()["1"]["population_mean"], expected.mean((0, 2, 3)), rtol=1e-12)
        file = self.record(model, inputs, gzip=4)
        self.assertEqual(
            (file["1/activations"].compression, file["1/activations"].compression_opts, file["1/activations"].shuffle), ("gzip", 4, True)
        )
        np.testing.assert_array_equal(file["1/activations"][:], exact)

    def test_what_a_type_does_not_hold(self) -> None:
        with self.assertRaisesRegex(
            RecorderError, "activations of 0 has numbers that float16 does not hold, up to 100000; store them as bfloat16"
        ):
            self.record(nn.Sequential(nn.BatchNorm1d(1)), [torch.tensor([[1.0], [1e5]])], element_type="float16")
        for options, words in (
            ({"element_type": "int8"}, "int8 is no element type"),
            ({"gzip": 12}, "gzip=12 is no level"),
            ({"gzip": 1, "samples": 3}, "leave one of them out"),
        ):
            with self.assertRaisesRegex(RecorderError, words):
                ActivationRecorder(nn.BatchNorm1d(1), self.path, **options)

    def test_gradients_are_divided_by_the_scale_of_the_loss(self) -> None:
        model, inputs = network(nn.BatchNorm2d(4)), self.images(8, 5)
        exact = self.record(model, inputs)["1/grad_output"][:]
        scales = iter([1024.0, 1024.0, 512.0, 512.0])
        for given, factors, attribute in (
            (1024, (1024, 1024), 1024),
            (torch.amp.GradScaler("cpu", init_scale=4096.0, enabled=True), (4096, 4096), 4096),
            (lambda: next(scales), (1024, 1024), 1024),
            (lambda: next(scales), (512, 512), 512),
        ):
            with ActivationRecorder(model, self.path, force=True, restore=False, gradient_scale=given) as recorder, recorder.recording():
                for x, factor in zip(inputs, factors):
                    loss = model(x).square().sum()
                    (given.scale(loss) if hasattr(given, "get_scale") else loss * factor).backward()
            with h5py.File(self.path) as file:
                np.testing.assert_array_equal(file["1/grad_output"][:], exact)  # powers of two
                self.assertEqual(file["1"].attrs["gradient_scale"], attribute)

    def test_gradients_of_half_precision_do_not_vanish(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(2)).to(torch.float16)
        with ActivationRecorder(model, self.path, restore=False, gradient_scale=2.0**20) as recorder, recorder.recording():
            (model(torch.randn(8, 2).half()).float() * 1e-7 * 2.0**20).sum().backward()
        with h5py.File(self.path) as file:
            self.assertEqual(file["0/grad_output"].dtype, np.float32)
            np.testing.assert_allclose(file["0/grad_output"][:], 1e-7, rtol=1e-2)  # less than float16's least

    def test_empty_batches(self) -> None:
        model = network(nn.BatchNorm2d(4)).eval()
        for backward in (False, True):
            file = self.record(model, self.images(0, 8, 0, 5), backward=backward)
            self.assertEqual(file["1/batch_offsets"][:].tolist(), [0, 0, 8, 8, 13])
            file.close()
            self.assertEqual(self.compute("--statistics", "batch")["1"]["batches/count"].tolist(), [0, 8, 0, 5])

    def test_the_disk_never_holds_much_more_than_the_file(self) -> None:
        model = nn.Sequential(nn.BatchNorm1d(256)).eval()
        greatest, stop = 0, threading.Event()

        def watch() -> None:
            nonlocal greatest
            while not stop.is_set():
                total = 0
                for entry in os.scandir(self.folder):
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat().st_blocks * 512
                greatest = max(greatest, total)
                time.sleep(0.001)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            # 64 MiB in chunks of 1 MiB, of which one and a half at once are copied.
            with (
                mock.patch.object(hdf5_layers, "COPY_BYTES", 3 << 19),
                ActivationRecorder(model, self.path) as recorder,
                recorder.recording(),
                torch.no_grad(),
            ):
                x = torch.randn(2048, 256)
                for _ in range(32):
                    model(x)
        finally:
            stop.set()
            thread.join()
        final = self.path.stat().st_blocks * 512
        self.assertGreater(final, 64 << 20)
        self.assertLess(greatest, 1.05 * final)
        with h5py.File(self.path) as file:
            self.assertIsNone(file["0/activations"].chunks)
            for start in range(0, 65536, 2048):
                np.testing.assert_array_equal(file["0/activations"][start : start + 2048], x)

    def test_what_is_freed_was_copied_to_the_end(self) -> None:
        """Stretches that end within chunks, read without the library's cache, which would hide it."""
        from bn_stream.recording.recording_file import copy_and_free

        values = np.arange(64 * 8192, dtype=np.float32).reshape(64, 8192)
        with h5py.File(self.path, "w") as file:
            file.create_dataset("x", data=values, chunks=(7, 8192))
        with h5py.File(self.path, "r", rdcc_nbytes=0) as source, h5py.File(self.folder / "copy.h5", "w") as target:
            with mock.patch.object(hdf5_layers, "COPY_BYTES", 10 * values[0].nbytes):
                copy_and_free(str(self.path), source, target)
            np.testing.assert_array_equal(target["x"][:], values)
        self.assertLess(self.path.stat().st_blocks * 512, values.nbytes / 4)

    def test_a_disk_that_is_too_small_is_said_at_once(self) -> None:
        usage = mock.Mock(free=10 << 10)
        model = network(nn.BatchNorm2d(4))
        with mock.patch("bn_stream.recording.progress.shutil.disk_usage", return_value=usage):
            with self.assertRaisesRegex(RecorderError, r"would take 20\.0 KiB, and 10\.0 KiB are free; record fewer samples"):
                self.record(model, self.images(*[8] * 10), backward=False, passes_expected=10)


class StatisticsTests(ModelTestCase):
    def test_the_models_own_statistics(self) -> None:
        for restore in (True, False, None):
            model = network(nn.BatchNorm2d(4))
            before = {name: buffer.clone() for name, buffer in model.named_buffers()}
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                file = self.record(model, self.images(8, 8), restore=restore)
            np.testing.assert_array_equal(file["1/running_mean"][:], before["1.running_mean"])
            moved = any(not torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
            self.assertEqual(moved, restore is not True)
            texts = [str(warning.message) for warning in said]
            self.assertEqual(any("moved the running statistics of 1 layer," in text for text in texts), restore is None, texts)
            file.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.record(network(nn.BatchNorm2d(4)).eval(), self.images(8), restore=None)


class ResumeTests(ModelTestCase):
    def broken(self, model, inputs, at: int, **options) -> None:
        """The data fails behind batch `at`, in the middle of the next one's backward pass."""
        with self.assertRaises(ZeroDivisionError):
            with ActivationRecorder(model, self.path, restore=False, resumable=True, **options) as recorder, recorder.recording():
                for number, x in enumerate(inputs):
                    y = model(x)
                    if number == at:
                        1 / 0
                    y.square().sum().backward()

    def test_what_was_recorded_before_an_exception_is_gone_on_with(self) -> None:
        model, inputs = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), self.images(8, 8, 5, 7)
        with self.record(model, inputs) as whole:
            expected = {f"{layer}/{key}": whole[layer][key][:] for layer in "02" for key in whole[layer]}
            attributes = dict(whole["2"].attrs)
        self.path.unlink()
        torch.manual_seed(5)
        for layer in (model[0], model[2]):
            layer.reset_running_stats()
        self.broken(model, inputs, at=2)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["acts.h5.partial"])
        with ActivationRecorder(model, self.path, restore=False, resumable=True) as recorder, recorder.recording():
            self.assertEqual(recorder.passes, 2)
            for x in inputs[recorder.passes :]:
                model(x).square().sum().backward()
        with h5py.File(self.path) as file:
            for name, values in expected.items():
                np.testing.assert_array_equal(file[name][:], values, err_msg=name)
            self.assertEqual(dict(file["2"].attrs), attributes)
            self.assertNotIn("recorded_passes", file.attrs)
            self.assertIsNone(file["2/activations"].chunks)

    def test_another_model_does_not_go_on(self) -> None:
        model = network(nn.BatchNorm2d(4))
        self.broken(model, self.images(8, 8, 8), at=2)
        nn.init.uniform_(model[1].weight)
        with self.assertRaisesRegex(
            RecorderError, "gamma of 1 is not what it was in the part that is recorded already; record anew with force=True"
        ):
            with ActivationRecorder(model, self.path, restore=False, resumable=True) as recorder, recorder.recording():
                model(self.images(8)[0])

    def test_nothing_is_left_where_nothing_is_whole(self) -> None:
        self.broken(network(nn.BatchNorm2d(4)), self.images(8), at=0)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_file_that_is_no_beginning(self) -> None:
        with h5py.File(str(self.path) + ".partial", "w") as file:
            file["a"] = 1
        with self.assertRaisesRegex(RecorderError, "is not the beginning of a recording"):
            ActivationRecorder(network(nn.BatchNorm2d(4)), self.path, resumable=True)


RANK = """
import sys, torch
from torch import nn
from bn_stream import ActivationRecorder
rank = int(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(0)
inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
model = nn.parallel.DistributedDataParallel(inner)
generator = torch.Generator().manual_seed(rank)
with ActivationRecorder(model, "acts.h5", restore=True) as recorder, recorder.recording():
    for size in (4, 6 + rank):
        model(torch.randn(size, 3, generator=generator)).square().sum().backward()
"""


class RankTests(ModelTestCase):
    def test_two_ranks_make_one_file(self) -> None:
        env = os.environ | {"PYTHONPATH": str(ROOT / "tools" / "python"), "OMP_NUM_THREADS": "1"}
        processes = [
            subprocess.Popen(
                [sys.executable, "-B", "-c", RANK, str(rank), str(self.folder / "store")],
                cwd=self.folder,
                env=env,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]
        for process in processes:
            _, error = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, error)
        self.assertEqual(sorted(path.name for path in self.folder.glob("acts*")), ["acts.h5"])
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        generators = [torch.Generator().manual_seed(rank) for rank in range(2)]
        order = [
            model[0](torch.randn(size + (number * rank), 3, generator=generators[rank]))
            for number, size in enumerate((4, 6))
            for rank in range(2)
        ]
        with h5py.File(self.path) as file:
            self.assertEqual(file["1/batch_offsets"][:].tolist(), [0, 4, 8, 14, 21])
            np.testing.assert_allclose(file["1/activations"][:], torch.cat(order).detach(), rtol=1e-6, atol=1e-6)
            self.assertEqual((file["1/grad_output"].shape, "recording" in file.attrs, file["1"].attrs["depth"]), ((21, 4), False, 0))

    def test_layers_that_were_normalized_together_are_one_batch(self) -> None:
        from bn_stream.recording import ranks

        paths = []
        for number in range(2):
            self.path.unlink(missing_ok=True)
            self.record(network(nn.BatchNorm2d(4)).eval(), self.images(4 + number, 3), backward=False).close()
            paths.append(str(self.folder / f"rank{number}.h5"))
            os.rename(self.path, paths[-1])
            with h5py.File(paths[-1], "r+") as file:
                ranks.mark(file, ranks.Rank(number, 2, "same"), ["/1"])
        ranks.join_ranks(paths[::-1], str(self.path))
        with h5py.File(self.path) as file, h5py.File(paths[1]) as second:
            self.assertEqual(file["1/batch_offsets"][:].tolist(), [0, 9, 15])
            np.testing.assert_array_equal(file["1/activations"][4:9], second["1/activations"][:5])
            self.assertNotIn("synchronized", file["1"].attrs)
        with h5py.File(paths[1], "r+") as file:
            file.attrs["recording"] = "another"
        with self.assertRaisesRegex(RecorderError, "are not the ranks of one recording"):
            ranks.join_ranks(paths, str(self.folder / "x.h5"))


if __name__ == "__main__":
    unittest.main()
