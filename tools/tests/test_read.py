"""Results as arrays and as tables."""

import contextlib
import csv
import io
import json
import pathlib
import subprocess
import sys
import unittest

from support import ROOT, FolderTestCase, need, run_program

np, h5py = need("numpy"), need("h5py")

from bn_stream import ReadError, read  # noqa: E402
from bn_stream.__main__ import main  # noqa: E402

DIGITS = ROOT / "tools" / "samples" / "digits.h5"


class ReadTests(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder / "grads.h5"
        run_program("--in", DIGITS, "--out", self.path, "--quiet")

    def test_arrays_are_those_of_the_file(self) -> None:
        with read(self.path) as results, h5py.File(self.path) as file:
            self.assertEqual(list(results), ["/features/bn", "/head/bn"])
            for name in ("output", "population_mean", "batches/mean", "batches/count"):
                np.testing.assert_array_equal(results["features.bn"][name], file["features/bn"][name][:])
            self.assertEqual(results["/head/bn"].attributes["settings"]["epsilon"], {"origin": "attribute", "value": 1e-5})
            everything = results.arrays()
            self.assertEqual(len(everything), 2 * 14)
            np.testing.assert_array_equal(everything["/head/bn/batches/var"], file["head/bn/batches/var"][:])

    def test_bfloat16(self) -> None:
        (self.folder / "c.json").write_text('{"output_type": "bfloat16"}')
        run_program("--in", DIGITS, "--out", self.folder / "b.h5", "--config", self.folder / "c.json", "--quiet")
        with read(self.folder / "b.h5") as short, read(self.path) as exact:
            y, expected = short["head.bn"]["output"], exact["head.bn"]["output"]
            self.assertEqual(y.dtype, np.float32)
            self.assertFalse((y.view(np.uint32) & 0xFFFF).any(), "not bfloat16's numbers")
            np.testing.assert_allclose(y, expected, rtol=2**-8, atol=0)

    def test_tables(self) -> None:
        need("pandas")
        with read(self.path) as results:
            layers, features = results.table(), results.feature_table()
            self.assertEqual(
                (list(layers["layer"]), list(layers["features"]), list(layers["samples"])),
                (["/features/bn", "/head/bn"], [8, 24], [81, 81]),
            )
            with h5py.File(self.path) as file:
                layer = {name: item[:] for name, item in file["head/bn"].items() if isinstance(item, h5py.Dataset)}
            expected = {
                **{f"{name}_least": layer[name].min() for name in ("population_mean", "population_var")},
                **{f"{name}_greatest": layer[name].max() for name in ("population_mean", "population_var")},
                **{f"{name}_norm": np.sqrt(np.square(layer[name]).sum()) for name in ("grad_gamma", "grad_beta")},
                **{"epsilon": 1e-5, "momentum": 0.1, "batches": 3},
            }
            for name, value in expected.items():
                self.assertAlmostEqual(layers[name][1], value, places=12, msg=name)
            self.assertEqual(layers["statistics"][1], "batch")
            self.assertEqual(len(features), 32)
            np.testing.assert_array_equal(features["grad_beta"][8:], results["head.bn"]["grad_beta"])

    def test_groups_within_a_layer(self) -> None:
        (self.folder / "c.json").write_text('{"outputs": ["population", "batches", "diagnostics", "moments", "histograms"]}')
        run_program("--in", DIGITS, "--out", self.folder / "all.h5", "--config", self.folder / "c.json", "--quiet")
        with read(self.folder / "all.h5") as results, h5py.File(self.folder / "all.h5") as file:
            self.assertEqual(list(results), ["/features/bn", "/head/bn"])  # and no group of theirs
            for group in ("batches", "diagnostics", "moments", "histograms"):
                for name, dataset in file["head/bn"][group].items():
                    np.testing.assert_array_equal(results["head.bn"][f"{group}/{name}"], dataset[()], err_msg=name)
            with h5py.File(DIGITS) as digits:
                self.assertEqual(results["head.bn"]["histograms/input"].sum(), digits["head/bn/activations"].size)

    def test_clients_that_share_nothing_but_moments(self) -> None:
        """Each has data of its own kind, of its own size; what is pooled is what all of it together has."""
        from bn_stream.estimators import estimate

        random = np.random.default_rng(23)
        clients = [random.normal(shift, 1, (size, 5)) for shift, size in ((0, 40), (3, 300), (100, 7), (1e6, 90))]
        (self.folder / "c.json").write_text('{"outputs": ["population", "moments"], "batch_size": 16}')
        results = []
        for number, x in enumerate(clients):
            with h5py.File(self.folder / f"{number}.h5", "w") as file:
                file["net/bn/activations"] = x
            results.append(self.folder / f"{number}-out.h5")
            run_program("--in", self.folder / f"{number}.h5", "--out", results[-1], "--config", self.folder / "c.json", "--quiet")
        run_program("merge", *results, "--out", self.folder / "merged.h5", "--quiet")
        # In more digits than Double has.
        everything = np.concatenate(clients).astype(np.longdouble)
        mean = everything.mean(0)
        variance = ((everything - mean) ** 2).mean(0)
        with read(self.folder / "merged.h5") as merged:
            found = estimate(merged["net.bn"], "population", "net.bn")
            self.assertEqual((found.samples, merged["net.bn"]["moments/count"][0]), (437, 437))
            np.testing.assert_allclose(found.mean, mean.astype(np.float64), rtol=2e-15, atol=0)
            np.testing.assert_allclose(found.variance, variance.astype(np.float64), rtol=2e-15, atol=0)
            # What averages of variances are worth.
            averaged = sum(len(x) * x.var(0) for x in clients) / 437
            self.assertLess((averaged / found.variance).max(), 0.01)

    def test_the_root_is_a_layer(self) -> None:
        with h5py.File(self.folder / "root.h5", "w") as file:
            file["activations"] = np.arange(12.0).reshape(6, 2)
        run_program("--in", self.folder / "root.h5", "--out", self.folder / "r.h5", "--quiet")
        with read(self.folder / "r.h5") as results:
            self.assertEqual(list(results), ["/"])
            np.testing.assert_array_equal(results["/"]["population_mean"], [5, 6])
            self.assertIn("/batches/mean", results.arrays())

    def test_what_is_not_there(self) -> None:
        with read(self.path) as results:
            with self.assertRaisesRegex(ReadError, "/head/bn has no median; there is batches/count"):
                results["head.bn"]["median"]
            with self.assertRaisesRegex(ReadError, "no layer is called /conv; there is /features/bn, /head/bn"):
                results["conv"]
        with self.assertRaisesRegex(ReadError, "holds no results"):
            with h5py.File(self.folder / "acts.h5", "w") as file:
                file["bn/activations"] = np.ones((4, 2))
            read(self.folder / "acts.h5")
        with self.assertRaisesRegex(ReadError, "cannot be read as HDF5"):
            read(ROOT / "README.md")
        with self.assertRaisesRegex(ReadError, "absent.h5: there is no such file$"):
            read(self.folder / "absent.h5")

    def test_command(self) -> None:
        def run(*arguments: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [sys.executable, "-B", "-m", "bn_stream", "read", "grads.h5", *arguments],
                cwd=self.folder,
                text=True,
                capture_output=True,
                env={"PYTHONPATH": str(ROOT / "tools" / "python")},
            )

        self.assertRegex(run().stdout, r"\Alayer +features +samples .*\n/features/bn +8 +81 +3 .*\n/head/bn +24 .*\n\Z")
        self.assertEqual((run("--out", "a.npz").returncode, run("--out", "a.json").returncode), (0, 0))
        with np.load(self.folder / "a.npz") as arrays, read(self.path) as results:
            np.testing.assert_array_equal(arrays["head/bn/grad_gamma"], results["head.bn"]["grad_gamma"])
        self.assertEqual(json.loads((self.folder / "a.json").read_text())[1]["features"], 24)
        self.assertEqual(run("--out", "a.npz").stderr, "bn_stream read: a.npz exists; choose another name, or replace it with --force\n")
        self.assertEqual(run("--out", "a.txt").stderr, "bn_stream read: a.txt: is neither .csv, .json nor .npz\n")

    def test_tables_of_the_command(self) -> None:
        need("pandas")

        def run(*arguments: str) -> str:
            out, error = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                main(["read", str(self.path), *arguments])
            return out.getvalue() + error.getvalue()

        def rows(path: pathlib.Path) -> list[dict[str, str]]:
            with path.open(newline="") as file:
                return list(csv.DictReader(file))

        table = self.folder / "f.csv"
        self.assertEqual(run("--features", "--out", str(table)), "")
        features = rows(table)
        with h5py.File(self.path) as file:
            expected = [*file["features/bn/grad_beta"], *file["head/bn/grad_beta"]]
        self.assertEqual([float(row["grad_beta"]) for row in features], expected)
        self.assertEqual([row["feature"] for row in features], [*map(str, range(8)), *map(str, range(24))])
        self.assertIn("f.csv exists", run("--out", str(table)))
        self.assertEqual(run("--out", str(table), "--force"), "")
        self.assertEqual([(row["layer"], row["features"]) for row in rows(table)], [("/features/bn", "8"), ("/head/bn", "24")])
        lines = run("--features").splitlines()
        self.assertEqual((len(lines), lines[0].split()[:2], lines[-1].split()[:2]), (33, ["layer", "feature"], ["/head/bn", "23"]))
        run("--features", "--out", str(self.folder / "f.json"))
        found = [row["grad_beta"] for row in json.loads((self.folder / "f.json").read_text())]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)  # pandas writes ten digits behind the point


class PackageTests(unittest.TestCase):
    def test_importing_it_imports_no_framework(self) -> None:
        code = "import sys, bn_stream, bn_stream.reading, bn_stream.loading, bn_stream.__main__ as m; m.parser(); print([n for n in ('torch', 'keras', 'onnx', 'pandas') if n in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-B", "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "tools" / "python")}
        )
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))

    def test_every_name_that_it_offers_is_there(self) -> None:
        need("torch")
        import bn_stream

        for name in bn_stream.__all__:
            self.assertIsNotNone(getattr(bn_stream, name))
        with self.assertRaises(AttributeError):
            bn_stream.absent


if __name__ == "__main__":
    unittest.main()
