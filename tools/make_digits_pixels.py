#!/usr/bin/env python3
"""Make Sources/Explain/DigitsPixels.swift: scikit-learn's 1,797 handwritten digits as text that is compiled into the program.

A line is a digit: its class, then its 64 pixels from left to right and top to bottom, 0 to 16 as the letters a to q.
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from made_files import TOOLS

TARGET = TOOLS.parent / "Sources" / "Explain" / "DigitsPixels.swift"

HEAD = '''// Made by tools/make_digits_pixels.py; not to be changed by hand.

extension DigitsSample {
  /// A line for each digit: its class, then its 64 pixels, 0 to 16 as the letters a to q.
  ///
  /// Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), CC BY 4.0, the
  /// test set, as scikit-learn's load_digits has it.
  static let pixels = """
'''


def main() -> None:
    digits = load_digits()
    lines = [f"    {label}" + "".join(chr(ord("a") + int(pixel)) for pixel in row)
             for row, label in zip(digits.data, digits.target, strict=True)]
    TARGET.write_text(HEAD + "\n".join(lines) + '\n    """\n}\n')
    print(f"{TARGET}: {len(lines)} digits")


if __name__ == "__main__":
    main()
