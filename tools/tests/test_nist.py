"""NIST's sets and their certified values."""

import contextlib
import io
import unittest

from support import FolderTestCase, need

need("h5py")
need("mpmath")

import h5py  # noqa: E402
import make_nist  # noqa: E402
from made_files import FIXTURES  # noqa: E402


class NISTTests(FolderTestCase):
    def write(self, name: str):
        path = self.folder / name
        with contextlib.redirect_stdout(io.StringIO()):
            make_nist.write(path)
        return path

    def test_twice_gives_the_same_bytes(self) -> None:
        self.assertSameBytes(self.write("first.h5"), self.write("second.h5"))

    def test_the_committed_file_has_the_same_values(self) -> None:
        with h5py.File(self.write("made.h5")) as made, h5py.File(FIXTURES / "nist.h5") as committed:
            self.assertEqual(list(made), list(committed))
            for name, group in made.items():
                self.assertEqual(dict(group.attrs), dict(committed[name].attrs), name)
                self.assertEqual(group["activations"][:].tobytes(), committed[name]["activations"][:].tobytes(), name)

    def test_a_wrong_value_in_a_wrong_place_is_noticed(self) -> None:
        texts, *certified = make_nist.SETS["Lottery"]
        make_nist.verify("Lottery", texts, *certified)
        with self.assertRaisesRegex(AssertionError, "mean .* is not the certified 518.958715596330"):
            make_nist.verify("Lottery", ["163", *texts[1:]], *certified)
        with self.assertRaisesRegex(AssertionError, "autocorrelation"):
            make_nist.verify("Lottery", [texts[1], texts[0], *texts[2:]], *certified)


if __name__ == "__main__":
    unittest.main()
