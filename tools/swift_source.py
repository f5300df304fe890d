"""Swift's source text as words and brackets: as much of its grammar as a change of an expression within a line needs."""

from __future__ import annotations

import bisect
import dataclasses
import re

TOKEN = re.compile(r"""
    (?P<space>[ \t]+) | (?P<line>\n) | (?P<comment>//[^\n]*)
  | (?P<number>0x[0-9A-Fa-f_]+(?:\.[0-9A-Fa-f_]+)?(?:p[+-]?\d+)?|0b[01_]+|0o[0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)
  | (?P<word>[@#$]?[A-Za-z_][A-Za-z_0-9]*|\$\d+|`\w+`) | (?P<open>[(\[{]) | (?P<close>[)\]}])
  | (?P<operator>[-+*/%<>=!&|^~?.]+) | (?P<mark>[,;:@\\#])
""", re.VERBOSE)

#: How tightly operators bind; what is not here binds more tightly than a sum.
BINDING = {"=": 0, "+=": 0, "-=": 0, "*=": 0, "/=": 0, "|=": 0, "&=": 0, "^=": 0, "<<=": 0, ">>=": 0, "%=": 0, "&+=": 0, "&-=": 0, "->": 0, "?": 1, ":": 1, "||": 2, "&&": 3,
           "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4, "===": 4, "!==": 4, "~=": 4, "??": 5, "..<": 7, "...": 7,
           "+": 8, "-": 8, "&+": 8, "&-": 8, "|": 8, "^": 8}
#: Words that no expression of an operator reaches over.
ENDS = {"return", "if", "guard", "while", "where", "in", "else", "case", "let", "var", "try", "await", "throw", "switch", "repeat", "yield",
        "do", "catch", "for", "func", "init", "default", "unsafe"}


@dataclasses.dataclass(frozen=True)
class Token:
    kind: str
    text: str
    begin: int

    @property
    def end(self) -> int:
        return self.begin + len(self.text)


def string_end(text: str, begin: int) -> int:
    """The place behind a string literal, with the expressions within it."""
    fences = len(re.match(r"#*", text[begin:]).group())
    quote = '"""' if text.startswith('"""', begin + fences) else '"'
    at, close, escape = begin + fences + len(quote), quote + "#" * fences, "\\" + "#" * fences
    while at < len(text) and not text.startswith(close, at):
        if text.startswith(escape + "(", at):
            at, depth = at + len(escape) + 1, 1
            while depth:
                if text[at] == '"':
                    at = string_end(text, at)
                    continue
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
        else:
            at += len(escape) + 1 if text.startswith(escape, at) else 1
    return at + len(close)


def tokens(text: str) -> list[Token]:
    """The words of a source file; white space is none, but the ends of lines are."""
    found, at = [], 0
    while at < len(text):
        if re.match(r'#*"', text[at:at + 4]):
            end = string_end(text, at)
            found.append(Token("string", text[at:end], at))
            at = end
            continue
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        match = TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        if match.lastgroup not in ("space", "comment"):
            found.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return found


class Source:
    """A file, its words, and which brackets belong together."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = tokens(text)
        self.partner: dict[int, int] = {}
        self.lines = [0] + [match.end() for match in re.finditer("\n", text)]
        opened = []
        for index, token in enumerate(self.tokens):
            if token.kind == "open":
                opened.append(index)
            elif token.kind == "close" and opened:
                other = opened.pop()
                self.partner[other], self.partner[index] = index, other

    def line(self, place: int) -> int:
        return bisect.bisect_right(self.lines, place)

    def is_spaced(self, index: int) -> bool:
        """Whether white space stands on both sides: an operator between two operands does."""
        token = self.tokens[index]
        return self.text[token.begin - 1].isspace() and self.text[token.end:token.end + 1].isspace()

    def _ends(self, index: int, binding: int, is_left: bool) -> bool:
        token = self.tokens[index]
        if token.kind in ("line", "mark") and token.text not in ("\\", "#"):
            return True
        if token.kind == "word":
            return token.text in ENDS
        if token.kind == "operator" and self.is_spaced(index):
            strength = BINDING.get(token.text, 9)
            return strength < binding or (strength == binding and not is_left)
        return False

    def operand(self, index: int, step: int, binding: int) -> int | None:
        """The place where the operand beside an operator ends, to the left (-1) or to the right (1) of it."""
        at, last = index + step, None
        while 0 <= at < len(self.tokens):
            token = self.tokens[at]
            if token.kind == ("open" if step < 0 else "close") or self._ends(at, binding, step < 0):
                break
            if token.kind in ("open", "close"):
                # A block behind a condition is none of its.
                if step > 0 and token.text == "{" and not self._is_closure(at):
                    break
                at = self.partner.get(at, -1)
                if at < 0:
                    return None
            last = at
            at += step
        if last is None or self._goes_on(last, at, step, binding):
            return None
        return self.tokens[last].begin if step < 0 else self.tokens[last].end

    def _goes_on(self, last: int, stop: int, step: int, binding: int) -> bool:
        """Whether the operand has a part on another line."""
        if step < 0:
            return self.tokens[last].kind == "operator" and self.is_spaced(last)
        while stop < len(self.tokens) and self.tokens[stop].kind == "line":
            stop += 1
        if stop == len(self.tokens) or self.tokens[stop].kind != "operator" or stop == last + 1:
            return False
        return self.tokens[stop].text.startswith(".") or BINDING.get(self.tokens[stop].text, 9) >= binding

    def _is_closure(self, index: int) -> bool:
        """Whether a brace opens a closure; if not, a block."""
        at = index - 1
        while at >= 0 and self.tokens[at].kind != "line":
            token = self.tokens[at]
            if token.kind == "word" and token.text in ("if", "guard", "while", "for", "switch", "func", "init", "else", "do", "catch", "var", "struct", "enum"):
                return False
            if token.kind == "close":
                at = self.partner.get(at, 0)
            elif token.kind == "open":
                return True
            at -= 1
        return True
