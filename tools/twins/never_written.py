"""Data of which some, or all, was never written: it reads as the fill value."""

from __future__ import annotations

import itertools
from typing import Any

import h5py
import numpy as np
from h5py import h5p, h5s, h5t
from bn_stream.hdf5_layers import create_with, creation_properties

from twins.twin import SHAPE, Twin, Twins, numbers

FILTERS: dict[str, list[tuple[int, tuple[int, ...]]]] = {
    "plain": [], "gzip": [(1, (4,))], "shuffle_gzip": [(2, ()), (1, (4,))], "fletcher32": [(3, ())], "lzf": [(32000, ())],
    "zstd": [(32015, (3,))], "nbit": [(5, ())], "shuffle_twice_lzf": [(2, ()), (2, ()), (32000, ())]}
# These only in one layout; behind shuffle twice the HDF5 library calls bn-stream for them.
OTHER_FILTERS: dict[str, list[tuple[int, tuple[int, ...]]]] = {
    "lz4": [(32004, ())], "bitshuffle": [(32008, (16, 0))], "bitshuffle_lz4": [(32008, (16, 2))],
    "blosc": [(32001, (0, 0, 0, 0, 5, 1, 1))]}
OTHER_FILTERS |= {f"shuffle_twice_{name}": [(2, ()), (2, ()), *filters] for name, filters in OTHER_FILTERS.items()}
# The shape of chunks, the last of which reaches beyond the end, and the values that are written.
CHUNKS = {"whole": ((6, 3), np.s_[7:11, :]), "split": ((6, 2), np.s_[6:12, :2]), "larger": ((32, 3), np.s_[3:7, :])}


def never_written() -> Twins:
    x, dy = numbers(1), numbers(2)
    for (filters, grows), (layout, (chunk, rows)), fill in itertools.product(
            itertools.product(FILTERS | OTHER_FILTERS, (False, True)), CHUNKS.items(), (0, 2.5)):
        if layout == "larger" and not grows:
            continue  # a chunk is no larger than what cannot grow
        if filters in OTHER_FILTERS and (layout, grows, fill) != ("split", False, 2.5):
            continue
        values = np.full(SHAPE, fill, "<f4")
        values[rows] = x[rows]

        def odd(group: h5py.Group, filters: str = filters, grows: bool = grows, chunk: tuple[int, ...] = chunk,
                rows: Any = rows, fill: float = fill) -> None:
            dataset(group, "activations", (FILTERS | OTHER_FILTERS)[filters], chunk, fill, grows)[rows] = x[rows]
            dataset(group, "grad_output", (FILTERS | OTHER_FILTERS)[filters], chunk, fill, grows)[...] = dy
        missing = {"whole": 14, "split": 20, "larger": 0}[layout]
        yield Twin(f"{filters}_{layout}_{'growing' if grows else 'fixed'}_{'fill' if fill else 'zero'}", odd,
                   {"activations": values, "grad_output": dy}, {"never_written_samples": missing, "never_written_gradients": 0})
    for name, chunk in {"contiguous": None, "chunked": (4, 3), "chunked_gzip": (4, 2)}.items():
        def nothing(group: h5py.Group, name: str = name, chunk: tuple[int, ...] | None = chunk) -> None:
            filters = FILTERS["gzip"] if name.endswith("gzip") else []
            dataset(group, "activations", filters, chunk, 0, False)[...] = x
            dataset(group, "grad_output", filters, chunk, 1.5, False)
        yield Twin(f"nothing_{name}", nothing, {"activations": x, "grad_output": np.full(SHAPE, 1.5, "<f4")},
                   {"never_written_samples": 0, "never_written_gradients": 20})


def dataset(group: h5py.Group, name: str, filters: list[tuple[int, tuple[int, ...]]], chunk: tuple[int, ...] | None, fill: float,
            grows: bool) -> h5py.Dataset:
    """A dataset of float32 without values, allocated when it is written."""
    properties: h5p.PropDCID = creation_properties()
    properties.set_fill_value(np.array(fill, "<f4"))
    if chunk:
        properties.set_chunk(chunk)
    for number, parameters in filters:
        properties.set_filter(number, 1, parameters)
    space = h5s.create_simple(SHAPE, (h5s.UNLIMITED, SHAPE[1]) if grows else SHAPE)
    return create_with(group, name, h5t.IEEE_F32LE, space, properties)
