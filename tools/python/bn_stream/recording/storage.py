"""How recorded tensors are stored: element types, compression, and the copy into contiguous datasets, which frees what it has copied."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import tempfile

import h5py
import numpy as np
import torch
from h5py import h5t

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import bfloat16_type, copy_contiguous, create_dataset, write_rows

ELEMENT_TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


def bits(tensor: torch.Tensor) -> tuple[np.ndarray, h5t.TypeID]:
    """The tensor's bits in the processor's memory with their HDF5 type."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy(), bfloat16_type()
    array = tensor.numpy()
    return array, h5t.py_create(array.dtype)


@dataclasses.dataclass(frozen=True)
class Storage:
    """samples: of each layer, if known: the datasets are then contiguous from the start. Otherwise they grow by chunks.
    element_type: what activations and gradients are rounded to, None for their own. gzip: a level of 1 to 9, 0 for none."""

    samples: int | None = None
    element_type: str | None = None
    gzip: int = 0

    def __post_init__(self) -> None:
        if self.element_type is not None and self.element_type not in ELEMENT_TYPES:
            raise RecorderError(f"{self.element_type} is no element type; there is {', '.join(ELEMENT_TYPES)}")
        if self.gzip not in range(10):
            raise RecorderError(f"gzip={self.gzip} is no level of compression, which are 1 to 9, or 0 for none")
        if self.gzip and self.samples is not None:
            raise RecorderError("compressed datasets are chunked, and samples= makes contiguous ones; leave one of them out")

    def converted(self, tensor: torch.Tensor, place: str) -> torch.Tensor:
        """Rounded to the element type. A finite number that it does not hold is an error."""
        if self.element_type is None:
            return tensor
        rounded = tensor.to(ELEMENT_TYPES[self.element_type])
        if rounded.dtype != tensor.dtype and not torch.equal(rounded.isfinite(), tensor.isfinite()):
            raise RecorderError(f"{place} has numbers that {self.element_type} does not hold, up to {tensor[tensor.isfinite()].abs().max().item():g}; "
                                "store them as bfloat16 or float32")
        return rounded

    def write(self, group: h5py.Group, key: str, start: int, tensor: torch.Tensor, place: str) -> None:
        """Write `tensor` [n, ...] to the dataset `key` from sample `start` on; the first call makes the dataset."""
        array, kind = bits(self.converted(tensor.detach(), f"{key} of {place}"))
        stop = start + array.shape[0]
        if key not in group:
            shape = (stop if self.samples is None else self.samples, *array.shape[1:])
            create_dataset(group, key, kind, shape, growable=self.samples is None, gzip=self.gzip)
        dataset = group[key]
        if dataset.shape[1:] != array.shape[1:] or dataset.id.get_type() != kind:
            raise RecorderError(
                f"{key} of {place} changed from {dataset.shape[1:]} to {array.shape[1:]} a sample (or its element type "
                "did); record batches of one shape, or one recorder for each shape")
        if self.samples is not None and stop > self.samples:
            raise RecorderError(f"{place} received {stop} samples or more, but samples={self.samples}; leave `samples` out")
        if stop > dataset.shape[0]:
            dataset.resize(stop, axis=0)
        write_rows(dataset, start, array)


#: fallocate(2): keep the file's length, and free the bytes.
_PUNCH_HOLE = 0x02 | 0x01


class _Holes:
    """Gives the space of a file's chunks back to the file system, while the rest of the file is still read."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR)
        self._call = ctypes.CDLL(None, use_errno=True).fallocate
        self._call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

    def punch(self, offset: int, size: int) -> bool:
        """True if the file system did it."""
        return self._call(self._descriptor, _PUNCH_HOLE, offset, size) == 0

    def close(self) -> None:
        os.close(self._descriptor)


def can_free(folder: str) -> bool:
    """Whether the file system of `folder` frees parts of files, as ext4, XFS, Btrfs and tmpfs do."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder or ".") as file:
            file.write(bytes(1 << 16))
            file.flush()
            holes = _Holes(file.name)
            try:
                return holes.punch(0, 1 << 16)
            finally:
                holes.close()
    except (OSError, AttributeError):
        return False


def copy_and_free(path: str, source: h5py.File, target: h5py.File) -> None:
    """Copy all of `source`, the file `path`, into `target` with contiguous datasets; the chunks that are copied are freed at once.

    So both files together are never larger than one of them and a stretch of 16 MiB. `source` is of no use afterwards.
    """
    holes = _Holes(path)
    try:
        def free(dataset: h5py.Dataset, start: int, stop: int) -> None:
            if dataset.chunks is None:
                return
            rows = dataset.chunks[0]
            # Chunks that end in this stretch; the last one also where the dataset ends.
            last = -(-stop // rows) if stop == dataset.shape[0] else stop // rows
            for chunk in range(start // rows, last):
                info = dataset.id.get_chunk_info_by_coord((chunk * rows,) + (0,) * (dataset.ndim - 1))
                if info.byte_offset is not None and info.size:
                    holes.punch(info.byte_offset, info.size)

        copy_contiguous(source, target, copied=free)
    finally:
        holes.close()
