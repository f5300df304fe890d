"""Chunks that reach beyond the end of the data and are stored without their filters, which no mask of theirs says."""

from __future__ import annotations

import ctypes
import itertools
import pathlib

import h5py
import numpy as np
from h5py import h5p, h5s, h5t
from bn_stream.hdf5_layers import create_with, creation_properties

from twins.twin import SHAPE, Twin, Twins, numbers

# Partial chunks along no axis, the samples, the features and both; where they are partial, chunks at the other axis's end are whole.
CHUNKS = {"none": (4, 1), "samples": (6, 3), "features": (5, 2), "both": (6, 2)}
FILTERS: dict[str, list[tuple[int, tuple[int, ...]]]] = {
    "gzip": [(1, (4,))], "shuffle_gzip": [(2, ()), (1, (4,))], "fletcher32": [(3, ())],
    "shuffle_gzip_fletcher32": [(2, ()), (1, (4,)), (3, ())]}
# H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS
UNFILTERED = 2


def edges() -> Twins:
    x, dy = numbers(1), numbers(2)
    library = the_library()
    for (filters, stored), (partial, chunk) in itertools.product(FILTERS.items(), CHUNKS.items()):
        def odd(group: h5py.Group, stored: list[tuple[int, tuple[int, ...]]] = stored, chunk: tuple[int, ...] = chunk) -> None:
            for name, values in (("activations", x), ("grad_output", dy)):
                properties: h5p.PropDCID = creation_properties()
                properties.set_chunk(chunk)
                for number, parameters in stored:
                    properties.set_filter(number, 1, parameters)
                if library.H5Pset_chunk_opts(ctypes.c_int64(properties.id), ctypes.c_uint(UNFILTERED)) < 0:
                    raise OSError("H5Pset_chunk_opts failed")
                dataset = create_with(group, name, h5t.IEEE_F32LE, h5s.create_simple(SHAPE), properties)
                dataset.id.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))
        yield Twin(f"{filters}_{partial}", odd, {"activations": x, "grad_output": dy})


def the_library() -> ctypes.CDLL:
    """The HDF5 library that h5py has loaded: it has no function of its own for these options."""
    paths = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "/libhdf5" in line}
    return ctypes.CDLL(next(path for path in sorted(paths) if "libhdf5_hl" not in path))
