"""What tests of flaws need: whether the compiler can read the sources with flaws in them."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import unittest
from collections.abc import Sequence

from plant_catalogue import Flaw, by_file, rewritten
from support import ROOT


def parsing_errors(folder: pathlib.Path, flaws: Sequence[Flaw]) -> list[str]:
    """What the compiler says of the Swift files, written to the folder with their flaws in them; the test is skipped where there is none."""
    compiler = shutil.which("swiftc")
    if compiler is None:
        raise unittest.SkipTest("no Swift compiler")
    files = []
    for name, here in by_file(list(flaws)).items():
        if name.endswith(".swift"):
            files.append(folder / name.replace("/", "-"))
            files[-1].write_text(rewritten((ROOT / name).read_text(), here))
    result = subprocess.run([compiler, "-frontend", "-parse", *files], capture_output=True, text=True, timeout=300)
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return errors or ([] if result.returncode == 0 else [f"it ends with {result.returncode}"])
