"""What several tests need."""

from __future__ import annotations

import importlib
import os
import pathlib
import subprocess
import tempfile
import unittest
from types import ModuleType

ROOT = pathlib.Path(__file__).resolve().parents[2]


def need(name: str, version: int = 0) -> ModuleType:
    """The module; where it is missing or older, all tests of the file that asks for it are skipped."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"no {name}") from error
    if version and int(module.__version__.split(".")[0]) < version:
        raise unittest.SkipTest(f"{name} {module.__version__} is older than {version}")
    return module


def program() -> pathlib.Path | None:
    """$BN_STREAM, or the program that was built last."""
    if given := os.environ.get("BN_STREAM"):
        return pathlib.Path(given).resolve()
    built = [path for kind in ("debug", "release") if (path := ROOT / ".build" / kind / "bn-stream").exists()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def run_program(*arguments: object) -> str:
    """What bn-stream prints; the test is skipped where none is built, and fails where it fails."""
    found = program()
    if not found:
        raise unittest.SkipTest("no bn-stream is built, and $BN_STREAM names none")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"bn-stream {' '.join(map(str, arguments))}: {done.returncode}: {done.stderr}")
    return done.stdout + done.stderr


class FolderTestCase(unittest.TestCase):
    """Has a folder of its own for each test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="bn-stream-tools-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assertSameBytes(self, first: pathlib.Path, second: pathlib.Path) -> None:
        """For HDF5 files. Older versions of h5py write the time into every group, whatever they are told."""
        h5py = need("h5py")
        if h5py.version.version_tuple[:2] < (3, 16):
            self.skipTest(f"h5py {h5py.__version__} is older than 3.16 and writes times")
        self.assertTrue(first.read_bytes() == second.read_bytes(), f"{first.name} and {second.name} differ")
