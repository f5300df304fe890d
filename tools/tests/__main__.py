"""Runs the tests of the Python tools: a line for each file that lacks a module, the failures, and how many passed.

With arguments only tests whose name contains one of them, as in `tools/test-python test_recorder`.
"""

from __future__ import annotations

import pathlib
import re
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]


class Result(unittest.TextTestResult):
    """Counts passed tests, which unittest does not where subtests fail."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1


def chosen(suite: unittest.TestSuite, words: list[str]) -> unittest.TestSuite:
    tests = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            tests.addTest(chosen(test, words))
        elif not words or any(word in test.id() for word in words):
            tests.addTest(test)
    return tests


def main() -> int:
    suite = chosen(unittest.defaultTestLoader.discover(str(TESTS)), sys.argv[1:])
    begin = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        # A file that lacks a module is skipped as one test, and has its name.
        print(f"skipped: {test.id().removeprefix('unittest.loader.ModuleSkipped.')}, {reason}")
    missing = sorted({match[1] for _, reason in result.skipped if (match := re.fullmatch(r"no (\w+)(\.\w+)*", reason))})
    if missing:
        print(f"not installed: {', '.join(missing)}; tools/set-up-python makes a Python that has them")
    print(f"Python tools: {result.passed} passed, {len(result.skipped)} skipped, {failed} failed in {time.monotonic() - begin:.1f} s")
    # Nothing run for a name that was given is a mistake in the name.
    return 1 if failed or suite.countTestCases() == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
