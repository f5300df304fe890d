"""The commands in documents, and what they show: found, run and compared.

A fenced block whose first line begins with `$ ` is a session: commands, each with its output below it. One that begins with `>>> ` is the
same with Python. A Python block is a script; a block without a language that comes next is its output. In an output a line `…` stands for any lines that are left out. Comments
before a block say more:

- `<!-- needs: torch -->`: modules or programs; where one is missing the block is left out.
- `<!-- varies: times, memory -->`: what is another number each time, by the names in `VARYING`; all else must be equal.
- `<!-- not run: why -->`: for a block without a language that is neither, or must not be run.
"""

from __future__ import annotations

import dataclasses
import re

#: What differs from run to run, or between machines, as regular expressions. Of those in `NUMBERED`, equal ones must stay equal.
VARYING: dict[str, str] = {
    "times": r'\d+\.\d+(?= s\b)|\d+\.\d+(?= GB/s)|(?<="gigabytes_per_second":)[0-9.e-]+|(?<="seconds":)[0-9.e-]+|(?<="processor_seconds":)[0-9.e-]+',
    "memory": r"[0-9.]+ [KMG]iB(?= of memory)",
    "sums": r"\b[0-9a-f]{64}\b",
    "versions": r"\b\d+\.\d+\.\d+(\+\w+)?",
    # What --version --verbose says, but for the names.
    "machine": r"(?<=^[\w ]{11})[^\n]+",
    # What PyTorch computes in float32 depends on its version, the machine and the number of threads: its rows in docs/numerics.md,
    # and how far its results are from exact ones in docs/inspection.md.
    # Errors of rounding, which depend on the system's LAPACK and what it found in the processor; what they may be at most does not.
    "rounding": r"\d\.?\d*e-\d+ *(?=at most)",
    "pytorch": r"(?<=^  PyTorch)[^\n]*|(?<= float32  )[^\n]*(?=agrees$)",
}
NUMBERED = {"sums"}


@dataclasses.dataclass
class Block:
    """A fenced block."""

    document: str
    line: int
    language: str
    lines: list[str]
    needs: list[str] = dataclasses.field(default_factory=list)
    varies: list[str] = dataclasses.field(default_factory=list)
    is_left_out: bool = False

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_session(self) -> bool:
        return bool(self.lines) and self.lines[0].startswith("$ ")

    @property
    def is_dialogue(self) -> bool:
        return bool(self.lines) and self.lines[0].startswith(">>> ")

    @property
    def steps(self) -> list[tuple[str, list[str]]]:
        """Of a session: the commands, each with the lines below it."""
        steps: list[tuple[str, list[str]]] = []
        for line in self.lines:
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        return steps


def blocks(document: str, text: str) -> list[Block]:
    """All fenced blocks of a document, in order."""
    found: list[Block] = []
    comments: list[str] = []
    current: Block | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if current is not None:
            if line.strip() == "```":
                found.append(current)
                current, comments = None, []
            else:
                current.lines.append(line)
        elif line.startswith("```"):
            current = Block(document, number, line[3:].strip(), [])
            for comment in comments:
                read_comment(comment, current)
        elif match := re.fullmatch(r"<!-- (.*) -->", line):
            comments.append(match[1])
        elif line.strip():
            comments = []
    return found


def read_comment(comment: str, block: Block) -> None:
    name, _, rest = comment.partition(": ")
    words = rest.split(", ")
    if name == "needs":
        block.needs += words
    elif name == "varies":
        block.varies += words
    elif name == "not run" and rest:
        block.is_left_out = True


def scripts(found: list[Block]) -> list[tuple[Block, Block | None]]:
    """The blocks to run, each script with the block of its output, if it has one.

    Raises ValueError for a block of which nobody can tell what it is.
    """
    chosen: list[tuple[Block, Block | None]] = []
    rest = list(found)
    while rest:
        block = rest.pop(0)
        if block.is_left_out or (block.language not in ("", "text", "python")):
            continue
        if block.is_session or block.is_dialogue:
            chosen.append((block, None))
        elif block.language == "python":
            follows = bool(rest) and is_output(rest[0])
            chosen.append((block, rest.pop(0) if follows else None))
        else:
            raise ValueError(f"{block.place}: is neither a session nor the output of a script; say <!-- not run: why --> before it")
    return chosen


def is_output(block: Block) -> bool:
    return block.language == "" and not (block.is_session or block.is_dialogue or block.is_left_out)


def difference(shown: list[str], printed: str, varies: list[str]) -> str | None:
    """Why what a command printed is not what the document shows; None if it is."""
    expected, actual = "\n".join(line.rstrip() for line in shown), "\n".join(line.rstrip() for line in printed.splitlines())
    if "times" in varies:
        # Said after a second, however little there was to do.
        expected, actual = (re.sub(r"^of the threads' time: .*\n?", "", text, flags=re.MULTILINE).rstrip("\n") for text in (expected, actual))
    for name in varies:
        if name not in VARYING:
            return f"nothing is called {name}; there is {', '.join(VARYING)}"
        expected, actual = masked(name, expected), masked(name, actual)
    pattern = "\n".join(r"[^\n]*(?:\n[^\n]*)*" if line.strip() == "…" else re.escape(line) for line in expected.split("\n"))
    if re.fullmatch(pattern, actual):
        return None
    return f"shown:\n{expected}\nprinted:\n{actual}"


def unprinted(document: str, text: str) -> list[str]:
    """The figures in a document's prose, decimals and percents, that are no rounding of a number in its blocks of output.

    A figure is as exact as its last digit. Formulas, in lines that are indented, and code are no prose; numbers of sections and papers no figures.
    """
    outputs: list[str] = []
    for block, output in scripts(blocks(document, text)):
        outputs += [line for _, lines in block.steps for line in lines] if block.is_session else output.lines if output else []
    printed = [float(number) for line in outputs for number in NUMBER.findall(line)]
    prose = re.sub(r"^```.*?^```$|^    .*?$|`[^`\n]*`|<!--.*?-->|arXiv:\S+", " ", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"\b([Ss]ection|[Tt]heorem|[Dd]efinition|[Ff]igure|[Tt]able) [\d.]+", " ", prose)
    return [match[0] for match in FIGURE.finditer(prose) if not any(is_rounding(match, number) for number in printed)]


NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")
FIGURE = re.compile(r"(?<![\w.])(?P<number>-?\d+(?:\.(?P<decimals>\d+))?(?:e(?P<exponent>[+-]?\d+))?)(?P<percent> %)?(?![\w]|\.\d)")


def is_rounding(figure: re.Match[str], number: float) -> bool:
    """Whether a figure is a number, to half a unit of its last digit, or is no decimal and no percent at all."""
    if figure["decimals"] is None and not figure["percent"]:
        return True
    half = 0.5 * 10.0 ** (int(figure["exponent"] or 0) - len(figure["decimals"] or ""))
    factors = (1, 100) if figure["percent"] else (1,)
    return any(abs(float(figure["number"]) - factor * number) <= half * (1 + 1e-9) for factor in factors)


def masked(name: str, text: str) -> str:
    """The text with ‹name› for all that varies."""
    seen: dict[str, int] = {}

    def mask(match: re.Match[str]) -> str:
        number = seen.setdefault(match[0], len(seen) + 1)
        return f"‹{name} {number}›" if name in NUMBERED else f"‹{name}›"

    return re.sub(VARYING[name], mask, text, flags=re.MULTILINE)
