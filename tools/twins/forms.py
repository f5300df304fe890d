"""Vectors with axes of length 1, masks as bits and booleans, numbers of unusual formats, bfloat16 as opaque bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from h5py import h5p, h5s, h5t
from bn_stream.hdf5_layers import bfloat16_type, create_with, creation_properties, put, put_bits

from twins.twin import SHAPE, Twin, Twins, numbers

VECTORS = {"gamma": 3, "beta": 4, "running_mean": 5, "running_var": 6}


def vectors() -> Twins:
    """As MATLAB stores them, which has no arrays of one axis, and as frameworks keep them for broadcasting."""
    tensors = {"activations": numbers(1), "grad_output": numbers(2)}
    given = {name: numbers(seed, (3,)) for name, seed in VECTORS.items()}
    offsets = np.array([0, 5, 6 + 5, 20])
    for name, shape in {"row": (1, -1), "column": (-1, 1), "broadcast": (1, -1, 1, 1)}.items():
        def odd(group: h5py.Group, shape: tuple[int, ...] = shape) -> None:
            for role, values in tensors.items():
                put(group, role, values)
            for role, values in (given | {"batch_offsets": offsets}).items():
                put(group, role, values.reshape(shape))
        yield Twin(name, odd, tensors | given | {"batch_offsets": offsets})


def masks() -> Twins:
    """Booleans as PyTables (bits), h5py (one byte) and C programs (whatever an int is) store them."""
    tensors = {"activations": numbers(1), "grad_output": numbers(2)}
    mask = (np.arange(SHAPE[0]) % 3 > 0).astype("u1")
    high = {bits: np.uint64(1) << np.uint64(bits - 1) for bits in (8, 16, 32, 64)}
    kinds: dict[str, tuple[h5t.TypeID, np.ndarray]] = {
        "bits8": (h5t.STD_B8LE, mask), "bits8_high": (h5t.STD_B8BE, mask * np.uint8(high[8]))}
    for bits, kind in {16: h5t.STD_B16LE, 32: h5t.STD_B32LE, 64: h5t.STD_B64LE}.items():
        kinds[f"bits{bits}"] = (kind, (mask * high[bits]).astype(f"<u{bits // 8}"))
    for name, base, words in [("int8", h5t.STD_I8LE, ("FALSE", "TRUE")), ("int32", h5t.STD_I32LE, ("false", "true")),
                              ("int64_big", h5t.STD_I64BE, ("False", "True"))]:
        kind = h5t.enum_create(base)
        for value, word in enumerate(words):
            kind.enum_insert(word.encode(), value)
        kinds[f"boolean_{name}"] = (kind, mask.astype(base.dtype))
    for name, (kind, values) in kinds.items():
        def odd(group: h5py.Group, kind: h5t.TypeID = kind, values: np.ndarray = values) -> None:
            for role, tensor in tensors.items():
                put(group, role, tensor)
            write(group, "mask", kind, values, memory=kind)
        yield Twin(name, odd, tensors | {"mask": mask}, {"masked_positions": int((mask == 0).sum())})


def formats() -> Twins:
    """Fewer bits than bytes have, more than 64, and bfloat16 where h5py does not know it."""
    whole = (numbers(1) * 64).astype("<i4")
    signed = whole - 90
    kinds: list[tuple[str, h5t.TypeID, np.ndarray, np.ndarray]] = [
        ("12_bits_in_16", integer(h5t.STD_U16LE, 12), whole, whole.astype("<u2")),
        ("20_bits_in_32", integer(h5t.STD_I32LE, 20), signed, signed),
        ("14_bits_in_32_from_bit_2", integer(h5t.STD_U32BE, 14, 2), whole, whole.astype("<u2")),
        ("9_bits_in_64", integer(h5t.STD_I64LE, 9), signed, signed.astype("<i2")),
        ("long_double", h5t.NATIVE_LDOUBLE, numbers(1), numbers(1).astype("<f8")),
        ("float_of_13_bits", small_float(), numbers(1), numbers(1))]
    for name, kind, values, plain in kinds:
        for filters in ("plain", "nbit"):
            def odd(group: h5py.Group, kind: h5t.TypeID = kind, values: np.ndarray = values, filters: str = filters) -> None:
                properties = creation_properties()
                if filters == "nbit":
                    properties.set_chunk((6, 2))
                    properties.set_filter(5, 1, ())
                write(group, "activations", kind, values, properties=properties)
                put(group, "grad_output", numbers(2))
                write(group, "gamma", kind, values[0])
            yield Twin(f"{name}_{filters}", odd, {"activations": plain, "grad_output": numbers(2), "gamma": plain[0]})
    bits = (numbers(1).view("<u4") >> 16).astype("<u2")
    for name, storage in {"opaque": {}, "opaque_gzip": dict(chunks=(6, 2), compression="gzip", shuffle=True)}.items():
        def opaque(group: h5py.Group, storage: dict[str, Any] = storage) -> None:
            put(group, "activations", bits.view("V2"), **storage)
            put(group, "grad_output", bits[::-1].view("V2"), **storage)
            put(group, "gamma", bits[0].view("V2"))
        yield Twin(name, opaque, {"activations": as_bfloat16(bits), "grad_output": as_bfloat16(bits[::-1]),
                                  "gamma": as_bfloat16(bits[0])})


def as_bfloat16(bits: np.ndarray) -> Callable[[h5py.Group, str], None]:
    return lambda group, name: put_bits(group, name, bits, bfloat16_type())


def integer(base: h5t.TypeIntegerID, precision: int, offset: int = 0) -> h5t.TypeIntegerID:
    """The type with fewer bits in use."""
    kind = base.copy()
    kind.set_precision(precision)
    kind.set_offset(offset)
    return kind


def small_float() -> h5t.TypeFloatID:
    """float32 whose last ten bits of mantissa are not there."""
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(31, 23, 8, 10, 13)
    return kind


def write(group: h5py.Group, name: str, kind: h5t.TypeID, values: np.ndarray, memory: h5t.TypeID | None = None,
          properties: h5p.PropDCID | None = None) -> None:
    """A dataset of this type; the library converts the values, unless `memory` says that they have a type already."""
    dataset = create_with(group, name, kind, h5s.create_simple(values.shape), properties or creation_properties())
    dataset.id.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values), mtype=memory)
