"""The bad inputs' generator, and the cases that the committed list has."""

import contextlib
import io
import json
import unittest
from unittest import mock

from support import FolderTestCase, need

need("h5py")
need("hdf5plugin")

import make_bad_inputs  # noqa: E402
from made_files import FIXTURES  # noqa: E402


class BadInputTests(FolderTestCase):
    def make(self, name: str):
        with mock.patch.object(make_bad_inputs, "FIXTURES", self.folder / name), contextlib.redirect_stdout(io.StringIO()):
            make_bad_inputs.main()
        return self.folder / name / "bad"

    def test_twice_gives_the_same_bytes(self) -> None:
        first, second = self.make("first"), self.make("second")
        names = sorted(path.name for path in first.iterdir())
        self.assertEqual(names, sorted(path.name for path in second.iterdir()))
        for name in names:
            self.assertSameBytes(first / name, second / name)

    def test_the_committed_list_and_files_are_those_of_the_generator(self) -> None:
        made, committed = self.make("made"), FIXTURES / "bad"
        self.assertEqual((made / "cases.json").read_text(), (committed / "cases.json").read_text())
        self.assertEqual(sorted(path.name for path in made.iterdir()), sorted(path.name for path in committed.iterdir()))

    def test_names_are_different_and_files_are_there(self) -> None:
        made = self.make("made")
        files = [case["file"] for case in json.loads((made / "cases.json").read_text())]
        self.assertEqual(len(files), len(set(files)))
        self.assertEqual([file for file in files if not (made / file).exists()], ["absent.h5"])


if __name__ == "__main__":
    unittest.main()
