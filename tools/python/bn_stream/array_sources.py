"""Arrays in files of several kinds, read by rows: .npy, .npz, .safetensors, and raw numbers with a JSON that says their shapes."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
from collections.abc import Callable, Iterator

import numpy as np
from h5py import h5t

from bn_stream.errors import PackError
from bn_stream.hdf5_layers import bfloat16_type


@dataclasses.dataclass
class ArraySource:
    """An array [N, ...] that lies somewhere. `rows(start, stop)` gives its bits, little- or big-endian as `kind` says."""

    place: str  #: for messages
    shape: tuple[int, ...]
    kind: h5t.TypeID
    rows: Callable[[int, int], np.ndarray]

    @classmethod
    def of(cls, array: np.ndarray, place: str, kind: h5t.TypeID | None = None) -> ArraySource:
        """Of an array in memory, or mapped into it; bfloat16 of ml_dtypes is known by its name."""
        if kind is None and array.dtype.name == "bfloat16":
            array, kind = array.view(np.uint16), bfloat16_type()
        if kind is None:
            if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
                raise PackError(
                    f"{place} has elements of type {array.dtype}; bn-stream reads floating-point numbers and integers of up to 64 bits"
                )
            kind = h5t.py_create(array.dtype, logical=True)
        return cls(place, array.shape, kind, lambda start, stop: np.ascontiguousarray(array[start:stop]))


def arrays_of(path: str) -> Iterator[tuple[str, ArraySource]]:
    """The arrays of a file with their names; that of an .npy file is the file's own name without its ending."""
    ending = os.path.splitext(path)[1].lower()
    readers = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".json": _raw}
    if ending not in readers:
        raise PackError(f"{path}: is neither {', '.join(list(readers)[:-1])} nor a .json of raw files")
    try:
        yield from readers[ending](path)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise PackError(f"{path}: cannot be read as {ending}: {error}") from error


def _npy(path: str) -> Iterator[tuple[str, ArraySource]]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    yield os.path.basename(path).removesuffix(".npy"), ArraySource.of(array, path)


def _npz(path: str) -> Iterator[tuple[str, ArraySource]]:
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            # In memory as a whole, one after the other.
            yield name, ArraySource.of(arrays[name], f"{path}: {name}")


#: safetensors' names of element types; BF16 is a type of its own.
_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
    "BOOL": "?",
    "BF16": "<u2",
}


def _safetensors(path: str) -> Iterator[tuple[str, ArraySource]]:
    """8 bytes with the length of a JSON header, the header, and the bytes that it gives offsets of."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > os.path.getsize(path):
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _SAFETENSORS:
            raise PackError(
                f"{path}: {name} has elements of type {entry['dtype']}, which bn-stream does not read; convert them to BF16 or F32"
            )
        start, stop = entry["data_offsets"]
        yield (
            name,
            _mapped(
                f"{path}: {name}",
                [path],
                8 + length + start,
                stop - start,
                tuple(entry["shape"]),
                np.dtype(_SAFETENSORS[entry["dtype"]]),
                bfloat16_type() if entry["dtype"] == "BF16" else None,
            ),
        )


def _raw(path: str) -> Iterator[tuple[str, ArraySource]]:
    """{"bn1/activations": {"files": ["x.0.bin", "x.1.bin"], "shape": [N, C, ...], "type": "float32", "order": "little", "offset": 0}, ...}

    Files lie beside the JSON; several are one array, cut between samples. `order` and `offset` (bytes that each file has before its numbers)
    may be left out.
    """
    with open(path, encoding="utf-8") as file:
        listed = json.load(file)
    for name, entry in listed.items():
        unknown = set(entry) - {"files", "shape", "type", "order", "offset"}
        if unknown or not {"files", "shape", "type"} <= set(entry):
            raise PackError(
                f"{path}: {name} should say files, shape and type, and may say order and offset"
                + (f", not {', '.join(sorted(unknown))}" if unknown else "")
            )
        is_bfloat16 = entry["type"] == "bfloat16"
        order = {"little": "<", "big": ">"}[entry.get("order", "little")]
        kind = np.dtype("uint16" if is_bfloat16 else entry["type"]).newbyteorder(order)
        if is_bfloat16 and order == ">":
            raise PackError(f"{path}: {name} is bfloat16 with the high byte first; swap the bytes of each pair")
        files = [os.path.join(os.path.dirname(path), file) for file in entry["files"]]
        yield (
            name,
            _mapped(
                f"{path}: {name}",
                files,
                int(entry.get("offset", 0)),
                None,
                tuple(entry["shape"]),
                kind,
                bfloat16_type() if is_bfloat16 else None,
            ),
        )


def _mapped(
    place: str, files: list[str], offset: int, size: int | None, shape: tuple[int, ...], dtype: np.dtype, kind: h5t.TypeID | None
) -> ArraySource:
    """Numbers in one file or several, which together have the shape."""
    row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    parts, samples = [], 0
    for file in files:
        count = (os.path.getsize(file) - offset) if size is None else size
        if count % max(row, 1) or count < 0:
            raise PackError(
                f"{place}: {file} has {count} bytes of numbers, no multiple of the {row} of a sample {list(shape[1:])} of {dtype.name}"
            )
        here = count // row if row else shape[0]
        parts.append(
            (samples, samples + here, np.memmap(file, dtype, "r", offset, (here, *shape[1:])) if here else np.empty((0, *shape[1:]), dtype))
        )
        samples += here
    if samples != (shape[0] if shape else 1):
        raise PackError(
            f"{place}: {', '.join(files)} {'has' if len(files) == 1 else 'have'} {samples} samples, and the shape says {shape[0]}"
        )

    def rows(start: int, stop: int) -> np.ndarray:
        chosen = [array[max(start - first, 0) : stop - first] for first, last, array in parts if first < stop and start < last]
        return np.concatenate(chosen, dtype=dtype) if chosen else np.empty((0, *shape[1:]), dtype)

    if kind is None:
        return ArraySource(place, shape, ArraySource.of(np.empty(0, dtype), place).kind, rows)
    return ArraySource(place, shape, kind, rows)
