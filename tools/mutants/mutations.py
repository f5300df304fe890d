"""Ways to damage a file: numbers in its structures, and what its chunks decode to."""

from __future__ import annotations

import random
import struct
import zlib

from hdf5_checksums import fletcher32

from mutants.seeds import Chunk, Seed
from mutants.structures import Structure, repaired, structures


class Mutator:
    """Makes mutants of one seed."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.structures = structures(seed.content)

    def mutant(self, dice: random.Random) -> bytes:
        content = bytearray(self.seed.content)
        for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
            if self.seed.chunks and dice.random() < 0.25:
                damage_chunk(content, dice.choice(self.seed.chunks), dice)
            elif self.structures and dice.random() < 0.9:
                structure = dice.choice(self.structures)
                self.damage(content, structure.start, structure.end, dice)
            else:
                self.damage(content, 0, len(content), dice)
        # Some with wrong checksums, too: what looks at them is also code.
        if dice.random() < 0.97:
            repaired(content, self.structures)
        if dice.random() < 0.03:
            del content[dice.randrange(len(content)):]
        return bytes(content)

    def damage(self, content: bytearray, start: int, end: int, dice: random.Random) -> None:
        """Change a number of one, two, four or eight bytes."""
        # Small structures at their beginning, where their counts and addresses are.
        end = min(end, start + dice.choice((16, 48, 128, 1 << 16)))
        size = dice.choice((1, 1, 2, 4, 8))
        if end - start <= size:
            return
        place = dice.randrange(start, end - size)
        old = int.from_bytes(content[place:place + size], "little")
        value = dice.choice((
            lambda: old ^ 1 << dice.randrange(8 * size), lambda: old + dice.choice((-1, 1, 2, 8, 1 << 12)), lambda: 0, lambda: 1,
            lambda: -1, lambda: 1 << dice.randrange(8 * size), lambda: (1 << dice.randrange(8 * size)) - 1,
            lambda: dice.getrandbits(8 * size), lambda: self.address(content, dice), lambda: len(content) - dice.randrange(64),
        ))()
        content[place:place + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def address(self, content: bytearray, dice: random.Random) -> int:
        """Of something in the file: links that lead back are the ones without an end."""
        return dice.choice(self.structures).start if self.structures else dice.randrange(len(content))


def damage_chunk(content: bytearray, chunk: Chunk, dice: random.Random) -> None:
    """Replace what a chunk decodes to, in the same place; its checksum is right."""
    room = chunk.size - (4 if chunk.fletcher32 else 0)
    payload = bytearray(content[chunk.start:chunk.start + room])
    if chunk.gzip and dice.random() < 0.7:
        # Another length, mostly zeros, so that it has room where the chunk was.
        length = dice.choice((0, 1, 8, 47, 96, 192, 4096, 1 << 20, 1 << 24))
        made = zlib.compress(bytes(length), 9)
        payload[:len(made)] = made[:room]
        del payload[room:]
    elif payload:
        # Some compressions begin with a head of lengths.
        end = dice.choice((len(payload), min(len(payload), 16)))
        for _ in range(dice.choice((1, 4))):
            payload[dice.randrange(end)] = dice.getrandbits(8)
    content[chunk.start:chunk.start + room] = payload
    if chunk.fletcher32:
        content[chunk.start + room:chunk.start + chunk.size] = struct.pack("<I", fletcher32(bytes(payload)))
