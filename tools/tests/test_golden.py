"""Golden vectors as arrays: what NumPy reads is what the HDF5 file holds."""

import json
import zipfile

from support import ROOT, FolderTestCase, need, run_program

np, h5py = need("numpy"), need("h5py")

DIGITS = ROOT / "tools" / "samples" / "digits.h5"


class GoldenTests(FolderTestCase):
    def check(self, *options: object) -> list[dict]:
        path, archive = self.folder / "golden.h5", self.folder / "golden.npz"
        run_program("verify", "--write-golden", path, "--golden-arrays", archive, "--quiet", *options)
        with zipfile.ZipFile(archive) as members:
            self.assertIsNone(members.testzip())
            index = json.loads(members.read("index.json"))
            names = set(members.namelist()) - {"index.json"}
        self.assertEqual(names, {array["file"] for layer in index for array in layer["arrays"]})
        with np.load(archive) as arrays, h5py.File(path) as file:
            for layer in index:
                for array in layer["arrays"]:
                    name = array["name"]
                    inner = name.removeprefix("expected/")
                    expected = file[f"expected{layer['path']}/{inner}" if inner != name else f"{layer['path']}/{name}"]
                    found = arrays[array["file"].removesuffix(".npy")]
                    self.assertEqual((str(found.dtype), list(found.shape)), (array["type"], array["shape"]))
                    self.assertEqual(found.dtype, expected.dtype)
                    np.testing.assert_array_equal(found, expected[:])
            self.assertEqual(index[0]["epsilon"], file[index[0]["path"]].attrs["epsilon"])
        return index

    def test_made_ones(self) -> None:
        index = self.check("--golden-nonfinite")
        self.assertEqual([layer["path"] for layer in index[:2]], ["/uneven_batches", "/channels_first"])
        self.assertEqual(index[-1]["case"], "nonfinite")
        self.assertEqual(index[0]["momentum"], 0.1)

    def test_own_ones_with_names_that_are_no_files(self) -> None:
        path = self.folder / "in.h5"
        with h5py.File(path, "w") as file:
            for name in ("a/..b", "ü ", "a_.b"):
                file[f"{name}/activations"] = np.arange(12.0).reshape(6, 2)
        index = self.check("--in", path)
        folders = {layer["arrays"][0]["file"].split("/")[0] for layer in index}
        self.assertEqual(len(folders), 3)
        self.assertTrue(all(folder.replace("_", "").isalnum() for folder in folders))

    def test_the_index_says_how_each_layer_is_normalized(self) -> None:
        path = self.folder / "in.h5"
        x = np.arange(48.0).reshape(4, 2, 2, 3) ** 2 % 7
        with h5py.File(path, "w") as file:
            for name, axis in (("first", 1), ("last", 3)):
                group = file.create_group(name)
                group["activations"] = x
                group.attrs["feature_axis"] = axis
                group["running_mean"], group["running_var"] = np.zeros(x.shape[axis]), np.ones(x.shape[axis])
        for options, statistics, variance in (((), "batch", "unbiased"), (("--running-variance", "biased"), "batch", "biased"),
                                              (("--statistics", "running"), "running", "unbiased")):
            index = {layer["path"]: layer for layer in self.check("--in", path, "--force", *options)}
            self.assertEqual({name: layer["feature_axis"] for name, layer in index.items()}, {"/first": 1, "/last": 3})
            for layer in index.values():
                self.assertEqual(layer["statistics"], statistics)
                if statistics == "batch":
                    self.assertEqual(layer["running_variance"], variance)

    def test_momentum_none(self) -> None:
        self.assertNotIn("momentum", self.check("--in", DIGITS, "--momentum", "none")[0])
