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
    bzip2 = raw_chunk(X.tobytes(), lambda properties: properties.set_filter(307, h5z.FLAG_MANDATORY, (9,)))
    yield BadInput("filter_bzip2", "a filter that the library lacks (bzip2, 307)", bzip2, [ACTIVATIONS, "filter", "307"])
    codec = raw_chunk(stored_by_blosc(X),
                      lambda properties: properties.set_filter(32001, h5z.FLAG_OPTIONAL, (0, 0, 0, 0, 5, 1, 9)))
    yield BadInput("filter_blosc_codec", "Blosc with a codec that nobody has", codec, [ACTIVATIONS, "blosc with codec 9", "32001"])
    unknown = raw_chunk(X.tobytes(), lambda properties: properties.set_filter(40000, h5z.FLAG_OPTIONAL, ()))
    yield BadInput("filter_unregistered", "a filter nobody registered, marked optional but used", unknown,
                   [ACTIVATIONS, "filter", "40000"])
    yield BadInput("chunk_not_deflate", "a gzip chunk that is not gzip data", raw_chunk(X.tobytes(), gzip), [ACTIVATIONS])
    for name, filters, encode, huge in (("lzf", lzf, by_plugin(compression="lzf"), huge_lzf),
                                        ("zstd", zstd, by_plugin(**hdf5plugin.Zstd()), huge_zstd),
                                        ("lz4", lz4, by_plugin(**hdf5plugin.LZ4()), huge_lz4),
                                        ("bitshuffle", bitshuffle, by_plugin(**hdf5plugin.Bitshuffle()), huge_lz4),
                                        ("blosc", blosc, stored_by_blosc, huge_blosc)):
        for kind, chunk in damages(encode, huge).items():
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
    yield BadInput("filter_bitshuffle_parameters", "a bitshuffle filter for elements of eight bytes, on those of four",
                   foreign_bitshuffle, [ACTIVATIONS, "bitshuffle"])
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


def foreign_bitshuffle(path: pathlib.Path) -> None:
    """In the oldest format, whose headers have no checksum."""
    with h5py.File(path, "w", libver="earliest") as file:
        put(file.create_group("layer"), "activations", X, chunks=X.shape, **hdf5plugin.Bitshuffle(cname="none"))
        _, _, parameters, _ = file["layer/activations"].id.get_create_plist().get_filter(0)
    content = path.read_bytes()
    there, other = (struct.pack(f"<{len(numbers)}I", *numbers) for numbers in (parameters, parameters[:2] + (8,) + parameters[3:]))
    assert parameters[2] == 4 and content.count(there) == 1
    path.write_bytes(content.replace(there, other))


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


def damages(encode: Callable[[np.ndarray], bytes], huge: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """Chunks that do not decode to X, by what is wrong with them; `huge` makes one of a good one."""
    good = encode(X)
    return {"foreign": X.tobytes(), "cut": good[:-7], "longer": encode(np.tile(X, (2, 1))), "shorter": encode(X[:5]),
            "one_byte": good[:1], "huge": huge(good)}


def by_plugin(**storage: Any) -> Callable[[np.ndarray], bytes]:
    return lambda data: compressed(data, **storage)


def stored_by_blosc(data: np.ndarray) -> bytes:
    """A buffer of Blosc in which nothing got shorter, as nothing does of so few bytes: a head, and the data as it is."""
    return struct.pack("<4B3I", 2, 1, 0x02, 4, data.nbytes, data.nbytes, data.nbytes + 16) + data.tobytes()


def huge_lzf(good: bytes) -> bytes:
    """References back that repeat far more than a chunk has."""
    return b"\x00\x00" + b"\xe0\xff\x00" * 30


def huge_zstd(good: bytes) -> bytes:
    """A head that claims 2^50 bytes."""
    return b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + good[-20:]


def huge_lz4(good: bytes) -> bytes:
    """A head that claims 2^50 bytes, in blocks of nearly 2^32."""
    return struct.pack(">QI", 1 << 50, 0xFFFF_FFF8) + good[12:]


def huge_blosc(good: bytes) -> bytes:
    """A head that claims nearly 2^31 bytes."""
    return good[:4] + struct.pack("<I", 0x7FFF_FFF0) + good[8:]


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


def lz4(properties: h5p.PropDCID) -> None:
    properties.set_filter(32004, h5z.FLAG_OPTIONAL, (0,))


def bitshuffle(properties: h5p.PropDCID) -> None:
    """The plugin puts the numbers of a version and the bytes of an element before these: the usual block, and LZ4."""
    properties.set_filter(32008, h5z.FLAG_OPTIONAL, (0, 2))


def blosc(properties: h5p.PropDCID) -> None:
    """The plugin fills in the first four numbers; level, shuffle and codec follow."""
    properties.set_filter(32001, h5z.FLAG_OPTIONAL, (0, 0, 0, 0, 5, 1, 1))


def zstd_and_gzip(properties: h5p.PropDCID) -> None:
    zstd(properties)
    gzip(properties)
