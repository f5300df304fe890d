"""The twins' generator, and the committed files."""

import contextlib
import io
from unittest import mock

from support import FolderTestCase, need

need("h5py")
need("hdf5plugin")

import h5py  # noqa: E402
import make_twins  # noqa: E402
import numpy as np  # noqa: E402
from made_files import FIXTURES  # noqa: E402


class TwinTests(FolderTestCase):
    def make(self, name: str):
        with mock.patch.object(make_twins, "FIXTURES", self.folder / name), contextlib.redirect_stdout(io.StringIO()):
            make_twins.main()
        return self.folder / name / "twins"

    def test_twice_gives_the_same_bytes(self) -> None:
        first, second = self.make("first"), self.make("second")
        for path in first.iterdir():
            self.assertSameBytes(path, second / path.name)

    def test_the_committed_files_are_those_of_the_generator(self) -> None:
        made = self.make("made")
        self.assertEqual(sorted(path.name for path in made.iterdir()),
                         sorted(path.name for path in (FIXTURES / "twins").iterdir()))

    def test_twins_are_the_same_to_h5py_where_nothing_was_written(self) -> None:
        with h5py.File(FIXTURES / "twins" / "never_written.h5") as file:
            self.assertGreater(len(file["odd"]), 60)
            for name, odd in file["odd"].items():
                for role, plain in file["plain"][name].items():
                    self.assertTrue(np.array_equal(odd[role][()], plain[()]), f"{name}/{role}")
