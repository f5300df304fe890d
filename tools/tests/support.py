"""What several tests need."""

from __future__ import annotations

import importlib
import pathlib
import tempfile
import unittest
from types import ModuleType


def need(name: str, version: int = 0) -> ModuleType:
    """The module; where it is missing or older, all tests of the file that asks for it are skipped."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"no {name}") from error
    if version and int(module.__version__.split(".")[0]) < version:
        raise unittest.SkipTest(f"{name} {module.__version__} is older than {version}")
    return module


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
