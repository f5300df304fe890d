"""The fixtures' generator without PyTorch: the layers that it writes, not the results."""

import unittest

from support import FolderTestCase, need

np, h5py = need("numpy"), need("h5py")

from fixtures.case import ROLES  # noqa: E402
from fixtures.element_types import element_types  # noqa: E402
from fixtures.layouts import layouts  # noqa: E402
from fixtures.modes import modes  # noqa: E402
from fixtures.numerics import numerics  # noqa: E402
from fixtures.parameters import parameters  # noqa: E402
from fixtures.storage import storage  # noqa: E402
from fixtures.values import from_bfloat16, generator, to_bfloat16  # noqa: E402
from fixtures.writing import write  # noqa: E402
from bn_stream.hdf5_layers import READ_BY_ALL, read_bits  # noqa: E402
from made_files import FIXTURES  # noqa: E402

THEMES = (layouts, storage, parameters, modes, element_types, numerics)


class GeneratorTests(FolderTestCase):
    def write(self, name: str, attempt: str):
        path = self.folder / f"{name}-{attempt}.h5"
        case = {name: case for theme in THEMES for name, case in theme()}[name]
        write(path, case, READ_BY_ALL, "some versions", lambda layer, configuration: {"output": layer.data["activations"]})
        return path

    def test_twice_gives_the_same_bytes(self) -> None:
        for name in ("rank4", "gzip_shuffle", "unallocated", "filter_mask", "compact", "bfloat16", "newest_format"):
            with self.subTest(name):
                self.assertSameBytes(self.write(name, "first"), self.write(name, "second"))

    def test_committed_files_hold_what_it_draws(self) -> None:
        for theme in THEMES:
            for name, case in theme():
                with self.subTest(name), h5py.File(FIXTURES / f"{name}.h5") as file:
                    self.assertEqual(file.attrs["about"].decode(), case.about)
                    for layer in case.layers:
                        for role in filter(layer.data.__contains__, ROLES):
                            dataset, drawn = file["/" + layer.path][layer.names.get(role, role)], layer.data[role]
                            stored = read_bits(dataset, 0, len(drawn))
                            self.assertEqual((dataset.shape, stored.tobytes()), (drawn.shape, drawn.tobytes()), role)

    def test_a_row_that_is_never_written_is_filled(self) -> None:
        with h5py.File(self.write("unallocated", "once")) as file:
            activations = file["layer/activations"]
            self.assertEqual(activations.fillvalue, 2.5)
            self.assertTrue((activations[10:20] == 2.5).all())
            chunks = [activations.id.get_chunk_info(i).chunk_offset[0] for i in range(activations.id.get_num_chunks())]
            self.assertEqual(sorted(set(chunks)), [0, 5, 20])

    def test_the_second_chunk_is_stored_without_the_filter(self) -> None:
        with h5py.File(self.write("filter_mask", "once")) as file:
            dataset = file["layer/activations"].id
            self.assertEqual([dataset.get_chunk_info_by_coord((row, 0)).filter_mask for row in (0, 4, 8)], [0, 1, 0])


class ValueTests(unittest.TestCase):
    def test_bfloat16_is_rounded_to_nearest_even(self) -> None:
        bits = np.array([0x3F800000, 0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0xBF818000], np.uint32)
        expected = [0x3F80, 0x3F80, 0x3F82, 0x3F80, 0x3F81, 0xBF82]
        self.assertEqual(to_bfloat16(bits.view(np.float32)).tolist(), expected)

    def test_bfloat16_is_within_half_a_unit_of_the_last_place(self) -> None:
        values = generator("bfloat16").standard_normal(1000).astype(np.float32)
        np.testing.assert_allclose(from_bfloat16(to_bfloat16(values)), values, rtol=2.0**-8, atol=0)

    def test_seeds_come_from_names(self) -> None:
        first, again, other = (generator(name).random(4).tolist() for name in ("a", "a", "b"))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)


if __name__ == "__main__":
    unittest.main()
