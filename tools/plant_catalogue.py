"""The catalogue of flaws that tools/plant plants: what they are, and how one is put beside the text that it spoils."""

from __future__ import annotations

import dataclasses
import pathlib
import tomllib

#: Stands in a flaw's text for "this flaw is chosen".
CHOSEN = "PLANTED"
#: How a flaw is put into the sources; the reader of tools/plants/README.md knows them.
KINDS = ("expression", "statement", "text")


class CatalogueError(Exception):
    """The catalogue is wrong, or does not fit the sources."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True)
class Flaw:
    """One flaw, as tools/plants/FLOOR.toml describes it."""

    number: int  #: From 1, in the catalogue's order; what BN_STREAM_PLANT is.
    name: str
    what: str  #: What is wrong with it, in a few words.
    file: str
    original: str
    flawed: str
    kind: str = "expression"
    tests: str | None = None  #: The tests to ask first, instead of the floor's.

    @property
    def floor(self) -> str:
        """The target that it is in."""
        return self.file.split("/")[1]

    def place(self, text: str) -> int:
        """Where its original begins in its file's text."""
        return text.index(self.original)

    @property
    def planted(self) -> str:
        """The text that takes the original's place: both, and the choice between them."""
        choice = f"planted_flaw({self.number})"
        if self.kind == "expression":
            return f"({choice} ? ({self.flawed}) : ({self.original}))"
        if self.kind == "statement":
            return f"if {choice} {{ {self.flawed} }} else {{ {self.original} }}"
        return self.flawed.replace(CHOSEN, choice)


def read(folder: pathlib.Path) -> list[Flaw]:
    """The flaws of all files of a folder, which are numbered from the first file's first one on."""
    flaws: list[Flaw] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            problems.append(f"{path.name}: {error}")
            continue
        for name, entry in entries.items():
            unknown = set(entry) - {"what", "file", "from", "to", "kind", "tests"}
            lacking = {"what", "file", "from", "to"} - set(entry)
            if unknown or lacking:
                problems.append(f"{path.name}: {name} has {sorted(unknown)} too much and lacks {sorted(lacking)}")
                continue
            flaws.append(Flaw(len(flaws) + 1, name, entry["what"], entry["file"], entry["from"].strip("\n"), entry["to"].strip("\n"),
                              entry.get("kind", "expression"), entry.get("tests")))
    names = [flaw.name for flaw in flaws]
    problems += [f"{name} stands twice in the catalogue" for name in sorted({name for name in names if names.count(name) > 1})]
    problems += [f"{flaw.name}: there is no kind {flaw.kind}" for flaw in flaws if flaw.kind not in KINDS]
    problems += [f"{flaw.name}: a text has {CHOSEN}, and nothing else has"
                 for flaw in flaws if (flaw.kind == "text") != (CHOSEN in flaw.flawed)]
    problems += [f"{flaw.name} changes nothing" for flaw in flaws if flaw.flawed == flaw.original]
    if problems:
        raise CatalogueError(problems)
    return flaws


def fitting(flaws: list[Flaw], root: pathlib.Path) -> list[Flaw]:
    """The same flaws, if each finds its text exactly once in its file and no two are about the same text."""
    problems: list[str] = []
    taken: dict[str, list[tuple[int, int, str]]] = {}
    for flaw in flaws:
        path = root / flaw.file
        text = path.read_text() if path.is_file() else None
        count = 0 if text is None else text.count(flaw.original)
        if text is None or count != 1:
            found = "there is no such file" if text is None else f"its text stands there {count} times, and must once"
            problems.append(f"{flaw.name} does not fit {flaw.file}: {found}; write it anew in tools/plants")
            continue
        begin = text.index(flaw.original)
        end = begin + len(flaw.original)
        problems += [f"{flaw.name} and {name} are about the same text of {flaw.file}"
                     for other, last, name in taken.setdefault(flaw.file, []) if begin < last and other < end]
        taken[flaw.file].append((begin, end, flaw.name))
    if problems:
        raise CatalogueError(problems)
    return flaws


def by_file(flaws: list[Flaw]) -> dict[str, list[Flaw]]:
    """The flaws of each file."""
    files: dict[str, list[Flaw]] = {}
    for flaw in flaws:
        files.setdefault(flaw.file, []).append(flaw)
    return files


def rewritten(text: str, flaws: list[Flaw]) -> str:
    """A file's text with all its flaws beside what they spoil."""
    # From the end, so that what comes before stays where it is.
    for begin, flaw in sorted(((flaw.place(text), flaw) for flaw in flaws), key=lambda each: each[0], reverse=True):
        text = text[:begin] + flaw.planted + text[begin + len(flaw.original):]
    if flaws[0].file.endswith(".swift"):
        return "import CPlantedFlaw\n" + text
    return '#include "CPlantedFlaw.h"\n' + text
