"""Chunks that are damaged, and filters that bn-stream has not or does not combine."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from h5py import h5p, h5z

from bad_inputs.case import ACTIVATIONS, BadInput, X
from bad_inputs.making import raw_chunk


def chunks() -> Iterator[BadInput]:
    blosc = raw_chunk(X.tobytes(), lambda properties: properties.set_filter(32001, h5z.FLAG_MANDATORY, ()))
    yield BadInput("filter_blosc", "a filter that the library lacks (Blosc, 32001)", blosc, [ACTIVATIONS, "filter", "32001"])
    unknown = raw_chunk(X.tobytes(), lambda properties: properties.set_filter(40000, h5z.FLAG_OPTIONAL, ()))
    yield BadInput("filter_unregistered", "a filter nobody registered, marked optional but used", unknown,
                   [ACTIVATIONS, "filter", "40000"])
    yield BadInput("chunk_not_deflate", "a gzip chunk that is not gzip data", raw_chunk(X.tobytes(), gzip), [ACTIVATIONS])
    for name, filters, storage, huge in (("lzf", lzf, {"compression": "lzf"}, huge_lzf),
                                         ("zstd", zstd, dict(hdf5plugin.Zstd()), huge_zstd)):
        for kind, chunk in damages(storage, huge).items():
            yield BadInput(f"chunk_{name}_{kind}", f"a {name} chunk that is damaged ({kind})",
                           raw_chunk(chunk, filters), [ACTIVATIONS, name, "damaged"])
            yield BadInput(f"chunk_{name}_{kind}_library", f"a {name} chunk that is damaged ({kind}), decoded in the HDF5 library",
                           raw_chunk(chunk, filters, library=True), [ACTIVATIONS, "damaged"])
    twice = zlib.compress(compressed(X, **hdf5plugin.Zstd()))
    yield BadInput("filter_zstd_gzip", "two filters that compress", raw_chunk(twice, zstd_and_gzip),
                   [ACTIVATIONS, "zstd and gzip", "32015"])
    wrong_sum = raw_chunk(X.tobytes() + b"\1\2\3\4", lambda properties: properties.set_fletcher32())
    yield BadInput("chunk_checksum", "a chunk whose checksum is wrong", wrong_sum, [ACTIVATIONS])


def damages(storage: dict[str, Any], huge: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """Chunks that do not decode to X, by what is wrong with them; `huge` makes one of a good one."""
    good = compressed(X, **storage)
    return {"foreign": X.tobytes(), "cut": good[:-7], "longer": compressed(np.tile(X, (2, 1)), **storage),
            "shorter": compressed(X[:5], **storage), "one_byte": good[:1], "huge": huge(good)}


def huge_lzf(good: bytes) -> bytes:
    """References back that repeat far more than a chunk has."""
    return b"\x00\x00" + b"\xe0\xff\x00" * 30


def huge_zstd(good: bytes) -> bytes:
    """A head that claims 2^50 bytes."""
    return b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + good[-20:]


def compressed(data: np.ndarray, **storage: Any) -> bytes:
    """The bytes that h5py stores for an array in one chunk."""
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("x", data=data, chunks=data.shape, **storage)
        mask, chunk = dataset.id.read_direct_chunk((0,) * data.ndim)
        assert mask == 0
        return chunk


def gzip(properties: h5p.PropDCID) -> None:
    properties.set_deflate(4)


def lzf(properties: h5p.PropDCID) -> None:
    """The filter as h5py sets it up; the last number is the length of a chunk."""
    properties.set_filter(32000, h5z.FLAG_OPTIONAL, (4, 261, X.nbytes))


def zstd(properties: h5p.PropDCID) -> None:
    properties.set_filter(32015, h5z.FLAG_OPTIONAL, (3,))


def zstd_and_gzip(properties: h5p.PropDCID) -> None:
    zstd(properties)
    gzip(properties)
