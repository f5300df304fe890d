#!/usr/bin/env python3
"""Make Tests/Fixtures/onnx.h5: ONNX's published test vectors of BatchNormalization with training_mode.

Source: onnx/backend/test/data/node of the package onnx (Apache-2.0), which the wheel of 1.16.2 holds and newer ones do not:
`pip download --no-deps onnx==1.16.2`. The argument is that wheel; the vectors are protocol buffers of one tensor each, which are
read here, so that onnx itself need not be installed.

One group for each vector, with the operator's names of its inputs: X, scale, B, input_mean, input_var, and the attribute
`epsilon`; what its outputs are to be lies under `expected` as output, running_mean and running_var.
"""

from __future__ import annotations

import sys
import zipfile

import h5py
import numpy as np
from bn_stream.hdf5_layers import SMALL, put, set_attributes
from made_files import FIXTURES, versions

VECTORS = {"example": 1e-5, "epsilon": 1e-2}
INPUTS = ("X", "scale", "B", "input_mean", "input_var")
OUTPUTS = ("output", "running_mean", "running_var")


def varint(data: bytes, place: int) -> tuple[int, int]:
    """An integer of a protocol buffer, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def tensor(data: bytes) -> np.ndarray:
    """A TensorProto of float32: dims (1), data_type (2) and raw_data (9)."""
    shape, kind, raw, place = [], 0, b"", 0
    while place < len(data):
        tag, place = varint(data, place)
        value, place = varint(data, place)
        if tag & 7 == 2:
            content, place = data[place:place + value], place + value
            if tag >> 3 == 9:
                raw = content
        elif tag >> 3 == 1:
            shape.append(value)
        elif tag >> 3 == 2:
            kind = value
    if kind != 1:
        raise ValueError(f"data type {kind} is not float32")
    return np.frombuffer(raw, "<f4").reshape(shape)


def main() -> None:
    path = FIXTURES / "onnx.h5"
    with zipfile.ZipFile(sys.argv[1]) as wheel, h5py.File(path, "w", libver=SMALL) as file:
        set_attributes(file, {"source": np.bytes_("onnx 1.16.2, https://github.com/onnx/onnx, Apache-2.0"),
                              "made_by": np.bytes_(f"bn-stream tools/make_onnx.py, {versions(h5py)}")})
        for name, epsilon in VECTORS.items():
            folder = f"onnx/backend/test/data/node/test_batchnorm_{name}_training_mode/test_data_set_0"
            group, expected = file.create_group(name), file.create_group(f"expected/{name}")
            set_attributes(group, {"epsilon": epsilon})
            for place, names in ((group, [("input", INPUTS)]), (expected, [("output", OUTPUTS)])):
                for kind, datasets in names:
                    for number, dataset in enumerate(datasets):
                        put(place, dataset, tensor(wheel.read(f"{folder}/{kind}_{number}.pb")))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
