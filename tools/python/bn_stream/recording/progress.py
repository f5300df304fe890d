"""How far a recording is, and whether the disk will hold it."""

from __future__ import annotations

import os
import shutil
import sys
import time

from bn_stream.errors import RecorderError
from bn_stream.tables import counted, size

#: Seconds between two lines.
INTERVAL = 1.0


class Progress:
    """Says on standard error how many batches there are and how large the file is; refuses what the disk does not hold.

    expected: how many passes there will be, if that is known.
    """

    def __init__(self, path: str, expected: int | None, is_shown: bool) -> None:
        self._path = path
        self._expected = expected
        self._is_shown = is_shown
        self._last = float("-inf")
        self._is_judged = False

    def passed(self, passes: int, samples: int, layers: int, written: int, at_end: bool = False) -> None:
        """After each pass: how many there were, samples of the layer that has most, layers, and bytes of all tensors."""
        if not passes:
            return
        total = None if self._expected is None else written * self._expected // passes
        if total is not None and not self._is_judged:
            self._is_judged = True
            self._judge(total, written)
        now = time.monotonic()
        if not self._is_shown or not at_end and now - self._last < INTERVAL:
            return
        self._last = now
        of = f" of {self._expected}" if self._expected is not None and not at_end else ""
        about = f" of about {size(total)}" if total is not None and not at_end else ""
        print(f"{self._path}: {passes}{of} batches, {samples} samples, {counted(layers, 'layer')}, {size(written)}{about}", file=sys.stderr)

    def _judge(self, total: int, written: int) -> None:
        free = shutil.disk_usage(os.path.dirname(self._path) or ".").free
        if total - written > free:
            raise RecorderError(
                f"{self._path} would take {size(total)}, and {size(free)} are free; record fewer samples (limit=), fewer layers "
                "(layers=), or in bfloat16 (element_type=)"
            )
