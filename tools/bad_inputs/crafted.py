"""Files that look whole and make the HDF5 library crash or never come back (1.10.8; later versions refuse them)."""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Iterator

import h5py
from hdf5_checksums import lookup3
from bn_stream.hdf5_layers import NEWEST, READ_BY_ALL, put

from bad_inputs.case import BadInput, X


def crafted() -> Iterator[BadInput]:
    yield BadInput("library_crash", "a group whose index of links is at an address that there is not; the checksum is right", crash,
                   ["library_crash.h5"])
    yield BadInput("library_loop", "an object of size 0 in a heap, which the library walks over for ever", loop,
                   ["library_loop.h5"])


def crash(path: pathlib.Path) -> None:
    with h5py.File(path, "w", libver=NEWEST) as file:
        put(file, "activations", X)
    content = bytearray(path.read_bytes())
    start = content.index(b"OHDR")
    # The root's link message: where its heap of links is, and their index, both nowhere.
    heap = content.index(b"\xff" * 16, start)
    content[heap:heap + 8] = struct.pack("<Q", 0xFFFF << 48)
    repair_header(content, start)
    path.write_bytes(content)


def loop(path: pathlib.Path) -> None:
    with h5py.File(path, "w", libver=READ_BY_ALL) as file:
        put(file, "activations", X)
        file.attrs["statistics"] = "batch"
    content = bytearray(path.read_bytes())
    # The first object of the global heap begins behind the heap's 16 bytes; its size behind 8 of its own.
    size = content.index(b"GCOL") + 16 + 8
    content[size:size + 8] = struct.pack("<Q", 64)
    path.write_bytes(content)


def repair_header(content: bytearray, start: int) -> None:
    """Make the checksum of a version 2 object header right."""
    flags = content[start + 5]
    place = start + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
    width = 1 << (flags & 3)
    end = place + width + int.from_bytes(content[place:place + width], "little")
    content[end:end + 4] = struct.pack("<I", lookup3(bytes(content[start:end])))
