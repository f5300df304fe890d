"""Functions that say how a bad file is made: each returns what makes it, given its path."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import h5py
from h5py import h5p
from bn_stream.hdf5_layers import SMALL, create_with, creation_properties, put, set_attributes

from bad_inputs.case import Make, X


def bytes_only(content: bytes) -> Make:
    """No HDF5 file."""
    def make(path: pathlib.Path) -> None:
        path.write_bytes(content)
    return make


def group(change: Callable[[h5py.Group], Any]) -> Make:
    """A file with an empty group /layer that `change` fills."""
    def make(path: pathlib.Path) -> None:
        with h5py.File(path, "w", libver=SMALL) as file:
            change(file.create_group("layer"))
    return make


def layer(datasets: dict[str, Any] | None = None, **attributes: Any) -> Make:
    """A file with one layer, /layer: `activations` [6, 3] and whatever replaces or joins it (None leaves a dataset out)."""
    def change(group: h5py.Group) -> None:
        for name, data in ({"activations": X} | (datasets or {})).items():
            if data is not None:
                put(group, name, data)
        set_attributes(group, attributes)
    return group(change)


def empty_dataset(shape: tuple[int, ...], dtype: Any = "<f4", **storage: Any) -> Make:
    """`activations` of this shape and nothing in it."""
    return group(lambda group: group.create_dataset("activations", shape, dtype, track_times=False, **storage))


def with_properties(set_up: Callable[[h5p.PropDCID, h5py.h5s.SpaceID], Any], chunk: bytes | None = None) -> Make:
    """`activations` [6, 3] of float32 with the creation properties that `set_up` sets, and `chunk` as its one raw chunk."""
    def change(group: h5py.Group) -> None:
        properties, space = creation_properties(), h5py.h5s.create_simple(X.shape)
        set_up(properties, space)
        dataset = create_with(group, "activations", h5py.h5t.IEEE_F32LE, space, properties)
        if chunk is not None:
            dataset.id.write_direct_chunk((0, 0), chunk, filter_mask=0)
    return group(change)


def raw_chunk(chunk: bytes, filters: Callable[[h5p.PropDCID], Any], library: bool = False) -> Make:
    """`activations` in one chunk with exactly these bytes behind the pipeline that `filters` sets.

    library: with shuffle twice before, so that the HDF5 library decodes, calling bn-stream's filters."""
    def set_up(properties: h5p.PropDCID, space: h5py.h5s.SpaceID) -> None:
        properties.set_chunk(X.shape)
        for _ in range(2 if library else 0):
            properties.set_filter(h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FLAG_MANDATORY, (X.itemsize,))
        filters(properties)
    return with_properties(set_up, chunk)
