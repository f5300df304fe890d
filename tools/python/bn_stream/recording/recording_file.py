"""The file of a recording: it appears whole under its name, its datasets grow by chunks and are then copied into contiguous ones."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
import warnings

import h5py
import numpy as np
from h5py import h5t

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import READ_BY_ALL, copy_contiguous, create_dataset, set_attributes, write_rows


class RecordingFile:
    """NAME.partial while it is written. goes_on: take what is there already. repack: make contiguous datasets of chunked ones at the end."""

    def __init__(self, path: str, repack: bool, goes_on: bool = False) -> None:
        self.path = path
        self.partial = path + ".partial"
        self._repacks = repack
        self.root = self._open("r+" if goes_on else "w")

    def _open(self, mode: str, path: str | None = None) -> h5py.File:
        return h5py.File(path or self.partial, mode, libver=READ_BY_ALL)

    def repack(self) -> None:
        """Copy everything into a new file with contiguous datasets, freeing on the way what is copied."""
        if not self._repacks:
            return
        if not can_free(os.path.dirname(self.path)):
            warnings.warn(
                f"{self.path} stays chunked: its file system frees no parts of files, and a copy would take as much again", stacklevel=4
            )
            return
        packed_path = self.partial + ".packed"
        self.root.close()
        try:
            with self._open("r") as source, self._open("w", packed_path) as packed:
                copy_and_free(self.partial, source, packed)
                set_attributes(packed, dict(source.attrs))
            os.replace(packed_path, self.partial)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(packed_path)
        self.root = self._open("r+")

    def finish(self) -> None:
        """Close the file and give it its name."""
        self.root.close()
        os.replace(self.partial, self.path)

    def keep(self) -> None:
        """Close the file, which another recording goes on with."""
        self.root.close()

    def drop(self) -> None:
        """Close the file and remove it."""
        self.root.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.partial)


def check_gzip(level: int) -> None:
    if level not in range(10):
        raise RecorderError(f"gzip={level} is no level of compression, which are 1 to 9, or 0 for none")


def write_part(
    group: h5py.Group, key: str, start: int, array: np.ndarray, kind: h5t.TypeID, place: str, samples: int | None = None, gzip: int = 0
) -> None:
    """Write `array` [n, ...], whose bits are of type `kind`, to the dataset `key` from sample `start` on; the first call makes the dataset.

    samples: how many there will be, for one that is contiguous from the start. place: names the layer in errors.
    """
    stop = start + array.shape[0]
    if key not in group:
        shape = (stop if samples is None else samples, *array.shape[1:])
        create_dataset(group, key, kind, shape, growable=samples is None, gzip=gzip)
    dataset = group[key]
    if dataset.shape[1:] != array.shape[1:] or dataset.id.get_type() != kind:
        raise RecorderError(
            f"{key} of {place} changed from {dataset.shape[1:]} to {array.shape[1:]} a sample (or its element type "
            "did); record batches of one shape, or one recorder for each shape"
        )
    if samples is not None and stop > samples:
        raise RecorderError(f"{place} received {stop} samples or more, but samples={samples}; leave `samples` out")
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
