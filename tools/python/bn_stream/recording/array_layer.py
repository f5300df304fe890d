"""A layer of a framework that gives NumPy arrays, while it is recorded forward: ONNX Runtime, and Keras on any backend."""

from __future__ import annotations

import fnmatch
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import bfloat16_type, put_bits, set_attributes
from bn_stream.recording.recording_file import write_part

ELEMENT_TYPES = ("float16", "bfloat16", "float32", "float64")


def bits_of(array: np.ndarray) -> tuple[np.ndarray, h5t.TypeID]:
    """The array's bits with their HDF5 type; bfloat16 as ml_dtypes has it."""
    array = np.ascontiguousarray(array)
    return (array.view(np.uint16), bfloat16_type()) if array.dtype.name == "bfloat16" else (array, h5t.py_create(array.dtype))


def rounded_to(array: np.ndarray, element_type: str | None, place: str) -> np.ndarray:
    """Rounded to the element type, to the nearest, ties to even. A finite number that it does not hold is an error."""
    if element_type is None or array.dtype.name == element_type:
        return array
    if element_type not in ELEMENT_TYPES:
        raise RecorderError(f"{element_type} is no element type; there is {', '.join(ELEMENT_TYPES)}")
    if element_type == "bfloat16":
        import ml_dtypes  # which comes with Keras and with ONNX

        target: Any = ml_dtypes.bfloat16
    else:
        target = np.dtype(element_type)
    with np.errstate(over="ignore"):
        rounded = array.astype(target)
    if (np.isfinite(array) & ~np.isfinite(rounded)).any():
        raise RecorderError(
            f"{place} has numbers that {element_type} does not hold, up to {np.abs(array[np.isfinite(array)]).max():g}; store them as bfloat16 or float32"
        )
    return rounded


class ArrayLayer:
    """Its name in the framework, its group, and what was recorded so far."""

    def __init__(self, name: str, path: str, limit: int | None, element_type: str | None, gzip: int) -> None:
        self.name = name
        self.path = path
        self.offsets = [0]
        self.is_full = False
        self._limit = limit
        self._element_type = element_type
        self._gzip = gzip
        self._head: tuple[dict[str, bytes], dict[str, Any]] | None = None

    def take(
        self,
        root: h5py.File,
        x: np.ndarray,
        vectors: dict[str, np.ndarray | None],
        attributes: dict[str, Any],
        watched: tuple[str, ...],
        mask: np.ndarray | None = None,
    ) -> None:
        """Append a batch. vectors [C] and attributes are written once; those of `watched` must not change."""
        group = root.require_group(self.path)
        present = {key: np.asarray(value) for key, value in vectors.items() if value is not None}
        head = ({key: present[key].tobytes() for key in watched if key in present}, attributes)
        if self._head is None:
            self._head = head
            for key, value in present.items():
                put_bits(group, key, *bits_of(value))
            set_attributes(group, attributes)
        for key, value in head[0].items():
            if self._head[0].get(key) != value:
                raise RecorderError(f"{key} of {self.name} changed while recording; do not train meanwhile")
        if head[1]["statistics"] != self._head[1]["statistics"]:
            raise RecorderError(f"{self.name} changed between training and evaluation mode while recording; use one recorder for each mode")
        if self.is_full or self._limit is not None and self.offsets[-1] + x.shape[0] > self._limit:
            if len(self.offsets) == 1:
                raise RecorderError(
                    f"the first batch of {self.name} has {x.shape[0]} samples, more than the limit of {self._limit}; only whole batches are recorded"
                )
            self.is_full = True
            return
        array, kind = bits_of(rounded_to(x, self._element_type, f"activations of {self.name}"))
        write_part(group, "activations", self.offsets[-1], array, kind, self.name, gzip=self._gzip)
        if (mask is not None) != ("mask" in group) and len(self.offsets) > 1:
            raise RecorderError(f"{self.name} got a mask with some batches only; record those apart")
        if mask is not None:
            write_part(group, "mask", self.offsets[-1], *bits_of(np.asarray(mask).astype(np.uint8)), self.name)
        self.offsets.append(self.offsets[-1] + x.shape[0])

    def finish(self, root: h5py.File) -> None:
        put_bits(root[self.path], "batch_offsets", np.array(self.offsets, dtype=np.int64), h5t.STD_I64LE)


def chosen_paths(paths: list[str], layers: Any, what: str) -> list[str]:
    """Those that a pattern matches, of paths ("/block/*") or of names with dots; all where there is no pattern."""
    if layers is None:
        return paths
    patterns = [layers] if isinstance(layers, str) else layers
    if callable(patterns):
        found = [path for path in paths if patterns(path.strip("/"))]
    else:
        # A name is taken literally before it is taken as a pattern: it may have brackets.
        found = [
            path
            for path in paths
            if any(
                path.strip("/") == pattern.strip("/") or fnmatch.fnmatchcase(path.strip("/"), pattern.strip("/")) for pattern in patterns
            )
        ]
    if not found:
        raise RecorderError(
            f"no BatchNormalization of the {what} was chosen; there is {', '.join(paths[:8])}{' and more' if len(paths) > 8 else ''}"
        )
    return found
