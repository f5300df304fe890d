"""Inputs with the filter of C-Blosc2, beside the same numbers uncompressed; the library is the one of the Python package blosc2."""

import importlib.util
import itertools
import os
import pathlib
import unittest

from support import FolderTestCase, need, run_program

np, h5py = need("numpy"), need("h5py")
hdf5plugin = need("hdf5plugin")

CODECS = ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
# None, shuffle, bitshuffle, delta.
FILTERS = (0, 1, 2, 3)
# Features alone and with two axes more; chunks of one row, with blocks that do not divide them, and all in one.
SHAPES = (((61, 7), (1, 7)), ((61, 7), (9, 5)), ((2000, 33), (1999, 33)), ((40, 3, 5, 6), (7, 2, 4, 5)), ((40, 3, 5, 6), (40, 3, 5, 6)))
TYPES = ("f2", ">f4", "f4", "f8", "i2")


def library() -> pathlib.Path:
    found = importlib.util.find_spec("blosc2")
    if found is None:
        raise unittest.SkipTest("no Python package blosc2, which has the library")
    return pathlib.Path(found.origin).parent / "lib"


class Blosc2Tests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        path = os.environ.get("LD_LIBRARY_PATH")
        os.environ["LD_LIBRARY_PATH"] = str(library())
        self.addCleanup(lambda: os.environ.pop("LD_LIBRARY_PATH") if path is None else os.environ.update(LD_LIBRARY_PATH=path))

    def outputs(self, name: str) -> dict[str, np.ndarray]:
        run_program("--in", self.folder / name, "--out", self.folder / f"{name}.out.h5", "--batch-size", "16", "--quiet")
        found = {}
        with h5py.File(self.folder / f"{name}.out.h5") as file:
            file.visititems(lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return found

    def test_every_codec_and_filter_gives_the_numbers_that_were_stored(self) -> None:
        numbers = np.random.default_rng(5)
        cases = list(itertools.product(CODECS, FILTERS, SHAPES, TYPES))
        # Layers of one file, all at once: its outputs are compared with those of the same file without a filter.
        with h5py.File(self.folder / "blosc2.h5", "w") as packed, h5py.File(self.folder / "plain.h5", "w") as plain:
            for number, (codec, filter_, (shape, chunks), kind) in enumerate(cases):
                values = (numbers.normal(size=shape) * 9).astype(kind)
                rows = len(values)
                values[rows // 4:rows // 2] = 0  # chunks without data
                values[rows // 2:3 * rows // 4] = np.round(values[rows // 2:3 * rows // 4])
                gamma = np.round(numbers.normal(size=shape[1]) * 4).astype("f4")
                for file, big, small in ((packed, dict(chunks=chunks, **hdf5plugin.Blosc2(cname=codec, filters=filter_)),
                                          dict(chunks=(shape[1],), **hdf5plugin.Blosc2(cname=codec, filters=filter_))),
                                         (plain, {}, {})):
                    layer = file.create_group(f"layer{number}")
                    for role in ("activations", "grad_output"):
                        layer.create_dataset(role, data=values if role == "activations" else values[::-1], **big)
                    # One axis, decoded in the HDF5 library.
                    layer.create_dataset("gamma", data=gamma, **small)
        expected, found = self.outputs("plain.h5"), self.outputs("blosc2.h5")
        self.assertEqual(expected.keys(), found.keys())
        self.assertGreater(len(found), 5 * len(cases))
        for path, values in expected.items():
            np.testing.assert_array_equal(found[path], values, err_msg=path)

    def test_what_one_value_fills_and_what_does_not_shrink(self) -> None:
        kinds = {"zeros": np.zeros((50, 6), "f4"), "nan": np.full((50, 6), np.nan, "f4"), "fives": np.full((50, 6), 5, "f4"),
                 "noise": np.random.default_rng(1).integers(0, 2**16, (50, 6)).astype("i2")}
        with h5py.File(self.folder / "blosc2.h5", "w") as packed, h5py.File(self.folder / "plain.h5", "w") as plain:
            for name, values in kinds.items():
                packed.create_dataset(f"{name}/activations", data=values, chunks=(20, 6), **hdf5plugin.Blosc2(cname="lz4"))
                plain[f"{name}/activations"] = values
        expected, found = self.outputs("plain.h5"), self.outputs("blosc2.h5")
        for path, values in expected.items():
            np.testing.assert_array_equal(found[path], values, err_msg=path)

    def test_without_the_library_it_says_what_to_install(self) -> None:
        with h5py.File(self.folder / "in.h5", "w") as file:
            file.create_dataset("layer/activations", data=np.ones((50, 6), "f4"), chunks=(20, 6), **hdf5plugin.Blosc2(cname="lz4"))
        # A library that cannot be loaded.
        os.environ["LD_LIBRARY_PATH"] = str(self.folder)
        for number in range(2, 13):
            (self.folder / f"libblosc2.so.{number}").write_text("")
        (self.folder / "libblosc2.so").write_text("")
        words = "65: .*compressed with blosc2 [(]filter 32026[)], for which there is no library here; install it, .*pip install blosc2"
        with self.assertRaisesRegex(AssertionError, words):
            run_program("--in", self.folder / "in.h5", "--out", self.folder / "out.h5")
        self.assertFalse((self.folder / "out.h5").exists())


if __name__ == "__main__":
    unittest.main()
