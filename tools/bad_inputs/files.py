"""Files that are not HDF5, or damaged, or hold no layer, and groups that contain each other."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import h5py
import numpy as np
from hdf5_layers import put

from bad_inputs.case import BadInput, X
from bad_inputs.making import bytes_only, group, layer


def files() -> Iterator[BadInput]:
    yield BadInput("truncated", "cut in the middle", truncated, ["truncated.h5"])
    yield BadInput("text", "a text file", bytes_only(b"epoch,loss\n1,0.5\n"), ["text.h5", "HDF5"])
    yield BadInput("empty", "no bytes", bytes_only(b""), ["empty.h5", "HDF5"])
    yield BadInput("signature_only", "HDF5's signature and nothing else", bytes_only(b"\x89HDF\r\n\x1a\n" + bytes(200)),
                   ["signature_only.h5"])
    yield BadInput("no_layer", "no group holds `activations`", layer({"activations": None, "inputs": X}),
                   ["no_layer.h5", "activations"])
    yield BadInput("hard_link_cycle", "groups that contain each other, and no layer: the search must end", group(cycle),
                   ["hard_link_cycle.h5", "activations"])
    yield BadInput("hard_link_cycle_layer", "the same with a layer, which is worked on once", group(cycle_with_layer), [],
                   exit_code=0)


def truncated(path: pathlib.Path) -> None:
    layer({"activations": np.tile(X, (40, 1))})(path)
    path.write_bytes(path.read_bytes()[:-1500])


def cycle(group: h5py.Group) -> None:
    group.create_group("inner")["back"] = group
    group["itself"] = group


def cycle_with_layer(group: h5py.Group) -> None:
    put(group, "activations", X)
    group.create_group("inner")["back"] = group
