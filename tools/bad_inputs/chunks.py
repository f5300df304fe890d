"""Chunks that are damaged, and filters that bn-stream has not or does not combine."""

from __future__ import annotations

import pathlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from h5py import h5p, h5z

from bn_stream.hdf5_layers import put

from bad_inputs.case import ACTIVATIONS, BadInput, Make, X
from bad_inputs.making import group, raw_chunk


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
    for name, about, set_up, chunk in packed():
        yield BadInput(f"chunk_{name}_short", f"a chunk that holds less than {about} reads", raw_chunk(chunk, set_up),
                       [ACTIVATIONS, "does not decode to its 72 bytes"])
    for role, (data, chunk_shape) in SMALL_DATASETS.items():
        for kind, made in (("shorter", zlib.compress(data.tobytes()[:8])), ("huge", zlib.compress(bytes(1 << 20)))):
            yield BadInput(f"{role}_chunk_{kind}", f"a gzip chunk of {role} that is {kind} than its elements",
                           small_dataset(role, data, chunk_shape, made, compression="gzip"),
                           [f"/layer/{role}", "does not decode"])
        sum_only = small_dataset(role, data, chunk_shape, bytes(12), fletcher32=True)
        yield BadInput(f"{role}_chunk_checksum_shorter", f"a chunk of {role} with a good checksum and too few elements",
                       sum_only, [f"/layer/{role}", "does not decode"])
    yield BadInput("filter_shuffle_parameters", "a shuffle filter for elements of eight bytes, on those of four", foreign_shuffle,
                   [ACTIVATIONS, "shuffle"])
    twice = zlib.compress(compressed(X, **hdf5plugin.Zstd()))
    yield BadInput("filter_zstd_gzip", "two filters that compress", raw_chunk(twice, zstd_and_gzip),
                   [ACTIVATIONS, "zstd and gzip", "32015"])
    wrong_sum = raw_chunk(X.tobytes() + b"\1\2\3\4", lambda properties: properties.set_fletcher32())
    yield BadInput("chunk_checksum", "a chunk whose checksum is wrong", wrong_sum, [ACTIVATIONS])


def foreign_shuffle(path: pathlib.Path) -> None:
    """In the oldest format, whose headers have no checksum."""
    with h5py.File(path, "w", libver="earliest") as file:
        put(file.create_group("layer"), "activations", X, chunks=X.shape, shuffle=True)
    content = bytearray(path.read_bytes())
    # A filter's message: its name, filled up to eight bytes, and its one parameter.
    parameter = content.index(b"shuffle\0") + 8
    assert content[parameter] == 4
    content[parameter] = 8
    path.write_bytes(content)


# What the HDF5 library reads by itself: name, values, and shape of the chunks.
SMALL_DATASETS: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {
    "beta": (np.zeros(3), (3,)), "mask": (np.ones(6, np.int64), (6,)), "batch_offsets": (np.array([0, 3, 6]), (3,))}


def small_dataset(role: str, data: np.ndarray, chunk_shape: tuple[int, ...], chunk: bytes, **storage: Any) -> Make:
    """A layer with a dataset in one chunk with exactly these bytes."""
    def change(group: h5py.Group) -> None:
        put(group, "activations", X)
        dataset = group.create_dataset(role, data.shape, data.dtype, chunks=chunk_shape, track_times=False, **storage)
        dataset.id.write_direct_chunk((0,) * data.ndim, chunk)
    return group(change)


def packed() -> Iterator[tuple[str, str, Callable[[h5p.PropDCID], None], bytes]]:
    """Filters of the library that read as many bits as their parameters or the chunk's head say."""
    mandatory = h5z.FLAG_MANDATORY
    yield "nbit", "n-bit", lambda properties: properties.set_filter(h5z.FILTER_NBIT, mandatory, ()), bytes(8)
    # 30 bits for each of 18 elements, the size of the number that follows, and that number; no element.
    yield ("scaleoffset", "scale-offset", lambda properties: properties.set_scaleoffset(h5z.SO_FLOAT_DSCALE, 2),
           struct.pack("<IBQ8x", 30, 8, 0))
    # A length for which there is no data.
    yield ("szip", "szip", lambda properties: properties.set_filter(h5z.FILTER_SZIP, mandatory, (141, 2)),
           struct.pack("<I", X.nbytes) + b"\x10")


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
