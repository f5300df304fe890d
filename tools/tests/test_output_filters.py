"""Compressed outputs as others read them: h5py with hdf5plugin, and h5dump with HDF5's plugins."""

import itertools
import json
import os
import shutil
import subprocess
import unittest

from support import FolderTestCase, need, run_program

np, h5py = need("numpy"), need("h5py")
hdf5plugin = need("hdf5plugin")

COMPRESSIONS = ({}, {"gzip": 4}, {"zstd": 1}, {"zstd": 19}, {"lz4": True})
ORDERS = ({}, {"shuffle": True}, {"bitshuffle": True})
TYPES = ("float32", "float64", "float16")


class OutputFilterTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        numbers = np.random.default_rng(3)
        with h5py.File(self.folder / "in.h5", "w") as file:
            for role in ("activations", "grad_output"):
                # Some of it shrinks. 13 features and chunks of 11 samples are no whole groups of eight.
                values = numbers.normal(size=(123, 13)).astype("f4")
                values[22:44] = np.round(values[22:44])
                file[f"layer/{role}"] = values

    def output(self, name: str, **settings: object) -> h5py.File:
        (self.folder / "c.json").write_text(json.dumps(settings))
        run_program("--in", self.folder / "in.h5", "--out", self.folder / name, "--config", self.folder / "c.json", "--quiet")
        return h5py.File(self.folder / name, "r")

    def test_h5py_reads_what_was_computed(self) -> None:
        for number, (compression, order, kind) in enumerate(itertools.product(COMPRESSIONS, ORDERS, TYPES)):
            with self.subTest(compression=compression, order=order, kind=kind):
                storage = {"layout": "chunked", "chunk_samples": 11, "fletcher32": number % 2 == 0, **compression, **order}
                with self.output(f"{number}.h5", output_type=kind, output_storage=storage) as file, \
                        self.output(f"{number}-plain.h5", output_type=kind) as plain:
                    for name in ("output", "grad_input"):
                        np.testing.assert_array_equal(file["layer"][name][:], plain["layer"][name][:])
                        masks = {file["layer"][name].id.get_chunk_info(i).filter_mask for i in range(12)}
                        self.assertEqual(masks, {0})

    def test_it_is_smaller(self) -> None:
        with h5py.File(self.folder / "in.h5", "a") as file:
            for values in file["layer"].values():
                values[:] = np.round(values[:])
        for number, storage in enumerate(({"zstd": 3}, {"zstd": 3, "bitshuffle": True}, {"lz4": True, "bitshuffle": True},
                                          {"lz4": True, "shuffle": True})):
            with self.subTest(storage=storage), \
                    self.output(f"{number}.h5", output_storage={"layout": "chunked", **storage}) as file:
                # Each feature has about ten different values.
                self.assertLess(file["layer/output"].id.get_storage_size(), 123 * 13 * 4)

    def test_h5dump_reads_it_with_a_plugin(self) -> None:
        """The plugins of hdf5plugin, or those of Debian (hdf5-filter-plugin, bitshuffle), which know neither zstd nor this path."""
        if not shutil.which("h5dump"):
            self.skipTest("no h5dump")
        environment = os.environ | {"HDF5_PLUGIN_PATH": str(hdf5plugin.PLUGIN_PATH)}
        for number, storage in enumerate(({"zstd": 3, "shuffle": True}, {"lz4": True}, {"lz4": True, "bitshuffle": True},
                                          {"zstd": 3, "bitshuffle": True})):
            with self.subTest(storage=storage):
                self.output(f"{number}.h5", output_storage={"layout": "chunked", "chunk_samples": 50, **storage}).close()
                self.output(f"{number}-plain.h5").close()
                dumps = [subprocess.run(["h5dump", "-d", "/layer/output", "-y", "-w", "80", f"{number}{kind}.h5"], cwd=self.folder,
                                        env=environment, capture_output=True, text=True) for kind in ("", "-plain")]
                for dump in dumps:
                    self.assertEqual(dump.returncode, 0, dump.stderr)
                self.assertEqual(*(dump.stdout.split("DATA {")[1] for dump in dumps))


if __name__ == "__main__":
    unittest.main()
