"""Datasets that are written and read back, bit by bit."""

import unittest

from support import FolderTestCase, need

np, h5py = need("numpy"), need("h5py")

from bn_stream import hdf5_layers  # noqa: E402
from bn_stream.hdf5_layers import bfloat16_type, create_dataset, put, put_bits, put_results, read_bits, read_float64, write_rows  # noqa: E402


class RoundTripTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = h5py.File(self.folder / "file.h5", "w")
        self.addCleanup(self.file.close)

    def test_element_types(self) -> None:
        for name in ("<f2", "<f4", ">f4", "<f8", ">f8", "i1", "u1", "<i2", ">i2", "<u4", "<i8"):
            with self.subTest(name):
                values = np.arange(-12, 12).reshape(4, 3, 2).astype(name)
                put_bits(self.file, name, values, h5py.h5t.py_create(values.dtype))
                dataset = self.file[name]
                self.assertEqual((dataset.shape, dataset.dtype, dataset.chunks), (values.shape, values.dtype, None))
                self.assertEqual(dataset[:].tobytes(), values.tobytes())
                self.assertEqual(read_bits(dataset, 1, 3).tobytes(), values[1:3].tobytes())
                np.testing.assert_array_equal(read_float64(dataset, 1, 4), values[1:4].astype(np.float64))

    def test_bfloat16_is_read_as_the_upper_half_of_float32(self) -> None:
        values = np.array([[0.0, 1.0, -2.5], [3.0e38, 1e-40, np.inf]], np.float32)
        bits = (values.view(np.uint32) >> 16).astype(np.uint16)
        put_bits(self.file, "x", bits, bfloat16_type())
        kind = self.file["x"].id.get_type()
        self.assertEqual((kind.get_size(), kind.get_ebias(), kind.get_fields()), (2, 127, (15, 7, 8, 0, 7)))
        self.assertEqual(read_bits(self.file["x"], 0, 2).tobytes(), bits.tobytes())
        upper = (bits.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(read_float64(self.file["x"], 0, 2), upper.astype(np.float64))

    def test_rows_are_appended_in_any_order(self) -> None:
        values = np.arange(60, dtype=np.float32).reshape(12, 5)
        dataset = create_dataset(self.file, "x", h5py.h5t.IEEE_F32LE, (4, 5), growable=True)
        dataset.resize(12, axis=0)
        for start, stop in ((8, 12), (0, 3), (3, 8)):
            write_rows(dataset, start, values[start:stop])
        np.testing.assert_array_equal(dataset[:], values)
        self.assertEqual((dataset.chunks, dataset.maxshape), ((32, 5), (None, 5)))

    def test_a_chunk_of_large_samples_is_one_sample(self) -> None:
        shape = (3, hdf5_layers.CHUNK_BYTES)
        self.assertEqual(create_dataset(self.file, "x", h5py.h5t.IEEE_F32LE, shape, growable=True).chunks, (1, shape[1]))

    def test_no_samples(self) -> None:
        for growable in (False, True):
            dataset = create_dataset(self.file, f"x{growable}", h5py.h5t.IEEE_F32LE, (0, 3), growable)
            write_rows(dataset, 0, np.zeros((0, 3), np.float32))
            self.assertEqual(read_float64(dataset, 0, 0).shape, (0, 3))

    def test_results_go_to_the_groups_that_their_names_say(self) -> None:
        put_results(self.file, {"output": np.ones((2, 3)), "batches/mean": np.zeros((1, 3))})
        self.assertEqual((list(self.file), list(self.file["batches"])), (["batches", "output"], ["mean"]))


class CopyTests(FolderTestCase):
    def test_a_copy_is_contiguous_and_has_the_same_values_and_attributes(self) -> None:
        values = np.arange(60, dtype=">i2").reshape(12, 5)
        self.addCleanup(setattr, hdf5_layers, "COPY_BYTES", hdf5_layers.COPY_BYTES)
        hdf5_layers.COPY_BYTES = 35  # three rows at once
        with h5py.File(self.folder / "source.h5", "w") as source, h5py.File(self.folder / "target.h5", "w") as target:
            group = source.create_group("a/b")
            group.attrs["epsilon"] = 1e-3
            put(group, "x", values, chunks=(5, 5), compression="gzip")
            put(group, "none", values[:0], chunks=(1, 5), maxshape=(None, 5))
            hdf5_layers.copy_contiguous(source, target)
            copy = target["a/b"]
            self.assertEqual((dict(copy.attrs), list(copy)), ({"epsilon": 1e-3}, ["none", "x"]))
            self.assertEqual((copy["x"].chunks, copy["x"].dtype, copy["none"].shape), (None, values.dtype, (0, 5)))
            np.testing.assert_array_equal(copy["x"][:], values)

    def test_equal_data_give_equal_bytes(self) -> None:
        paths = [self.folder / name for name in ("first.h5", "second.h5")]
        for path in paths:
            with h5py.File(path, "w", libver=hdf5_layers.SMALL) as file:
                put(file.create_group("layer"), "x", np.arange(6.0))
                put_bits(file["layer"], "y", np.arange(6.0), h5py.h5t.IEEE_F64LE)
        self.assertSameBytes(*paths)


if __name__ == "__main__":
    unittest.main()
