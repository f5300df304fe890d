"""Where the structures of an HDF5 file are, and which of them have checksums: found in the bytes, without the library."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from hdf5_checksums import MASK, finished, lookup3, mixed

# What begins each structure. The first ones end with a checksum of all before it.
WITH_CHECKSUM = (b"\x89HDF", b"OHDR", b"OCHK", b"FRHP", b"FHIB", b"BTHD", b"BTIN", b"BTLF", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"EASB",
                 b"EADB", b"FSHD", b"FSSE", b"SMTB", b"SMLI")
# A block of a heap has the checksum behind its head, of the whole block with zeros in its place.
HEAP_BLOCK = b"FHDB"
WITHOUT_CHECKSUM = (b"TREE", b"SNOD", b"HEAP", b"GCOL")
LONGEST = 1 << 13


@dataclass(frozen=True)
class Structure:
    """Bytes [start, end) of a file; `checksum` is where its four bytes are, None if it has none."""

    name: str
    start: int
    end: int
    checksum: int | None = None


def structures(content: bytes) -> list[Structure]:
    """All structures with a signature, by place, and what lies before the first one as if it were one."""
    found = []
    for signature in WITH_CHECKSUM + (HEAP_BLOCK,) + WITHOUT_CHECKSUM:
        start = content.find(signature)
        while start >= 0:
            structure = (heap_block if signature == HEAP_BLOCK else with_checksum if signature in WITH_CHECKSUM else plain)(
                content, start)
            if structure:
                found.append(structure)
            start = content.find(signature, start + 1)
    return sorted(found, key=lambda structure: structure.start)


def name(content: bytes, start: int) -> str:
    return content[start:start + 4].decode("latin1").strip("\x89")


def plain(content: bytes, start: int) -> Structure:
    return Structure(name(content, start), start, min(start + 512, len(content)))


def with_checksum(content: bytes, start: int) -> Structure | None:
    """The shortest stretch from here on that is followed by its checksum; None for a signature within data."""
    ends = ends_with_checksum(content, start)
    return Structure(name(content, start), start, ends[0] + 4, ends[0]) if ends else None


def heap_block(content: bytes, start: int) -> Structure | None:
    for offset_size in range(1, 9):
        place = start + 13 + offset_size
        for size in (1 << bits for bits in range(6, 17)):
            block = bytearray(content[start:start + size])
            if len(block) < size or place + 4 > start + size:
                continue
            stored = struct.unpack_from("<I", content, place)[0]
            block[place - start:place - start + 4] = bytes(4)
            if lookup3(bytes(block)) == stored:
                return Structure("FHDB", start, start + size, place)
    return None


def repaired(content: bytearray, changed: list[Structure]) -> None:
    """Give these structures the checksums of what they hold now."""
    for structure in changed:
        if structure.checksum is None:
            continue
        block = bytearray(content[structure.start:structure.end])
        place = structure.checksum - structure.start
        if structure.name == "FHDB":
            block[place:place + 4] = bytes(4)
        else:
            del block[place:]
        content[structure.checksum:structure.checksum + 4] = struct.pack("<I", lookup3(bytes(block)))


def ends_with_checksum(content: bytes, start: int) -> list[int]:
    """All ends in [start + 8, start + LONGEST) at which the checksum of [start, end) stands: lookup3 for all ends at once."""
    limit = min(len(content) - 4, start + LONGEST)
    lengths = np.arange(8, max(8, limit - start + 1), dtype=np.int64)
    if not len(lengths):
        return []
    data = np.frombuffer(bytes(content[start:limit]).ljust(LONGEST + 24, b"\0"), np.uint8)
    a, b, c = ((0xDEADBEEF + lengths) & MASK for _ in range(3))
    for block in range(int(lengths[-1] - 1) // 12):
        first = int(np.searchsorted(lengths, 12 * block + 13))
        x, y, z = (int(word) for word in np.frombuffer(data[12 * block:12 * block + 12].tobytes(), "<u4"))
        a[first:], b[first:], c[first:] = mixed(a[first:] + x & MASK, b[first:] + y & MASK, c[first:] + z & MASK)
    rest = lengths - (lengths - 1) // 12 * 12
    tail = (lengths - 1) // 12 * 12
    kept = np.arange(12)[None, :] < rest[:, None]
    words = np.where(kept, data[tail[:, None] + np.arange(12)[None, :]], 0).astype(np.uint8).view("<u4").astype(np.int64)
    sums = finished(a + words[:, 0] & MASK, b + words[:, 1] & MASK, c + words[:, 2] & MASK)
    stored = np.array([struct.unpack_from("<I", content, start + int(length))[0] for length in lengths], np.int64)
    return [start + int(length) for length in lengths[sums == stored]]
