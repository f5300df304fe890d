"""tools/fuzz: mutants look whole, and the same dice give the same ones."""

from __future__ import annotations

import random
import struct
import unittest

from support import need

np, h5py = need("numpy"), need("h5py")


class FuzzTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        from mutants.mutations import Mutator
        from mutants.seeds import seeds
        cls.mutators = [Mutator(seed) for seed in seeds()[:3] + seeds()[-4:]]

    def test_structures_have_the_checksums_of_the_file(self) -> None:
        """Repairing what nobody changed changes nothing, and every kind of structure is found."""
        from mutants.structures import repaired
        names = set()
        for mutator in self.mutators:
            content = bytearray(mutator.seed.content)
            repaired(content, mutator.structures)
            self.assertEqual(bytes(content), mutator.seed.content)
            names |= {structure.name for structure in mutator.structures}
        self.assertLessEqual({"HDF", "OHDR", "TREE", "HEAP", "GCOL", "FAHD", "FADB"}, names)

    def test_a_repaired_checksum_is_that_of_what_is_there(self) -> None:
        from hdf5_checksums import lookup3
        from mutants.structures import repaired
        mutator = self.mutators[-1]
        content = bytearray(mutator.seed.content)
        header = next(structure for structure in mutator.structures if structure.name == "OHDR")
        content[header.start + 20] ^= 1
        repaired(content, mutator.structures)
        stored = struct.unpack_from("<I", content, header.checksum)[0]
        self.assertNotEqual(stored, struct.unpack_from("<I", mutator.seed.content, header.checksum)[0])
        self.assertEqual(stored, lookup3(bytes(content[header.start:header.checksum])))

    def test_the_same_dice_give_the_same_mutants(self) -> None:
        for mutator in self.mutators:
            first, again, other = (mutator.mutant(random.Random(seed)) for seed in (7, 7, 8))
            self.assertEqual(first, again)
            self.assertNotEqual(first, other)

    def test_checksums_of_chunks_are_the_librarys(self) -> None:
        from hdf5_checksums import fletcher32
        for mutator in self.mutators:
            for chunk in mutator.seed.chunks:
                if chunk.fletcher32:
                    stored = mutator.seed.content[chunk.start:chunk.start + chunk.size]
                    self.assertEqual(fletcher32(stored[:-4]), struct.unpack("<I", stored[-4:])[0])
