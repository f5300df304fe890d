"""The mixed inputs' generator, and the cases that the committed list has."""

import contextlib
import io
from unittest import mock

from support import FolderTestCase, need

need("h5py")

import make_mixed_inputs  # noqa: E402
from made_files import FIXTURES  # noqa: E402


class MixedInputTests(FolderTestCase):
    def make(self, name: str):
        with mock.patch.object(make_mixed_inputs, "FIXTURES", self.folder / name), contextlib.redirect_stdout(io.StringIO()):
            make_mixed_inputs.main()
        return self.folder / name / "mixed"

    def test_twice_gives_the_same_bytes(self) -> None:
        first, second = self.make("first"), self.make("second")
        for path in first.iterdir():
            self.assertSameBytes(path, second / path.name)

    def test_the_committed_list_and_files_are_those_of_the_generator(self) -> None:
        made, committed = self.make("made"), FIXTURES / "mixed"
        self.assertEqual((made / "cases.json").read_text(), (committed / "cases.json").read_text())
        self.assertEqual(sorted(path.name for path in made.iterdir()), sorted(path.name for path in committed.iterdir()))
