"""The copy of the project that tools/plant builds, with every flaw of the catalogue in it."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

from plant_catalogue import Flaw, by_file, rewritten
from plant_tests import TestsFail

#: What the copy is made of: what is built, and what tests read.
PARTS = ("Sources", "Tests", "Plugins", "configs", "docs", "tools", "README.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
         ".swift-format")

#: The choice of a flaw, made once when the program begins: what asks for it in a hot loop costs a comparison. With a file for them,
#: the places of flaws that a run comes to are marked in it, a byte for each; the compiler may mark one a little too early.
HEADER = """\
#pragma once
#include <stdbool.h>

extern int planted_flaw_number;

bool planted_flaw_reached(int number) __attribute__((const, cold));

static inline __attribute__((always_inline)) bool planted_flaw(int number) {
  return __builtin_expect(planted_flaw_number == number, 0) ||
      (__builtin_expect(planted_flaw_number < 0, 0) && planted_flaw_reached(number));
}
"""
SOURCE = """\
#define _GNU_SOURCE
#include "CPlantedFlaw.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int planted_flaw_number = 0;
static volatile char *reached = NULL;

__attribute__((constructor)) static void choose(void) {
  const char *text = getenv("BN_STREAM_PLANT");
  const char *marks = getenv("BN_STREAM_PLANT_MARKS");
  if (text != NULL) planted_flaw_number = atoi(text);
  if (marks == NULL) return;
  int file = open(marks, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return;
  reached = memory;
  planted_flaw_number = -1;
}

bool planted_flaw_reached(int number) {
  reached[number] = 1;
  return false;
}
"""
#: Added to the manifest: every target of the program can ask which flaw is chosen.
MANIFEST = """
for target in package.targets where target.type == .regular || target.type == .executable {
  target.dependencies.append("CPlantedFlaw")
}
package.targets.append(.target(name: "CPlantedFlaw", path: "PlantedFlaw"))
"""


class DoesNotBuild(TestsFail):
    """The copy does not build; its words have the compiler's lines."""


class Copy:
    """A folder with the copy and its build; what did not change since the last time is not built again."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path):
        self.root = root
        self.folder = folder
        self.package = folder / "package"

    def write(self, flaws: list[Flaw]) -> None:
        """Brings the copy up to date."""
        spoilt = by_file(flaws)
        wanted = {}
        for part in PARTS:
            path = self.root / part
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts and not any(part.startswith(".build") for part in file.parts):
                    wanted[file.relative_to(self.root).as_posix()] = file
        changed = []
        for name, file in wanted.items():
            if name in spoilt:
                is_new = self._put(name, rewritten(file.read_text(), spoilt[name]).encode())
            else:
                is_new = self._put(name, file.read_bytes(), file.stat().st_mode)
            if is_new:
                changed.append(name)
        if any(name.startswith("Sources/Arithmetic/") for name in changed):
            self._touch_what_contains_arithmetic()
        self._put("Package.swift", ((self.root / "Package.swift").read_text() + MANIFEST).encode())
        self._put("PlantedFlaw/include/CPlantedFlaw.h", HEADER.encode())
        self._put("PlantedFlaw/planted.c", SOURCE.encode())
        own = {"Package.swift", "Package.resolved", "PlantedFlaw/include/CPlantedFlaw.h", "PlantedFlaw/planted.c"}
        for file in [file for file in self.package.rglob("*") if file.is_file()]:
            name = file.relative_to(self.package).as_posix()
            if name not in wanted and name not in own and not name.startswith("."):
                file.unlink()
        resolved = self.root / "Package.resolved"
        if resolved.is_file():
            shutil.copyfile(resolved, self.package / "Package.resolved")

    def _put(self, name: str, contents: bytes, mode: int | None = None) -> bool:
        """Returns: whether the contents are others than before."""
        path = self.package / name
        changes = not path.is_file() or path.read_bytes() != contents
        if changes:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
        if mode is not None and path.stat().st_mode != mode:
            path.chmod(mode)
        return changes

    def _touch_what_contains_arithmetic(self) -> None:
        """The package manager does not see that a body changed which it has put into other modules."""
        for folder in ("Sources/BatchNorm", "Sources/BaselineKernels", "Sources/WideKernels", "Tests/BatchNormTests"):
            for file in (self.package / folder).rglob("*.swift"):
                file.touch()

    def command(self, *words: str) -> list[str]:
        """A command of the package manager, for the copy."""
        return ["swift", *words, "--package-path", str(self.package), "--scratch-path", str(self.folder / "build")]

    def tests(self, events: pathlib.Path, *which: str) -> list[str]:
        """The command that runs tests, without the package manager, which would take some seconds each time.

        Args:
            events: the file that gets what happens, as objects of JSON.
            which: options that choose tests.
        """
        program = self.folder / "build/debug/bn-streamPackageTests.xctest"
        return [str(program), "--testing-library", "swift-testing", "--event-stream-output-path", str(events),
                "--event-stream-version", "0", *which]

    def build(self) -> None:
        """Builds program and tests."""
        print("building the copy with all flaws in it", flush=True)
        result = subprocess.run(self.command("build", "--build-tests"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, text=True, errors="replace", env=environment(None))
        if result.returncode != 0:
            errors = [line for line in result.stdout.splitlines() if "error:" in line]
            raise DoesNotBuild("the copy does not build:\n" + "\n".join(dict.fromkeys(errors or result.stdout.splitlines()[-20:])))


def environment(flaw: Flaw | None) -> dict[str, str]:
    """The environment in which a flaw, or none, is chosen."""
    variables = {name: value for name, value in os.environ.items() if name != "BN_STREAM_PLANT"}
    if flaw is not None:
        variables["BN_STREAM_PLANT"] = str(flaw.number)
    return variables
