"""One BatchNorm module while it is recorded, and the checks that what is recorded is of one piece."""

from __future__ import annotations

import h5py
import numpy as np
import torch
from h5py import h5t
from torch.nn.modules.batchnorm import _BatchNorm

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import bfloat16_type, create_dataset, put_bits, set_attributes, write_rows


def bits(tensor: torch.Tensor) -> tuple[np.ndarray, h5t.TypeID]:
    """The tensor's bits in the processor's memory with their HDF5 type."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy(), bfloat16_type()
    array = tensor.numpy()
    return array, h5t.py_create(array.dtype)


class RecordedLayer:
    """A module and the group its batches go to. Methods get the group: the file may be another one after it was repacked."""

    def __init__(self, name: str, module: _BatchNorm, samples: int | None) -> None:
        self.name = name or "(the model itself)"
        self.path = "/" + name.replace(".", "/")
        self.module = module
        self.samples = samples
        self.offsets = [0]
        self.statistics = ""  # until the first batch
        self._with_gradient: set[int] = set()
        self._parameters: dict[str, torch.Tensor] = {}

    def before_forward(self, group: h5py.Group) -> None:
        """Write what holds for all batches before the first one; afterwards check that it still holds."""
        module = self.module
        statistics = "batch" if module.training or module.running_mean is None else "running"
        parameters = {"gamma": module.weight, "beta": module.bias}
        if not self.statistics:
            self.statistics = statistics
            self._parameters = {key: value.detach().clone() for key, value in parameters.items() if value is not None}
            running = {"running_mean": module.running_mean, "running_var": module.running_var}
            for key, value in (self._parameters | running).items():
                if value is not None:
                    put_bits(group, key, *bits(value))
            momentum = "none" if module.momentum is None else float(module.momentum)
            set_attributes(group, {"epsilon": float(module.eps), "momentum": momentum, "feature_axis": 1, "statistics": statistics,
                                   "framework": f"PyTorch {torch.__version__}"})
        if statistics != self.statistics:
            raise RecorderError(
                f"{self.name} changed between training and evaluation mode while recording; use one recorder for each mode")
        for key, value in self._parameters.items():
            if not torch.equal(parameters[key], value):
                raise RecorderError(
                    f"{key} of {self.name} changed while recording; do not step the optimizer inside recording()")

    def append(self, group: h5py.Group, x: torch.Tensor) -> int:
        """Append x [n, C, ...] to `activations` and return the number of its batch."""
        self._write(group, "activations", self.offsets[-1], x)
        self.offsets.append(self.offsets[-1] + x.shape[0])
        return len(self.offsets) - 2

    def write_gradient(self, group: h5py.Group, batch: int, dy: torch.Tensor) -> None:
        """Write dy [n, C, ...] of a batch to `grad_output`; backward passes need not come in the order of the forward ones."""
        if batch in self._with_gradient:
            raise RecorderError(
                f"a second backward pass reached batch {batch} of {self.name}; run backward once for each forward")
        self._with_gradient.add(batch)
        self._write(group, "grad_output", self.offsets[batch], dy)

    def _write(self, group: h5py.Group, key: str, start: int, tensor: torch.Tensor) -> None:
        array, kind = bits(tensor)
        stop = start + array.shape[0]
        if key not in group:
            shape = (stop if self.samples is None else self.samples, *array.shape[1:])
            create_dataset(group, key, kind, shape, growable=self.samples is None)
        dataset = group[key]
        if dataset.shape[1:] != array.shape[1:] or dataset.id.get_type() != kind:
            raise RecorderError(
                f"{key} of {self.name} changed from {dataset.shape[1:]} to {array.shape[1:]} a sample (or its element type "
                "did); record batches of one shape, or one recorder for each shape")
        if self.samples is not None and stop > self.samples:
            raise RecorderError(
                f"{self.name} received {stop} samples or more, but samples={self.samples}; leave `samples` out")
        if stop > dataset.shape[0]:
            dataset.resize(stop, axis=0)
        write_rows(dataset, start, array)

    def finish(self, group: h5py.Group) -> None:
        """Check that what was recorded is whole, and write `batch_offsets`."""
        batches = len(self.offsets) - 1
        missing = batches - len(self._with_gradient)
        if self._with_gradient and missing:
            raise RecorderError(
                f"{missing} of {batches} batches of {self.name} got no gradient; call backward() for each, or for none")
        if self.samples is not None and self.offsets[-1] != self.samples:
            raise RecorderError(f"{self.name} received {self.offsets[-1]} samples, but samples={self.samples}")
        put_bits(group, "batch_offsets", np.array(self.offsets, dtype=np.int64), h5t.STD_I64LE)
