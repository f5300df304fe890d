"""Arrays of other programs become a file that bn-stream reads."""

import json
import os
import subprocess
import sys
import unittest

from support import ROOT, FolderTestCase, need, run_program

np, h5py = need("numpy"), need("h5py")

from bn_stream import PackError, hdf5_layers, pack, read  # noqa: E402
from bn_stream.hdf5_layers import read_float64  # noqa: E402


class PackTestCase(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        rng = np.random.default_rng(2)
        self.x, self.dy = (rng.normal(3, 2, (20, 4, 3, 3)).astype(np.float32) for _ in range(2))
        self.gamma = rng.uniform(0.5, 2, 4)
        self.path = self.folder / "in.h5"

    def assertComputes(self, path: str = "/bn1", x=None) -> None:
        """bn-stream reads the file, and its statistics are NumPy's."""
        run_program("--in", self.path, "--out", self.folder / "out.h5", "--force", "--quiet", "--strict")
        x = (self.x if x is None else x).astype(np.float64)
        with read(self.folder / "out.h5") as results:
            self.assertIn(path, list(results))
            np.testing.assert_allclose(results[path]["population_mean"], x.mean((0, 2, 3)), rtol=1e-12)
            np.testing.assert_allclose(results[path]["population_var"], x.var((0, 2, 3)), rtol=1e-12)


class SourceTests(PackTestCase):
    def test_arrays_in_memory(self) -> None:
        found = pack(
            {"bn1/activations": self.x, "bn1.grad_output": self.dy, "bn1/weight": self.gamma}, self.path, attributes={"epsilon": 1e-3}
        )
        self.assertEqual(found, {"/bn1": ["activations", "gamma", "grad_output"]})
        self.assertComputes()
        with h5py.File(self.path) as file:
            np.testing.assert_array_equal(file["bn1/grad_output"][:], self.dy)
            self.assertEqual((file["bn1"].attrs["epsilon"], file["bn1/activations"].chunks), (1e-3, None))

    def test_npz(self) -> None:
        np.savez_compressed(self.folder / "a.npz", **{"features.0.activations": self.x, "features.0.bias": self.gamma})
        pack([self.folder / "a.npz"], self.path)
        self.assertComputes("/features/0")

    def test_every_role_is_where_bn_stream_looks_for_it(self) -> None:
        roles = {
            "activations": (self.x, "activations"),
            "weight": (self.gamma, "gamma"),
            "bias": (-self.gamma, "beta"),
            "moving_mean": (np.arange(4.0), "running_mean"),
            "moving_variance": (np.arange(1.0, 5), "running_var"),
            "mask": (np.arange(20) % 3 > 0, "mask"),
            "targets": (np.arange(20) % 7, "labels"),
        }
        pack({f"bn1/{role}": values for role, (values, _) in roles.items()}, self.path)
        with h5py.File(self.path) as file:
            self.assertEqual(set(file["bn1"]), {name for _, name in roles.values()})
            for values, name in roles.values():
                np.testing.assert_array_equal(file["bn1"][name][:], values, err_msg=name)
        own = {"activations": self.x, "beta": self.gamma, "running_mean": np.arange(4.0), "running_var": np.arange(1.0, 5)}
        own["labels"] = np.arange(20, dtype=np.uint8)
        pack({f"bn2/{role}": values for role, values in own.items()}, self.path, force=True)
        with h5py.File(self.path) as file:
            self.assertEqual(set(file["bn2"]), set(own))
            for name, values in own.items():
                np.testing.assert_array_equal(file["bn2"][name][:], values, err_msg=name)

    def test_npy_in_parts(self) -> None:
        np.save(self.folder / "0.npy", self.x[:7]), np.save(self.folder / "1.npy", np.asfortranarray(self.x[7:]))
        pack({"activations": [self.folder / "0.npy", self.folder / "1.npy"]}, self.path, layer="bn1")
        self.assertComputes()
        np.save(self.folder / "enc.bn1.activations.npy", self.x)
        pack([self.folder / "enc.bn1.activations.npy"], self.path, force=True)
        self.assertComputes("/enc/bn1")

    def test_safetensors(self) -> None:
        torch, library = need("torch", version=2), need("safetensors.torch")
        tensors = {
            "bn1.activations": torch.from_numpy(self.x).to(torch.bfloat16),
            "bn1.weight": torch.from_numpy(self.gamma),
            "bn1.mask": torch.ones(20, dtype=torch.bool),
        }
        library.save_file(tensors, self.folder / "a.safetensors", metadata={"who": "me"})
        pack(self.folder / "a.safetensors", self.path)
        self.assertComputes(x=tensors["bn1.activations"].float().numpy())
        pack({"bn1/activations": tensors["bn1.activations"]}, self.path, force=True)
        self.assertComputes(x=tensors["bn1.activations"].float().numpy())
        library.save_file({"bn1.activations": torch.ones(2, 2).to(torch.float8_e4m3fn)}, self.folder / "b.safetensors")
        with self.assertRaisesRegex(PackError, "has elements of type F8_E4M3, which bn-stream does not read"):
            pack(self.folder / "b.safetensors", self.path, force=True)

    def test_element_types_of_safetensors(self) -> None:
        """The file is made here: a length, JSON, and the bytes."""
        tensors = {}
        for name, kind, value in (
            *(("I8", "i1", -1), ("I16", "<i2", -300), ("I32", "<i4", -(2**30)), ("I64", "<i8", -(2**40))),
            *(("U8", "u1", 200), ("U16", "<u2", 65000), ("U32", "<u4", 2**32 - 2), ("U64", "<u8", 2**64 - 3)),
        ):
            tensors[f"{name}.labels"] = name, np.array([1, value, 2], kind)
            tensors[f"{name}.activations"] = "F32", np.array([[1, 2], [3, 4], [5, 6.5]], "<f4")
        for name, kind in (("F16", "<f2"), ("F64", "<f8")):
            tensors[f"{name}.activations"] = name, np.array([[1, 1 / 3], [1e-4, -2], [60000, 7]], kind)
        tensors["F64.mask"] = "BOOL", np.array([True, False, True])
        header, data = {}, b""
        for name, (kind, values) in tensors.items():
            header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": [len(data), len(data) + values.nbytes]}
            data += values.tobytes()
        text = json.dumps(header).encode()
        (self.folder / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
        pack(self.folder / "a.safetensors", self.path)
        with h5py.File(self.path) as file:
            for name, (_, values) in tensors.items():
                with self.subTest(name):
                    found = file[name.replace(".", "/")]
                    self.assertEqual(found.dtype, values.dtype)
                    np.testing.assert_array_equal(found[:], values)

    def test_raw_files(self) -> None:
        for order, sign in (("little", "<"), ("big", ">")):
            with self.subTest(order):
                for number, part in enumerate((self.x[:13], self.x[13:])):
                    (self.folder / f"x.{number}.bin").write_bytes(b"head" + part.astype(sign + "f4").tobytes())
                listed = {
                    "bn1/activations": {
                        "files": ["x.0.bin", "x.1.bin"],
                        "shape": [20, 4, 3, 3],
                        "type": "float32",
                        "order": order,
                        "offset": 4,
                    }
                }
                (self.folder / "raw.json").write_text(json.dumps(listed))
                self.addCleanup(setattr, hdf5_layers, "COPY_BYTES", hdf5_layers.COPY_BYTES)
                pack(self.folder / "raw.json", self.path, force=True)
                self.assertComputes()
        bits = (self.x.view(np.uint32) >> 16).astype("<u2")
        (self.folder / "b.bin").write_bytes(bits.tobytes())
        (self.folder / "raw.json").write_text(
            json.dumps({"bn1/activations": {"files": ["b.bin"], "shape": [20, 4, 3, 3], "type": "bfloat16"}})
        )
        pack(self.folder / "raw.json", self.path, force=True)
        self.assertComputes(x=(bits.astype(np.uint32) << 16).view(np.float32))

    def test_channels_last_and_batches(self) -> None:
        last = np.ascontiguousarray(np.moveaxis(self.x, 1, -1))
        pack(
            {"bn1/activations": last, "bn1/gamma": self.gamma, "bn1/batch_offsets": np.array([0, 8, 20])},
            self.path,
            attributes={"feature_axis": -1},
        )
        self.assertComputes()
        with read(self.folder / "out.h5") as results:
            self.assertEqual(results["bn1"]["batches/count"].tolist(), [8, 12])

    def test_long_arrays_go_by_stretches(self) -> None:
        from bn_stream import packing

        self.addCleanup(setattr, packing, "COPY_BYTES", packing.COPY_BYTES)
        packing.COPY_BYTES = 5 * self.x[0].nbytes
        np.save(self.folder / "0.npy", self.x[:7]), np.save(self.folder / "1.npy", self.x[7:])
        pack({"activations": [self.folder / "0.npy", self.folder / "1.npy"]}, self.path, layer="bn1")
        with h5py.File(self.path) as file:
            np.testing.assert_array_equal(read_float64(file["bn1/activations"], 0, 20), self.x)


class RefusalTests(PackTestCase):
    def test_what_does_not_fit(self) -> None:
        x = self.x
        for words, sources, options in (
            (r"grad_output has shape \[20, 4, 3\], and activations \[20, 4, 3, 3\]", {"b/activations": x, "b/grad_output": x[..., 0]}, {}),
            (
                r"gamma has shape \[4\], and there are 3 features \(axis -1 of \[20, 4, 3, 3\]\); is the feature axis another",
                {"b/activations": x, "b/gamma": self.gamma},
                {"attributes": {"feature_axis": -1}},
            ),
            ("has gamma, but no activations", {"b/gamma": self.gamma}, {}),
            ("activation is no role; is it activations\\?", {"b/activation": x}, {}),
            ("zzz is no role; there is activations", {"b/zzz": x}, {}),
            ("activations does not say of which layer it is", {"activations": x}, {}),
            ("has gamma twice", {"b/activations": x, "b/gamma": [self.gamma, self.gamma]}, {}),
            ("or another element type; they cannot be one array", {"b/activations": [x, x.astype(np.float64)]}, {}),
            ("mask has 3 samples, and activations 20", {"b/activations": x, "b/mask": np.ones(3)}, {}),
            ("end with the number of samples, 20", {"b/activations": x, "b/batch_offsets": np.array([0, 19])}, {}),
            ("one for each of the 20 samples; this is int64 of shape \\[3\\]", {"b/activations": x, "b/labels": np.arange(3)}, {}),
            ("this is float32 of shape \\[20\\]", {"b/activations": x, "b/targets": x[:, 0, 0, 0]}, {}),
            ("has elements of type complex128", {"b/activations": x.astype(complex)}, {}),
            ("has no feature axis 1 behind", {"b/activations": x[:, 0, 0, 0]}, {}),
            ("eps is no attribute", {"b/activations": x}, {"attributes": {"eps": 1}}),
            ("is neither .npy", [self.folder / "x.csv"], {}),
            ("absent.npz: cannot be read as .npz", [self.folder / "absent.npz"], {}),
            ("there is nothing to pack", [], {}),
        ):
            with self.subTest(words), self.assertRaisesRegex(PackError, words):
                pack(sources, self.path, **options)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_raw_files_of_another_size(self) -> None:
        (self.folder / "x.bin").write_bytes(bytes(100))
        for shape, words in (
            ([7, 4], r"has 100 bytes of numbers, no multiple of the 16 of a sample \[4\]"),
            ([7, 5], "x.bin has 5 samples, and the shape says 7"),
        ):
            (self.folder / "raw.json").write_text(json.dumps({"b/activations": {"files": ["x.bin"], "shape": shape, "type": "float32"}}))
            with self.assertRaisesRegex(PackError, words):
                pack(self.folder / "raw.json", self.path)
        (self.folder / "raw.json").write_text(json.dumps({"b/activations": {"file": "x.bin", "shape": [5, 5], "type": "float32"}}))
        with self.assertRaisesRegex(PackError, "should say files, shape and type"):
            pack(self.folder / "raw.json", self.path)


class CommandTests(PackTestCase):
    def test_command(self) -> None:
        np.save(self.folder / "x.npy", self.x), np.save(self.folder / "dy.npy", self.dy)

        def run(*arguments: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [sys.executable, "-B", "-m", "bn_stream", "pack", "--out", "in.h5", *arguments],
                cwd=self.folder,
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT / "tools" / "python")},
            )

        done = run("--layer", "bn1", "activations=x.npy", "grad_output=dy.npy", "--epsilon", "0.5")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "/bn1: activations, grad_output\n", ""))
        self.assertComputes()
        with h5py.File(self.path) as file:
            self.assertEqual(dict(file["bn1"].attrs), {"epsilon": 0.5})
        self.assertEqual(
            run("x.npy").stderr,
            "bn_stream pack: x.npy: x is no role; there is activations, grad_output, gamma, weight, beta, bias, running_mean, moving_mean, "
            "running_var, moving_variance, batch_offsets, mask, labels, targets\n",
        )
        self.assertIn("in.h5 exists", run("--layer", "bn1", "activations=x.npy").stderr)
        # Two files of one name are one array; features come last, and batches are of eight.
        last = np.ascontiguousarray(np.moveaxis(self.x, 1, -1))
        np.save(self.folder / "x.0.npy", last[:7]), np.save(self.folder / "x.1.npy", last[7:])
        done = run(
            *("--layer", "bn1", "activations=x.0.npy", "activations=x.1.npy", "--force"),
            *("--feature-axis", "-1", "--momentum", "0.25", "--batch-size", "8", "--statistics", "batch"),
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "/bn1: activations\n", ""))
        with h5py.File(self.path) as file:
            self.assertEqual(dict(file["bn1"].attrs), {"feature_axis": -1, "momentum": 0.25, "batch_size": 8, "statistics": "batch"})
        self.assertComputes()
        with read(self.folder / "out.h5") as results:
            self.assertEqual(results["bn1"]["batches/count"].tolist(), [8, 8, 4])


if __name__ == "__main__":
    unittest.main()
