"""What a model is to `load`: layers with statistics that can be read and replaced."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class StoredLayer:
    """A batch normalization layer of a model: mean and variance [C] as the model has them, in float64."""

    name: str  #: as the framework calls it
    path: str  #: the group that the recorder writes it to
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float | None = None  #: None where the model does not say, as a state_dict
    element_type: str = "float32"
    limit: float = float(np.finfo(np.float32).max)  #: the largest number of that type


class StoredModel(Protocol):
    """A model, or a file of one. The caller of `put` has checked that the layer is there and that the numbers fit."""

    kind: str  #: for people

    def layers(self) -> list[StoredLayer]: ...

    def put(self, name: str, mean: np.ndarray, variance: np.ndarray) -> None: ...

    def digest(self) -> str:
        """SHA-256 of everything that the model holds, by name."""
        ...

    def save(self, path: str) -> None: ...


def digest_of_arrays(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of names, types, shapes and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}\0{values.dtype.str}\0{values.shape}\0".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as sha256sum prints it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file) -> str:
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()
