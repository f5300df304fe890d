"""Flaws that nobody thought up: small changes of the sources that a program makes, each of a kind that slips happen to be of.

A comparison takes or leaves its limit, `and` becomes `or`, a sum a difference, a constant is one too large, a word true is false, the
smaller is the larger, a condition does not count, a statement is left out. Each stands within one line, and each line has one at most, so
that what the compiler does not take is found by its line.
"""

from __future__ import annotations

import dataclasses
import pathlib
import random
import re

from plant_catalogue import Flaw
from plant_copy import Copy, DoesNotBuild
from swift_source import BINDING, ENDS, Source

#: Where the sources of no flaw are: what is others', or no code of the program's own.
LEFT_OUT = ("CDeflate", "CHDF5", "CProcessor", "CChecksum", "BaselineKernels", "WideKernels")

#: What an operator becomes, by the kind of slip.
EXCHANGED = {
    "comparison": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "logic": {"&&": "||", "||": "&&"},
    "sum": {"+": "-", "-": "+"},
}
KINDS = {operator: (kind, other) for kind, others in EXCHANGED.items() for operator, other in others.items()}
#: What a statement that can be left out does not begin with.
NOT_LEFT_OUT = ENDS | {"self", "super", "import", "break", "continue", "defer", "struct", "enum", "class", "extension", "protocol", "static",
                       "public", "private", "fileprivate", "package", "internal", "final", "mutating", "override", "typealias", "precondition",
                       "preconditionFailure", "fatalError", "assert", "subscript", "operator", "prefix", "get", "set", "indirect", "nonisolated",
                       "lazy", "deinit", "throws", "weak", "unowned", "actor", "fallthrough", "inout", "some", "any", "willSet", "didSet", "convenience", "required"}


@dataclasses.dataclass(frozen=True)
class Change:
    begin: int
    end: int
    flawed: str
    what: str
    kind: str = "expression"


def changes(text: str) -> list[Change]:
    """All changes of a file, several of a line among them."""
    source = Source(text)
    found = []
    for index, token in enumerate(source.tokens):
        line_begin = source.lines[source.line(token.begin) - 1]
        line = text[line_begin:text.find("\n", line_begin)]
        if re.match(r"\s*(case |@|#|import |default:|func |struct |enum |extension |public func |typealias |infix |prefix )", line) or "fatalError" in line or "precondition" in line:
            continue
        found += operator_changes(source, index) + word_changes(source, index) + condition_changes(source, index) + statement_changes(source, index)
    return [change for change in found if "\n" not in text[change.begin:change.end] and text[change.begin:change.end] != change.flawed]


def operator_changes(source: Source, index: int) -> list[Change]:
    token = source.tokens[index]
    if token.kind != "operator" or token.text not in KINDS or not source.is_spaced(index):
        return []
    binding = BINDING[token.text]
    begin, end = source.operand(index, -1, binding), source.operand(index, 1, binding)
    if begin is None or end is None:
        return []
    kind, other = KINDS[token.text]
    return [Change(begin, end, source.text[begin:token.begin] + other + source.text[token.end:end], kind)]


def word_changes(source: Source, index: int) -> list[Change]:
    token = source.tokens[index]
    before = source.tokens[index - 1] if index else None
    touches = before is not None and before.kind == "operator" and before.end == token.begin
    if token.text in ("true", "false"):
        return [Change(token.begin, token.end, "false" if token.text == "true" else "true", "truth")]
    if token.kind == "number" and not (touches and before.text.endswith((".", "<", "-"))):
        if re.fullmatch(r"\d[\d_]*", token.text):
            if source.text[token.end:token.end + 1] == ".":
                return []
            return [Change(token.begin, token.end, str(int(token.text.replace("_", "")) + 1), "constant")]
        if re.search("[1-9]", token.text) and re.fullmatch(r"\d[\d_]*\.\d+|\d+(?:\.\d+)?[eE][+-]?\d+", token.text):
            return [Change(token.begin, token.end, f"2 * {token.text}", "constant")]
    if token.text in ("min", "max") and not touches and index + 1 < len(source.tokens) and source.tokens[index + 1].text == "(":
        close = source.partner.get(index + 1)
        if close is not None and source.tokens[index + 1].begin == token.end:
            other = "max" if token.text == "min" else "min"
            end = source.tokens[close].end
            if source.text[end:end + 1] != ".":
                return [Change(token.begin, end, other + source.text[token.end:end], "extreme")]
    return []


