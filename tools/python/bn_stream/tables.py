"""Tables of text."""

from __future__ import annotations


def aligned(header: list[str], rows: list[list[str]]) -> str:
    """Columns that are as wide as their widest cell, two spaces between them."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [header, *rows]]
    return "\n".join(lines) + "\n"


def size(count: float) -> str:
    """Bytes, for people: 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def counted(number: int, word: str, plural: str = "") -> str:
    """1 layer, 2 layers."""
    return f"{number} {word if number == 1 else plural or word + 's'}"
