"""The documentation as a site: built from the modules that were built last, without a warning, and with every article in it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import subprocess
import unittest

from support import ROOT, FolderTestCase


def lacking() -> str | None:
    for name in "swift", "docc", "pkg-config":
        if not shutil.which(name):
            return f"no {name}"
    return None if (ROOT / ".build/debug/Modules").is_dir() else "no modules are built"


def tool():
    loader = importlib.machinery.SourceFileLoader("document", str(ROOT / "tools/document"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("document", loader))
    loader.exec_module(module)
    return module


@unittest.skipIf(lacking(), lacking() or "")
class DocumentTest(FolderTestCase):
    def test_a_site_without_warnings(self) -> None:
        site = self.folder / "site"
        done = subprocess.run([ROOT / "tools/document", "--no-build", "--out", site], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        data = site / "data/documentation"
        articles = [path.stem for path in (ROOT / "docs/bn-stream.docc").glob("*.md") if path.stem != "bn-stream"]
        self.assertGreater(len(articles), 3)
        for article in articles:
            page = json.loads((data / "bn-stream" / f"{article.lower()}.json").read_text())
            self.assertEqual(page["kind"], "article")
            # A session of the article, as it stands there.
            code = [block for block in walk(page) if block.get("type") == "codeListing"]
            self.assertTrue(any(line.startswith("$ bn-stream ") for block in code for line in block["code"]), article)
        # The start page leads to each article, and the modules have their symbols.
        start = json.loads((data / "bn-stream.json").read_text())
        self.assertEqual({name.rsplit("/")[-1] for section in start["topicSections"] for name in section["identifiers"]}, set(articles))
        for name in "batchnorm/batchnormlayer", "batchnormreference/backwardpass", "batchnormreference/backward(_:through:of:)":
            self.assertTrue((data / f"{name}.json").exists(), name)
        for name in "hdf5/dataset", "configuration/jobconfiguration", "jobs/execution", "inspection/verification", "report/resultreport":
            self.assertTrue((data / f"{name}.json").exists(), name)
        # The graph, which lies elsewhere in the project.
        self.assertTrue(list(site.rglob("graph.svg")))

    def test_a_warning_is_an_error(self) -> None:
        document = tool()
        catalog = self.folder / "bn-stream.docc"
        shutil.copytree(ROOT / "docs/bn-stream.docc", catalog)
        page = catalog / "CheckAKernel.md"
        for flaw in "![a picture](missing.png)", "<doc:NoSuchArticle>":
            page.write_text(f"{(ROOT / 'docs/bn-stream.docc/CheckAKernel.md').read_text()}\n{flaw}\n")
            document.ARTICLES = catalog
            with self.assertRaises(document.Refused) as caught:
                document.document(self.folder / "site", [], "/")
            self.assertIn("1 warnings", str(caught.exception))
            self.assertIn("CheckAKernel.md", str(caught.exception))
        self.assertFalse((self.folder / "site").exists())

    def test_replaces_nothing_but_a_site(self) -> None:
        (self.folder / "precious").mkdir()
        done = subprocess.run([ROOT / "tools/document", "--no-build", "--out", self.folder / "precious"], capture_output=True, text=True)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        self.assertIn("holds no such site", done.stderr)
        self.assertTrue((self.folder / "precious").is_dir())


def walk(value: object):
    """All objects in a page."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part)


if __name__ == "__main__":
    unittest.main()