def condition_changes(source: Source, index: int) -> list[Change]:
    """One clause of a condition that does not count."""
    token = source.tokens[index]
    if token.text not in ("if", "guard"):
        return []
    clauses, begin, at = [], index + 1, index + 1
    while at < len(source.tokens):
        each = source.tokens[at]
        if each.kind == "line":
            return []
        if each.text == "," or (each.text == "else" and token.text == "guard") or (each.text == "{" and token.text == "if"):
            clauses.append((begin, at))
            begin = at + 1
            if each.text != ",":
                break
        if each.kind == "open":
            at = source.partner.get(at, len(source.tokens))
        at += 1
    found = []
    for begin, end in clauses:
        if begin >= end or source.tokens[begin].text in ("let", "var", "case", "#available", "unsafe"):
            continue
        first, last = source.tokens[begin], source.tokens[end - 1]
        # The whole condition never holds, or one of several always does.
        flawed = "false" if token.text == "if" and len(clauses) == 1 else "true"
        found.append(Change(first.begin, last.end, flawed, "condition"))
    return found


def statement_changes(source: Source, index: int) -> list[Change]:
    """A statement of one line that is left out, where another stands beside it in its block."""
    token = source.tokens[index]
    if token.kind != "word" or token.text in NOT_LEFT_OUT or token.text[0] in "@#" or index < 2 or source.tokens[index - 1].kind != "line":
        return []
    at = index
    while at < len(source.tokens) and source.tokens[at].kind != "line":
        at = source.partner.get(at, -1) if source.tokens[at].kind == "open" else at + 1
        if at < 0 or (source.tokens[at].kind == "close" and source.partner.get(at, index) < index):
            return []
        if source.tokens[at].kind == "close":
            at += 1
    if at + 1 >= len(source.tokens):
        return []
    body = source.tokens[index:at]
    is_call = body[-1].text in (")", "}") and any(each.text == "(" for each in body)
    is_assignment = any(each.kind == "operator" and BINDING.get(each.text) == 0 and each.text != "->" for each in body)
    before = next((each for each in reversed(source.tokens[:index]) if each.kind != "line"), None)
    after = next((each for each in source.tokens[at:] if each.kind != "line"), None)
    if not (is_call or is_assignment) or before is None or after is None or "operator" in (body[-1].kind, after.kind):
        return []
    if before.text in ("(", "[", ",", "=", "return", ":", "?", "->") or (before.kind == "operator") or (before.text in ("{", "in") and after.text == "}"):
        return []
    if source.tokens[at - 1].text in ("{", ",", "(", "["):
        return []
    return [Change(token.begin, body[-1].end, "", "statement", "statement")]


@dataclasses.dataclass(frozen=True)
class Generated(Flaw):
    """A flaw that a program made: its text may stand in the file more than once, and it is about one place."""

    begin: int = 0
    line: int = 0

    def place(self, text: str) -> int:
        return self.begin


def mutations(root: pathlib.Path, count: int, seed: int, floors: set[str] = frozenset()) -> list[Generated]:
    """A random choice of changes, one of a line at most, numbered from 1 on.

    Args:
        floors: those that are changed; all, if there is none.
    """
    every = []
    for path in sorted((root / "Sources").rglob("*.swift")):
        name = path.relative_to(root).as_posix()
        floor = name.split("/")[1]
        if floor in LEFT_OUT or (floors and floor not in floors):
            continue
        text = path.read_text()
        source = Source(text)
        every += [(name, source.line(change.begin), change, text[change.begin:change.end]) for change in changes(text)]
    random.Random(seed).shuffle(every)
    lines: set[tuple[str, int]] = set()
    flaws: list[Generated] = []
    for file, line, change, original in every:
        name = f"{change.what}-{file.split('/')[-1].removesuffix('.swift')}-{line}"
        if (file, line) in lines or len(flaws) == count:
            continue
        lines.add((file, line))
        flaws.append(Generated(len(flaws) + 1, name, f"{original} -> {change.flawed or 'nothing'}", file, original, change.flawed, change.kind,
                               None, change.begin, line))
    return flaws


def building(copy: Copy, flaws: list[Generated]) -> list[Generated]:
    """Builds the copy with those of the flaws that the compiler takes, and returns them.

    Raises:
        DoesNotBuild: it does not build for another reason.
    """
    while True:
        copy.write(flaws)
        try:
            copy.build()
            return flaws
        except DoesNotBuild as error:
            refused = not_taken(flaws, str(error))
            if not refused:
                raise
            print(f"{len(refused)} of {len(flaws)} are none that the compiler takes", flush=True)
            flaws = [flaw for flaw in flaws if flaw.name not in refused]


def not_taken(flaws: list[Generated], words: str) -> set[str]:
    """The names of the flaws that the compiler's words are about."""
    # A line of the copy is one more: the first imports the choice of a flaw.
    places = {(match[1], int(match[2]) - 1) for match in re.finditer(r"package/(Sources/[^:\s]+):(\d+):\d+: error:", words)}
    # What is missing is found where it is used.
    lacking = set(re.findall(r"package/(Sources/[^:\s]+):\d+:\d+: error:[^\n]*initializ", words))
    names = {flaw.name for flaw in flaws
             if (flaw.file, flaw.line) in places or (flaw.kind == "statement" and flaw.file in lacking)}
    # A statement of several lines is found by its first one.
    return names or {flaw.name for flaw in flaws if flaw.file in {file for file, _ in places}}
