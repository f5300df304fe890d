"""A layer that is stored in an odd way, beside the same numbers stored plainly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

SHAPE = (20, 3)


def numbers(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Numbers of three digits, exact in float16, no row like another."""
    index = np.arange(int(np.prod(shape)))
    return ((index * 37 * seed + 11 * index * index + seed) % 193 / 64).astype("<f4").reshape(shape)


@dataclass
class Twin:
    """odd: fills a group in the way that is to be tested. plain: the datasets that it stands for; what NumPy has no type for, a
    function writes.

    facts: what the summary says of the odd layer, by the summary's key.
    """

    name: str
    odd: Callable[[h5py.Group], Any]
    plain: dict[str, np.ndarray | Callable[[h5py.Group, str], None]]
    facts: dict[str, int] = field(default_factory=dict)


Twins = Iterator[Twin]
