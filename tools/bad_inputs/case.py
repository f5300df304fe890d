"""A file that bn-stream must refuse, and how."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

X = np.arange(18, dtype=np.float32).reshape(6, 3) % 5
ACTIVATIONS = "/layer/activations"

Make = Callable[[pathlib.Path], None]


@dataclass
class BadInput:
    """make: writes the file. contains: what must all be in the error's one line."""

    name: str
    about: str
    make: Make
    contains: list[str]
    exit_code: int = 65

    @property
    def file(self) -> str:
        return f"{self.name}.h5"

    @property
    def description(self) -> dict[str, Any]:
        """What cases.json says about it."""
        return {"file": self.file, "exit_code": self.exit_code, "message_contains": self.contains, "about": self.about}
