#!/usr/bin/env python3
"""Record what enters every BatchNorm layer of a PyTorch model, for bn-stream.

For each `BatchNorm1d`, `BatchNorm2d`, `BatchNorm3d` or `SyncBatchNorm` the file gets one group, named after the module
("features.0.bn" becomes /features/0/bn; a model that is itself a BatchNorm layer becomes the root group):

    activations             [N, C, ...]   what entered the layer, batch after batch
    grad_output             [N, C, ...]   dL/dy; absent if no backward pass ran
    gamma, beta             [C]           absent if the layer has none (affine=False)
    running_mean, running_var  [C]        as they were before the first recorded batch
    batch_offsets           [batches+1]   batch b is samples batch_offsets[b] ..< batch_offsets[b+1]

and the attributes `epsilon`, `feature_axis` (always 1), `momentum` (left out when the layer's is None, the cumulative
average, which bn-stream starts anew at the first recorded batch), `statistics` ("batch" or "running": which statistics the layer normalized with) and `framework`.

    with ActivationRecorder(model, "acts.h5") as recorder:
        with recorder.recording():                 # hooks are attached only in here
            for x, target in batches:
                loss(model(x), target).backward()  # do not step the optimizer in here

All recorded batches share one set of parameters, so a parameter that changes while recording is an error. A layer that is
applied several times in one forward pass gives one batch for each application. One batch is held in memory at a time.

With `expected=True` the file also holds, under /expected/<layer path>, PyTorch's own results in float64 on the recorded
tensors: what bn-stream should compute.

From the command line: dump_activations.py --model module:function --data module:function --out acts.h5
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator

import h5py
import numpy as np
import torch
from h5py import h5d, h5p, h5s, h5t
from torch.nn.modules.batchnorm import _BatchNorm

COPY_BYTES = 16 << 20  # how much a copy between files holds in memory
CHUNK_BYTES = 1 << 20


class RecorderError(Exception):
    """The model was used in a way that cannot be recorded; the message says what to do."""


def bfloat16_type() -> h5t.TypeFloatID:
    """The HDF5 type of bfloat16, little-endian: 8 bits of exponent with bias 127 and 7 bits of mantissa."""
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


def create_dataset(group: h5py.Group, name: str, kind: h5t.TypeID, shape: tuple[int, ...], growable: bool) -> h5py.Dataset:
    """A dataset of `shape`: contiguous, or chunked and growable along axis 0. No time stamps, so equal data give equal bytes."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    if growable:
        row_bytes = max(1, int(np.prod(shape[1:])) * kind.get_size())
        plist.set_chunk((max(1, min(max(shape[0], 1), CHUNK_BYTES // row_bytes)), *shape[1:]))
        space = h5s.create_simple(shape, (h5s.UNLIMITED, *shape[1:]))
    else:
        plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5d.FILL_TIME_NEVER)
        space = h5s.create_simple(shape)
    return h5py.Dataset(h5d.create(group.id, name.encode(), kind, space, plist))


def transfer_rows(dataset: h5py.Dataset, start: int, rows: np.ndarray, write: bool) -> None:
    """Write or read `rows` [n, ...] at sample `start`, bytes as they are in the file's element type (numpy has no bfloat16)."""
    if rows.size == 0:
        return
    space = dataset.id.get_space()
    space.select_hyperslab((start,) + (0,) * (rows.ndim - 1), rows.shape)
    (dataset.id.write if write else dataset.id.read)(h5s.create_simple(rows.shape), space, rows, dataset.id.get_type())


def to_numpy(tensor: torch.Tensor) -> tuple[np.ndarray, h5t.TypeID]:
    """The tensor's bits in the processor's memory with their HDF5 type."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy(), bfloat16_type()
    array = tensor.numpy()
    return array, h5t.py_create(array.dtype)


def read_rows(dataset: h5py.Dataset, start: int, stop: int) -> torch.Tensor:
    """Samples start ..< stop as a float64 tensor; HDF5 itself converts, bfloat16 included."""
    rows = np.empty((stop - start, *dataset.shape[1:]), dtype=np.float64)
    if rows.size:
        space = dataset.id.get_space()
        space.select_hyperslab((start,) + (0,) * (rows.ndim - 1), rows.shape)
        dataset.id.read(h5s.create_simple(rows.shape), space, rows, h5t.NATIVE_DOUBLE)
    return torch.from_numpy(rows)


class _Layer:
    """One BatchNorm module and the group its batches go to."""

    def __init__(self, name: str, module: _BatchNorm, samples: int | None) -> None:
        self.name = name or "(the model itself)"
        self.path = "/" + name.replace(".", "/")
        self.module = module
        self.samples = samples
        self.offsets = [0]
        self.with_gradient: set[int] = set()
        self.constants: dict[str, torch.Tensor] = {}
        self.statistics = ""

    def before_forward(self, group: h5py.Group) -> None:
        """Write the parameters before the first batch; afterwards check that they have not changed."""
        module = self.module
        statistics = "batch" if module.training or module.running_mean is None else "running"
        parameters = {"gamma": module.weight, "beta": module.bias}
        if not self.statistics:
            self.statistics = statistics
            parameters |= {"running_mean": module.running_mean, "running_var": module.running_var}
            self.constants = {key: value.detach().clone() for key, value in parameters.items() if value is not None}
            for key, value in self.constants.items():
                array, kind = to_numpy(value)
                transfer_rows(create_dataset(group, key, kind, array.shape, False), 0, array, write=True)
            group.attrs["epsilon"] = float(module.eps)
            if module.momentum is not None:
                group.attrs["momentum"] = float(module.momentum)
            group.attrs["feature_axis"] = 1
            group.attrs["statistics"] = statistics
            group.attrs["framework"] = f"PyTorch {torch.__version__}"
        if statistics != self.statistics:
            raise RecorderError(
                f"{self.name} changed between training and evaluation mode while recording; use one recorder for each mode")
        for key, value in parameters.items():
            if key in self.constants and key in ("gamma", "beta") and not torch.equal(value, self.constants[key]):
                raise RecorderError(
                    f"{key} of {self.name} changed while recording; do not step the optimizer inside recording()")

    def append(self, group: h5py.Group, x: torch.Tensor) -> int:
        """Append x [n, C, ...] to `activations` and return the number of its batch."""
        self._write(group, "activations", self.offsets[-1], x)
        self.offsets.append(self.offsets[-1] + x.shape[0])
        return len(self.offsets) - 2

    def write_gradient(self, group: h5py.Group, batch: int, dy: torch.Tensor) -> None:
        if batch in self.with_gradient:
            raise RecorderError(f"a second backward pass reached batch {batch} of {self.name}; run backward once for each forward")
        self.with_gradient.add(batch)
        self._write(group, "grad_output", self.offsets[batch], dy)

    def _write(self, group: h5py.Group, key: str, start: int, tensor: torch.Tensor) -> None:
        array, kind = to_numpy(tensor)
        stop = start + array.shape[0]
        if key not in group:
            shape = (stop if self.samples is None else self.samples, *array.shape[1:])
            create_dataset(group, key, kind, shape, growable=self.samples is None)
        dataset = group[key]
        if dataset.shape[1:] != array.shape[1:] or dataset.id.get_type() != kind:
            raise RecorderError(
                f"{key} of {self.name} changed from {dataset.shape[1:]} to {array.shape[1:]} a sample (or its element type did); "
                "record batches of one shape, or one recorder for each shape")
        if self.samples is not None and stop > self.samples:
            raise RecorderError(f"{self.name} received {stop} samples or more, but samples={self.samples}; leave `samples` out")
        if stop > dataset.shape[0]:
            dataset.resize(stop, axis=0)
        transfer_rows(dataset, start, array, write=True)

    def finish(self, group: h5py.Group) -> None:
        """Check that what was recorded is whole, and write `batch_offsets`."""
        missing = len(self.offsets) - 1 - len(self.with_gradient)
        if self.with_gradient and missing:
            raise RecorderError(
                f"{missing} of {len(self.offsets) - 1} batches of {self.name} got no gradient; call backward() for each, or for none")
        if self.samples is not None and self.offsets[-1] != self.samples:
            raise RecorderError(f"{self.name} received {self.offsets[-1]} samples, but samples={self.samples}")
        offsets = np.array(self.offsets, dtype=np.int64)
        transfer_rows(create_dataset(group, "batch_offsets", h5t.STD_I64LE, offsets.shape, False), 0, offsets, write=True)


class ActivationRecorder:
    """Writes the BatchNorm layers of `model` to the HDF5 file `path`; see the module's text for the layout.

    samples: how many samples each layer will receive, if known: the datasets are then contiguous from the start. Otherwise they
        grow by chunks, and closing copies them into contiguous ones (`repack=False` leaves them chunked).
    expected: also write PyTorch's float64 results under /expected.
    layers: which module names to record; all BatchNorm layers by default.
    force: replace an existing file.

    The file appears under its name when everything is written; after an error nothing is left. Raises `RecorderError`.
    """

    def __init__(self, model: torch.nn.Module, path: str | os.PathLike[str], *, samples: int | None = None, expected: bool = False,
                 repack: bool = True, layers: Callable[[str], bool] | None = None, force: bool = False) -> None:
        self.path = os.fspath(path)
        self.expected = expected
        self.repack = repack and samples is None
        if os.path.exists(self.path) and not force:
            raise RecorderError(f"{self.path} exists; pass force=True to replace it")
        self._layers = [_Layer(name, module, samples) for name, module in model.named_modules()
                        if isinstance(module, _BatchNorm) and (layers is None or layers(name))]
        if not self._layers:
            raise RecorderError(f"{type(model).__name__} has no BatchNorm layer to record")
        if expected and any(layer.path.split("/")[1] == "expected" for layer in self._layers):
            raise RecorderError("a module is named `expected`, where the expected results would go; record without them")
        self._partial = self.path + ".partial"
        self._file = h5py.File(self._partial, "w", libver=("earliest", "v110"))

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record every forward and backward pass that runs inside the `with` block."""
        handles = []
        for layer in self._layers:
            handles.append(layer.module.register_forward_pre_hook(self._before(layer)))
            handles.append(layer.module.register_forward_hook(self._after(layer), with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, layer: _Layer) -> Callable[..., None]:
        return lambda module, inputs: layer.before_forward(self._file.require_group(layer.path))

    def _after(self, layer: _Layer) -> Callable[..., None]:
        def hook(module, inputs, named, output) -> None:  # types as torch declares them
            group = self._file[layer.path]
            batch = layer.append(group, inputs[0] if inputs else named["input"])
            if output.requires_grad:
                # A hook on the tensor sees the sum over all uses of y, and still dL/dy if y is changed in place later (ReLU).
                output.register_hook(lambda dy: layer.write_gradient(group, batch, dy))
        return hook

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            for layer in self._layers:
                if layer.statistics:
                    layer.finish(self._file[layer.path])
                else:
                    warnings.warn(f"{layer.name} was never used while recording and is not in the file", stacklevel=2)
            if not any(layer.statistics for layer in self._layers):
                raise RecorderError("nothing was recorded; run the model inside `with recorder.recording():`")
            if self.repack:
                self._repack()
            if self.expected:
                for layer in self._layers:
                    if layer.statistics:
                        write_expected(self._file[layer.path], self._file.require_group("/expected" + layer.path))
            self._file.close()
            os.replace(self._partial, self.path)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Close without keeping anything."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._partial)

    def _repack(self) -> None:
        """Copy everything into a new file with contiguous datasets."""
        packed_path = self._partial + ".packed"
        try:
            with h5py.File(packed_path, "w", libver=("earliest", "v110")) as packed:
                self._file.visititems(lambda name, item: copy_item(item, packed, name))
                copy_attributes(self._file, packed)
            self._file.close()
            os.replace(packed_path, self._partial)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(packed_path)
        self._file = h5py.File(self._partial, "r+", libver=("earliest", "v110"))

    def __enter__(self) -> ActivationRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close() if kind is None else self.abandon()


def copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value


def copy_item(item: h5py.Group | h5py.Dataset, target: h5py.File, name: str) -> None:
    """Copy one group or dataset, the dataset as a contiguous one, a few megabytes at a time."""
    if isinstance(item, h5py.Group):
        copy_attributes(item, target.require_group(name))
        return
    parent, _, key = name.rpartition("/")
    group = target.require_group(parent) if parent else target
    copy = create_dataset(group, key, item.id.get_type(), item.shape, growable=False)
    width = item.id.get_type().get_size()
    step = max(1, COPY_BYTES // max(1, int(np.prod(item.shape[1:])) * width))
    for start in range(0, item.shape[0], step):
        rows = np.empty((min(step, item.shape[0] - start), *item.shape[1:]), dtype=f"V{width}")
        transfer_rows(item, start, rows, write=False)
        transfer_rows(copy, start, rows, write=True)


def write_expected(layer: h5py.Group, expected: h5py.Group) -> None:
    """Compute with PyTorch in float64, batch by batch, what bn-stream should compute for `layer`, and write it to `expected`.

    `torch.nn.functional.batch_norm` and autograd give `output` and the gradients; `batches/mean|var|inv_std` are left out when
    the layer normalized with its running statistics.
    """
    x_all, dy_all = layer["activations"], layer.get("grad_output")
    offsets, features = layer["batch_offsets"][:], x_all.shape[1]
    trained = layer.attrs["statistics"] == "batch"
    epsilon, momentum = float(layer.attrs["epsilon"]), layer.attrs.get("momentum")

    def parameter(key: str, default: float) -> torch.Tensor:
        return read_rows(layer[key], 0, features) if key in layer else torch.full((features,), default, dtype=torch.float64)

    gamma, beta = parameter("gamma", 1), parameter("beta", 0)
    running_mean, running_var = parameter("running_mean", 0), parameter("running_var", 1)
    names = ["output"] + (["grad_input"] if dy_all is not None else [])
    tensors = {name: create_dataset(expected, name, h5t.IEEE_F64LE, x_all.shape, False) for name in names}
    rows: dict[str, list[np.ndarray]] = {}
    count, mean, m2 = 0, torch.zeros(features, dtype=torch.float64), torch.zeros(features, dtype=torch.float64)
    for batch, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:])):
        x = read_rows(x_all, start, stop).requires_grad_()
        g, b = gamma.clone().requires_grad_(), beta.clone().requires_grad_()
        factor = float(momentum) if momentum is not None else 1 / (batch + 1)
        y = torch.nn.functional.batch_norm(x, running_mean, running_var, g, b, trained, factor, epsilon)
        transfer_rows(tensors["output"], start, y.detach().numpy(), write=True)
        variance, average = torch.var_mean(x.detach().transpose(0, 1).reshape(features, -1), dim=1, correction=0)
        entry = {"mean": average, "var": variance, "inv_std": (variance + epsilon).rsqrt()} if trained else {}
        if dy_all is not None:
            dx, dgamma, dbeta = torch.autograd.grad(y, (x, g, b), read_rows(dy_all, start, stop))
            transfer_rows(tensors["grad_input"], start, dx.numpy(), write=True)
            entry |= {"grad_gamma": dgamma, "grad_beta": dbeta}
        for key, value in entry.items():
            rows.setdefault(key, []).append(value.numpy())
        values = x.numel() // features  # pooled moments by Chan, Golub and LeVeque's formula
        delta, total = average - mean, count + values
        mean, m2 = mean + delta * (values / total), m2 + variance * values + delta.square() * (count * values / total)
        count = total
    totals = {"running_mean": running_mean, "running_var": running_var, "population_mean": mean, "population_var": m2 / count}
    totals |= {key: torch.from_numpy(np.sum(rows[key], axis=0)) for key in ("grad_gamma", "grad_beta") if key in rows}
    for key, value in totals.items():
        expected.create_dataset(key, data=value.numpy(), track_times=False)
    for key, value in (rows | {"count": list(np.diff(offsets))}).items():
        expected.create_dataset("batches/" + key, data=np.array(value), track_times=False)


def resolve(name: str) -> Callable[..., object]:
    """The function that "module:function" names; modules are looked for in the current folder too."""
    module, _, function = name.partition(":")
    if not function:
        raise RecorderError(f"`{name}` should be module:function")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise RecorderError(f"cannot import `{name}`: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the inputs and upstream gradients of a model's BatchNorm layers.")
    parser.add_argument("--model", required=True, metavar="MODULE:FUNCTION", help="returns the torch.nn.Module")
    parser.add_argument("--data", required=True, metavar="MODULE:FUNCTION", help="returns the batches, as pairs (input, target)")
    parser.add_argument("--out", required=True, metavar="FILE", help="the HDF5 file to write")
    parser.add_argument("--checkpoint", metavar="FILE", help="a state_dict to load into the model")
    parser.add_argument("--loss", default="torch.nn.functional:cross_entropy", metavar="MODULE:FUNCTION", help="loss(output, target)")
    parser.add_argument("--batches", type=int, metavar="N", help="stop after N batches")
    parser.add_argument("--eval", action="store_true", help="record in evaluation mode (running statistics)")
    parser.add_argument("--forward-only", action="store_true", help="no backward pass, no grad_output")
    parser.add_argument("--expected", action="store_true", help="add PyTorch's float64 results under /expected")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    options = parser.parse_args()
    try:
        model = resolve(options.model)()
        if options.checkpoint:
            model.load_state_dict(torch.load(options.checkpoint, map_location="cpu", weights_only=True))
        model.train(not options.eval)
        loss = resolve(options.loss)
        with ActivationRecorder(model, options.out, expected=options.expected, force=options.force) as recorder:
            with recorder.recording(), torch.set_grad_enabled(not options.forward_only):
                for number, (x, target) in enumerate(resolve(options.data)()):
                    if number == options.batches:
                        break
                    output = model(x)
                    if not options.forward_only:
                        loss(output, target).backward()
    except (RecorderError, OSError) as error:
        print(f"dump_activations: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
