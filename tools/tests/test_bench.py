"""The parts of tools/bench that measure nothing."""

import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from bench_measure import Contender, Failed, in_turn, ratios, run
from bench_rows import ROWS, kernel_times
from bench_sides import Bench
from bench_table import table

TOOLS = pathlib.Path(__file__).resolve().parents[1]


class MeasureTests(unittest.TestCase):
    def test_ratios_are_of_times_of_one_round(self) -> None:
        self.assertEqual(ratios([2, 6, 4], [1, 2, 4]), (1, 2, 3))

    def test_contenders_take_turns_and_the_first_round_does_not_count(self) -> None:
        with tempfile.NamedTemporaryFile("r") as log:
            sides = [Contender(name, ["sh", "-c", f"printf {name} >> {log.name}"]) for name in "ab"]
            in_turn(sides, 3)
            self.assertEqual(log.read(), "baabbaab")
            self.assertEqual([len(side.times) for side in sides], [3, 3])

    def test_a_program_that_knows_its_own_time_is_believed(self) -> None:
        side = Contender("a", ["echo", json.dumps({"seconds": 7, "peak_memory_bytes": 5, "time": {"read": 1}})], own_time=True)
        side.measure()
        self.assertEqual((side.times, side.peak_memory, side.spent), ([7], 5, {"read": [1]}))

    def test_a_command_that_fails_says_why(self) -> None:
        with self.assertRaisesRegex(Failed, "ended with 3: no disk"):
            run(["sh", "-c", "echo no disk >&2; exit 3"])


class TableTests(unittest.TestCase):
    def setUp(self) -> None:
        self.bench = Bench(argparse.Namespace(kernels="best"), "")

    def row(self, *found: float, **options: object) -> list[str]:
        with contextlib.redirect_stderr(io.StringIO()):
            self.bench.add("job", "cp", found, **options)
        return [cell.strip() for cell in table(self.bench.result).splitlines()[-1].split("|")[1:-1]]

    def test_a_target_is_met_missed_or_more_than_met(self) -> None:
        def met(median: float, faster: bool) -> str:
            return self.row(median, median, median, faster=faster, target=2, stretch=1 if not faster else 3)[7]

        self.assertEqual([met(value, False) for value in (0.9, 1.5, 2.5)], ["stretch", "yes", "**no**"])
        self.assertEqual([met(value, True) for value in (3.5, 2.5, 1.5)], ["stretch", "yes", "**no**"])

    def test_cells(self) -> None:
        self.assertEqual(self.row(0.5, 0.61, 0.7, faster=False, target=0.8, note="cp: 1.00"),
                         ["job", "cp", "0.50", "0.61", "0.70", "≤ 0.8 ×", "", "yes", "", "", "cp: 1.00"])


class RowTests(unittest.TestCase):
    def test_times_of_kernels_are_read_between_the_lines_of_the_package_manager(self) -> None:
        def element(name: str, microseconds: float) -> dict:
            percentiles = {"scorePercentiles": {"50.0": microseconds}}
            return {"benchmark": name, "secondaryMetrics": {"Time (wall clock)": percentiles}}

        text = "Building\n" + json.dumps([element("K.4096x1024_2", 250), element("K.8192x3_apart_1", 1e6)]) + "\nDone"
        self.assertEqual(list(kernel_times(text)), [(("4096x1024", 2, "in place"), 250e-6), (("8192x3", 1, "apart"), 1.0)])

    def test_help_names_every_row(self) -> None:
        text = subprocess.run([sys.executable, "-B", os.fspath(TOOLS / "bench"), "--help"], capture_output=True, text=True,
                              check=True).stdout
        for name, function in ROWS.items():
            self.assertRegex(text, rf"\n  {name} +{re.escape(function.__doc__)}\n")


if __name__ == "__main__":
    unittest.main()
