"""The documents can be followed: every command of README.md and docs, in order, in one folder, shows what they show."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import unittest

from support import ROOT, FolderTestCase, need, program

h5py, np = need("h5py"), need("numpy")

from documents import Block, blocks, difference, scripts, unprinted  # noqa: E402

#: What is printed on other machines only: on larger ones, that two processors may be used; on slow ones, progress after half a minute.
ELSEWHERE = re.compile(r"threads: the process's affinity leaves 2 of|[ 0-9]{3} %  ([0-9.]+ GB/s|.* left)")

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def is_here(need: str) -> bool:
    """Whether there is a program, a module or a library of this name."""
    return bool(shutil.which(need) or importlib.util.find_spec(need) or ctypes.util.find_library(need))


class DocumentsTest(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        found = program()
        if not found:
            self.skipTest("no bn-stream is built, and $BN_STREAM names none")
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            self.skipTest("the documents show two threads, and there is one processor")
        # What the documents show was printed on a machine with two processors.
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, allowed[:2])
        self.addCleanup(os.sched_setaffinity, 0, before)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "bn-stream").symlink_to(found)
        self.here = self.folder / "here"
        self.here.mkdir()
        for name in ("configs", "docs", "tools", "Sources", "Tests"):
            (self.here / name).symlink_to(ROOT / name)
        paths = [str(self.folder / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]]
        self.environment = os.environ | {"PATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
                                         # In place of `pip install ./tools/python`.
                                         "PYTHONPATH": str(ROOT / "tools" / "python")}

    def run_here(self, *command: str) -> str:
        """Both streams, in the order in which they were written."""
        result = subprocess.run(
            command, cwd=self.here, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=600)
        return "".join(line for line in result.stdout.splitlines(keepends=True) if not ELSEWHERE.match(line))

    def follow_session(self, block: Block) -> None:
        mark = "@@ next"
        lines = []
        for command, _ in block.steps:
            # The next command may ask for the exit code of this one.
            lines += [command, f"code=$?; echo '{mark}'; (exit $code)"]
        printed = self.run_here("bash", "-c", "\n".join(lines)).split(mark + "\n")
        for (command, shown), text in zip(block.steps, printed, strict=False):
            if reason := difference(shown, text, block.varies):
                self.fail(f"{block.place}: {command}\n{reason}")
        self.assertEqual(len(printed), len(block.steps) + 1, f"{block.place}: not every command was run")

    def follow_dialogue(self, block: Block) -> None:
        path = self.folder / "dialogue.txt"
        path.write_text("\n".join(block.lines) + "\n")
        printed = self.run_here(sys.executable, "-m", "doctest", str(path))
        self.assertEqual(printed, "", block.place)

    def follow_script(self, block: Block, output: Block | None) -> None:
        printed = self.run_here(sys.executable, "-c", "\n".join(block.lines))
        if reason := difference(output.lines if output else [], printed, output.varies if output else []):
            self.fail(f"{block.place}\n{reason}")

    def test_every_command_shows_what_is_shown(self) -> None:
        count = 0
        for path in DOCUMENTS:
            name = str(path.relative_to(ROOT))
            for block, output in scripts(blocks(name, path.read_text())):
                missing = [need for need in block.needs if not is_here(need)]
                if missing:
                    print(f"left out: {block.place}, no {' and no '.join(missing)}")
                    continue
                count += 1
                with self.subTest(block.place):
                    if block.is_session:
                        self.follow_session(block)
                    elif block.is_dialogue:
                        self.follow_dialogue(block)
                    else:
                        self.follow_script(block, output)
        self.assertGreater(count, 15)


class FiguresTest(unittest.TestCase):
    def test_what_articles_say_was_printed(self) -> None:
        """Their prose names numbers to three digits or so: roundings of what the commands beside it print."""
        for path in sorted((ROOT / "docs" / "bn-stream.docc").glob("*.md")):
            with self.subTest(path.name):
                self.assertEqual(unprinted(path.name, path.read_text()), [])

    def test_finds_wrong_figures(self) -> None:
        page = "Of {}, as in section 3.5 and `0.77`.\n\n    y = 0.25·x\n\n```\n$ bn-stream\nshare 0.6758  drift -26.741  1.4e+05  12 s\n```\n"
        for right in ("0.676", "67.6 %", "68 %", "-26.7", "1.4e+05", "12.0", "3 layers"):
            self.assertEqual(unprinted("a.md", page.format(right)), [], right)
        for wrong in ("0.675", "67.7 %", "67 %", "26.7", "1.3e+05", "0.77", "0.25"):
            self.assertEqual(unprinted("a.md", page.format(wrong)), [wrong], wrong)


class BackwardPassTest(FolderTestCase):
    """The article of the reference's graph: its numbers are the trace's, and its lines of code stand in the sources."""

    ARTICLE = ROOT / "Sources" / "BatchNormReference" / "BatchNormReference.docc" / "BackwardPass.md"
    FEATURE = 8
    SIGNS = {"μ": "mu", "x̂": "xhat", "y": "out", "dβ": "dbeta", "dγ": "dgamma", "dx̂": "dxhat", "dμ": "dmu"}

    def setUp(self) -> None:
        super().setUp()
        found = program()
        if not found:
            self.skipTest("no bn-stream is built, and $BN_STREAM names none")
        path = self.folder / "trace.h5"
        subprocess.run([found, "trace", "--in", ROOT / "tools/samples/digits.h5", "--layer", "head/bn", "--out", path, "--quiet"], check=True)
        self.nodes: dict[str, np.ndarray] = {}
        with h5py.File(path) as file:
            for group in ("inputs", "forward", "backward"):
                for name, dataset in file["head/bn"][group].items():
                    self.nodes[name.split("_")[-1]] = dataset[()]
        self.text = self.ARTICLE.read_text()

    def assertShows(self, shown: str, values: np.ndarray, where: str) -> None:
        """Each number is that of the feature, to half a unit of its last digit."""
        for number, value in zip(re.findall(r"-?\d[\d.e-]*", shown), np.atleast_1d(values), strict=False):
            mantissa, _, exponent = number.partition("e")
            half = 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
            self.assertLessEqual(abs(float(number) - value), half * (1 + 1e-9), f"{where}: {number}, and it is {value}")

    def test_steps(self) -> None:
        sources = "".join(path.read_text() for path in (ROOT / "Sources/BatchNormReference/Graph").glob("*wardGraph.swift"))
        rows = re.findall(r"^\|(?: (\d))? \| (.+?) \| (given|`(.+)`) \| (.+) \|$", self.text, re.MULTILINE)
        self.assertEqual(len(rows), 24)
        for step, formula, _, code, numbers in rows:
            name = formula.partition(" = ")[0]
            name = self.SIGNS.get(name, name)
            with self.subTest(step=step, name=name):
                self.assertIn(code, sources)
                self.assertShows(numbers, self.nodes[name][..., self.FEATURE], name)
        for name, sign in (("gamma", "γ"), ("beta", "β")):
            self.assertShows(re.search(rf"{sign} = ([\d.]+)", self.text)[1], self.nodes[name][self.FEATURE], name)
        self.assertShows(re.search(r"rest of the network: ([^…]*)", self.text)[1], self.nodes["dout"][:, self.FEATURE], "dy")

    def test_full_and_detached(self) -> None:
        x, dy, xhat, gamma, beta, ivar = (self.nodes[name] for name in ("x", "dout", "xhat", "gamma", "beta", "ivar"))

        def loss(x: np.ndarray) -> np.ndarray:
            """Of each feature."""
            return (dy * (gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + beta)).sum(axis=0)

        gradients = self.nodes["dx"], gamma * ivar * dy
        squares = [(dx**2).sum(axis=0) for dx in gradients]
        expected = {
            "dx of the first three samples": gradients,
            "Σ dx · x̂": [(dx * xhat).sum(axis=0) for dx in gradients],
            "‖dx‖² = Σ dx²": squares,
            "a step": [0.001 * square for square in squares],
            "and lowers it": [loss(x) - loss(x - 0.001 * dx) for dx in gradients],
        }
        for name, values in expected.items():
            shown = re.search(rf"^\| {re.escape(name)}.*\| ([^|]+) \| ([^|]+) \|$", self.text, re.MULTILINE)
            for column in (0, 1):
                self.assertShows(shown[column + 1], values[column][..., self.FEATURE], f"{name}, column {column}")
        sums = re.search(r"^\| Σ dx \| (\S+) \| (\S+) \|$", self.text, re.MULTILINE)
        self.assertLess(abs(float(sums[1])), 1e-15)
        self.assertLess(abs(gradients[0][:, self.FEATURE].sum()), 1e-15)
        self.assertShows(sums[2], gradients[1][:, self.FEATURE].sum(), "Σ dx, detached")
        lost = 100 * (1 - squares[0] / squares[1])
        self.assertIn(f"with {lost[self.FEATURE]:.0f} % of its square", self.text)
        others = np.delete(lost, self.FEATURE)
        self.assertIn(f"between {abs(others.min()):.0f} and {others.max():.0f} %", " ".join(self.text.split()))


class ComparisonTest(unittest.TestCase):
    """That the tests above can fail."""

    def test_finds_differences(self) -> None:
        shown = ["layer  wrote", "/bn    2 KiB", "out.h5: 2 KiB in 0.03 s, 2 threads"]
        same = "layer  wrote\n/bn    2 KiB\nout.h5: 2 KiB in 0.55 s, 2 threads\n"
        self.assertIsNone(difference(shown, same, ["times"]))
        self.assertIsNotNone(difference(shown, same, []))
        for old, new in ("/bn    2", "/bn    3"), ("2 threads", "1 thread"), ("/bn    2 KiB\n", ""), ("layer", "\nlayer"), ("threads\n", "threads\nmore"):
            self.assertIn(old, same)
            self.assertIsNotNone(difference(shown, same.replace(old, new), ["times"]), new)

    def test_leaves_lines_out(self) -> None:
        self.assertIsNone(difference(["a", "…", "z"], "a\nb\nc\nz\n", []))
        self.assertIsNotNone(difference(["a", "…", "z"], "a\nb\nc\ny\n", []))
        self.assertIsNotNone(difference(["a", "…", "z"], "b\nc\nz\n", []))

    def test_equal_sums_stay_equal(self) -> None:
        one, two, three = "1" * 64, "2" * 64, "3" * 64
        shown = [f"{one}  a", f"{one}  b"]
        self.assertIsNone(difference(shown, f"{two}  a\n{two}  b\n", ["sums"]))
        self.assertIsNotNone(difference(shown, f"{two}  a\n{three}  b\n", ["sums"]))

    def test_names_that_are_not_known(self) -> None:
        self.assertIn("nothing is called", difference(["a"], "a\n", ["colours"]) or "")

    def test_passes_over_nothing(self) -> None:
        with self.assertRaises(ValueError):
            scripts(blocks("a.md", "```\nbn-stream --in a.h5\n```\n"))
        text = "<!-- not run: it builds -->\n```\nswift build\n```\n\n<!-- needs: jq -->\n<!-- varies: times -->\n\n```text\n$ a\nb\n$ c\n```\n"
        (session, _), = scripts(blocks("a.md", text))
        self.assertEqual(session.steps, [("a", ["b"]), ("c", [])])
        self.assertEqual((session.needs, session.varies), (["jq"], ["times"]))

    def test_takes_the_output_of_a_script(self) -> None:
        (script, output), = scripts(blocks("a.md", "```python\nprint(1)\n```\n\nwhich prints\n\n```\n1\n```\n"))
        self.assertEqual((script.lines, output and output.lines), (["print(1)"], ["1"]))


if __name__ == "__main__":
    unittest.main()
