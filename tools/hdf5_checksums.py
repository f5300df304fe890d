"""The checksums of HDF5's metadata and chunks, for files that are damaged on purpose and look whole.

B. Jenkins, lookup3.c, 2006 (`hashlittle`), as HDF5's `H5_checksum_metadata` uses it; J. G. Fletcher's checksum as `H5_checksum_fletcher32`.
"""

from __future__ import annotations

import struct

MASK = 0xFFFFFFFF


def rotated(value, count: int):
    return (value << count | value >> 32 - count) & MASK


def mixed(a, b, c):
    """The three words after twelve bytes more: of one checksum, or of arrays of them."""
    a = (a - c & MASK) ^ rotated(c, 4)
    c = c + b & MASK
    b = (b - a & MASK) ^ rotated(a, 6)
    a = a + c & MASK
    c = (c - b & MASK) ^ rotated(b, 8)
    b = b + a & MASK
    a = (a - c & MASK) ^ rotated(c, 16)
    c = c + b & MASK
    b = (b - a & MASK) ^ rotated(a, 19)
    a = a + c & MASK
    c = (c - b & MASK) ^ rotated(b, 4)
    b = b + a & MASK
    return a, b, c


def finished(a, b, c):
    """The checksum after the last bytes: of one, or of arrays of them."""
    c = (c ^ b) - rotated(b, 14) & MASK
    a = (a ^ c) - rotated(c, 11) & MASK
    b = (b ^ a) - rotated(a, 25) & MASK
    c = (c ^ b) - rotated(b, 16) & MASK
    a = (a ^ c) - rotated(c, 4) & MASK
    b = (b ^ a) - rotated(a, 14) & MASK
    return (c ^ b) - rotated(b, 24) & MASK


def lookup3(data: bytes) -> int:
    """The checksum of metadata of version 2 and later: superblocks, object headers, heaps, B-trees, indexes of chunks."""
    a = b = c = 0xDEADBEEF + len(data) & MASK
    start = 0
    while len(data) - start > 12:
        x, y, z = struct.unpack_from("<III", data, start)
        a, b, c = mixed(a + x & MASK, b + y & MASK, c + z & MASK)
        start += 12
    if start == len(data):
        return c
    x, y, z = struct.unpack("<III", bytes(data[start:]).ljust(12, b"\0"))
    return finished(a + x & MASK, b + y & MASK, c + z & MASK)


def fletcher32(data: bytes) -> int:
    """The checksum of the filter fletcher32, as a little-endian number after the data."""
    first = second = 0
    padded = data + b"\0" * (len(data) % 2)
    for word in struct.unpack(f">{len(padded) // 2}H", padded):
        first = (first + word) % 65535
        second = (second + first) % 65535
    # The C function leaves 65535 where a remainder is 0, unless everything is.
    if any(data):
        first, second = first or 65535, second or 65535
    return second << 16 | first
