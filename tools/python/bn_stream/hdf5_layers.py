"""Datasets of a layer's group in HDF5, written so that equal data give equal bytes. Needs h5py and NumPy only.

h5py's own `create_dataset` serves where NumPy knows the element type and h5py's storage is right (`put`). The rest goes to the
library's calls below it: bfloat16, which NumPy has not, space that is reserved at once, and rows that are appended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

# File formats, as the oldest and the newest that the library may use: 1.10 is what Debian's library reads.
READ_BY_ALL = ("earliest", "v110")
SMALL = ("v108", "v110")
NEWEST = ("v110", "v110")

CHUNK_BYTES = 1 << 20
GROWING_ROWS = 32  # the least in a chunk, where they are no more than CHUNK_BYTES
COPY_BYTES = 16 << 20  # how much a copy holds in memory


def bfloat16_type() -> h5t.TypeFloatID:
    """The HDF5 type of bfloat16, little-endian: 8 bits of exponent with bias 127 and 7 bits of mantissa."""
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


def creation_properties() -> h5p.PropDCID:
    """How a dataset is stored, for the caller to fill in; without time stamps, which would differ from run to run."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    return properties


def create_with(group: h5py.Group, name: str, kind: h5t.TypeID, space: h5s.SpaceID, properties: h5p.PropDCID) -> h5py.Dataset:
    """The dataset with exactly these properties."""
    return h5py.Dataset(h5d.create(group.id, name.encode(), kind, space, properties))


def create_dataset(
    group: h5py.Group, name: str, kind: h5t.TypeID, shape: tuple[int, ...], growable: bool = False, gzip: int = 0
) -> h5py.Dataset:
    """A dataset of `shape` without values: contiguous, its space reserved, or chunked and growable along axis 0.

    gzip: the level with which the chunks of a growable one are compressed, after their bytes were shuffled; 0 for not at all.
    """
    properties = creation_properties()
    if growable:
        # Not much more than there is, for what stays small, and not a sample each after a first batch of one.
        rows = max(1, min(max(shape[0], GROWING_ROWS), rows_of(shape, kind, CHUNK_BYTES)))
        properties.set_chunk((rows, *shape[1:]))
        if gzip:
            properties.set_shuffle()
            properties.set_deflate(gzip)
        space = h5s.create_simple(shape, (h5s.UNLIMITED, *shape[1:]))
    else:
        properties.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        properties.set_fill_time(h5d.FILL_TIME_NEVER)
        space = h5s.create_simple(shape)
    return create_with(group, name, kind, space, properties)


def rows_of(shape: tuple[int, ...], kind: h5t.TypeID, size: int) -> int:
    """How many rows of `shape`, along axis 0, `size` bytes hold; at least one."""
    return max(1, size // max(1, int(np.prod(shape[1:])) * kind.get_size()))


def put(group: h5py.Group, name: str, values: Any, **storage: Any) -> h5py.Dataset:
    """A dataset with these values; `storage` as h5py's `create_dataset` takes it."""
    return group.create_dataset(name, data=values, track_times=False, **storage)


def put_bits(group: h5py.Group, name: str, values: np.ndarray, kind: h5t.TypeID) -> None:
    """A contiguous dataset whose elements of type `kind` have the bits of `values`."""
    write_rows(create_dataset(group, name, kind, values.shape), 0, np.ascontiguousarray(values))


def put_results(group: h5py.Group, results: dict[str, np.ndarray]) -> None:
    """Results by name; "batches/mean" is `mean` in the group `batches`."""
    for name, values in results.items():
        put(group, name, values)


def set_attributes(item: h5py.HLObject, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        item.attrs[name] = value


def write_rows(dataset: h5py.Dataset, start: int, rows: np.ndarray) -> None:
    """Write `rows` [n, ...] from sample `start` on; their bits are those of the file's element type."""
    if rows.size:
        dataset.id.write(*_selection(dataset, start, rows), dataset.id.get_type())


def read_bits(dataset: h5py.Dataset, start: int, stop: int) -> np.ndarray:
    """Samples start ..< stop as opaque values, bits as they are in the file."""
    kind = dataset.id.get_type()
    return _read(dataset, start, stop, np.dtype(f"V{kind.get_size()}"), kind)


def read_float64(dataset: h5py.Dataset, start: int, stop: int) -> np.ndarray:
    """Samples start ..< stop in float64; HDF5 itself converts, bfloat16 included."""
    return _read(dataset, start, stop, np.dtype(np.float64), h5t.NATIVE_DOUBLE)


def _read(dataset: h5py.Dataset, start: int, stop: int, dtype: np.dtype, kind: h5t.TypeID) -> np.ndarray:
    rows = np.empty((stop - start, *dataset.shape[1:]), dtype)
    if rows.size:
        dataset.id.read(*_selection(dataset, start, rows), kind)
    return rows


def _selection(dataset: h5py.Dataset, start: int, rows: np.ndarray) -> tuple[h5s.SpaceID, h5s.SpaceID, np.ndarray]:
    """Where `rows` lie in memory and in the file."""
    space = dataset.id.get_space()
    space.select_hyperslab((start,) + (0,) * (rows.ndim - 1), rows.shape)
    return h5s.create_simple(rows.shape), space, rows


def copy_contiguous(source: h5py.Group, target: h5py.Group, copied: Callable[[h5py.Dataset, int, int], None] | None = None) -> None:
    """Copy what `source` holds, but not its own attributes: groups as they are, datasets as contiguous ones, by stretches.

    copied: is called after each stretch, with the dataset and the samples start ..< stop that were copied.
    """
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            group = target.create_group(name)
            set_attributes(group, dict(item.attrs))
            copy_contiguous(item, group, copied)
            continue
        kind = item.id.get_type()
        copy = create_dataset(target, name, kind, item.shape)
        step = rows_of(item.shape, kind, COPY_BYTES)
        for start in range(0, item.shape[0], step):
            stop = min(start + step, item.shape[0])
            write_rows(copy, start, read_bits(item, start, stop))
            if copied:
                copied(item, start, stop)
