"""Pages are looked at in a real browser, and a page that is not as it should be is noticed."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import unittest

from support import ROOT, FolderTestCase, need, program, run_program

h5py, np = need("h5py"), need("numpy")

_loader = importlib.machinery.SourceFileLoader("check_pages", str(ROOT / "tools/check-pages"))
check_pages = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_pages", _loader))
_loader.exec_module(check_pages)

if lack := check_pages.missing():
    raise unittest.SkipTest(lack)

GOOD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A page</title></head><body><main><h1 id="top">A page</h1><p>It has text.</p>{}</main></body></html>"""

#: What is added to a good page, and what is to be said of it.
FLAWS = {
    "lies outside": '<div style="width:500px">wide</div>',
    "the console says": "<script>console.error('something')</script>",
    "a script fails": "<script>undefined.something</script>",
    "asks for": '<p style="background:url(http://127.0.0.1:9/x.png)">picture</p>',
    "is a link that leads nowhere": '<p><a href="#nowhere">nowhere</a></p>',
    "axe: color-contrast": '<p style="color:#bbb;background:#fff">pale</p>',
    "is wider than paper": '<div class="scroll" style="overflow:visible;width:800px">wide on paper</div>',
    "is cut": '<svg viewBox="0 0 100 20" style="width:100px"><text x="90" y="15">a long word</text></svg>',
}


class CheckPagesTest(FolderTestCase):
    def problems(self, addition: str) -> list[str]:
        page = self.folder / "page.html"
        page.write_text(GOOD.format(addition))
        return check_pages.problems([page])

    def test_a_good_page_is_good(self) -> None:
        self.assertEqual(self.problems(""), [])

    def test_every_flaw_is_noticed(self) -> None:
        for words, addition in FLAWS.items():
            with self.subTest(words):
                self.assertTrue(any(words in problem for problem in self.problems(addition)))

    def test_the_slider_says_what_numpy_says(self) -> None:
        """The script computes the loss anew; here NumPy does, and the gradient by its formula."""
        from playwright.sync_api import sync_playwright

        random = np.random.default_rng(5)
        x, dy, mask = random.normal(3, 2, (7, 3)), random.normal(size=(7, 3)), np.array([1, 1, 0, 1, 1, 1, 1], bool)
        gamma, beta, epsilon = np.array([1.5, -2, 0.5]), np.array([1.0, 0, 2]), 0.25
        with h5py.File(self.folder / "in.h5", "w") as file:
            layer = file.create_group("bn")
            for name, value in {"activations": x, "grad_output": dy, "gamma": gamma, "beta": beta, "mask": mask.astype("i1")}.items():
                layer[name] = value
            layer.attrs["epsilon"] = epsilon
        run_program("trace", "--in", self.folder / "in.h5", "--html", self.folder / "page.html", "--quiet")

        def loss(values: np.ndarray, feature: int) -> float:
            counted = values[mask]
            normalized = (values - counted.mean()) / np.sqrt(counted.var() + epsilon)
            return float(dy[:, feature] @ (gamma[feature] * normalized + beta[feature]))

        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=check_pages.browser(), args=["--no-sandbox"])
            page = chromium.new_page()
            page.goto((self.folder / "page.html").as_uri())
            row, feature = map(int, re.search(r"What if value (\d+) of feature (\d+)", page.inner_text("body")).groups())
            column = x[:, feature]
            for place in (-200, -30, 1, 100):
                page.evaluate("place => { const s = document.querySelector('input[type=range]'); s.value = place; s.dispatchEvent(new Event('input')) }", place)
                move = place / 100 * column[mask].std()
                changed, line = map(float, re.search(r"changes by (\S+); .* says (\S+), off", page.inner_text("output")).groups())
                moved = column.copy()
                moved[row] += move
                expected = loss(moved, feature) - loss(column, feature)
                # Six digits are shown.
                self.assertAlmostEqual(changed, expected, delta=1e-5 * abs(expected) + 1e-9)
                step = np.zeros(7)
                step[row] = 1e-5
                slope = (loss(column + step, feature) - loss(column - step, feature)) / 2e-5
                self.assertAlmostEqual(line, slope * move, delta=1e-5 * abs(slope * move) + 1e-9)
            chromium.close()

    def test_the_programs_pages_are_good(self) -> None:
        if not program():
            self.skipTest("no bn-stream is built, and $BN_STREAM names none")
        pages = check_pages.make(self.folder)
        self.assertGreaterEqual(len(pages), 4)
        self.assertEqual(check_pages.problems(pages), [])


if __name__ == "__main__":
    unittest.main()
