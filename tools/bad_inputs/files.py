"""Files that are not HDF5, or damaged, or hold no layer, and groups that contain each other."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Iterator

import h5py
import numpy as np
from bn_stream.hdf5_layers import put

from bad_inputs.case import BadInput, Make, X
from bad_inputs.making import bytes_only, group, layer


def files() -> Iterator[BadInput]:
    yield BadInput("truncated", "cut in the middle", truncated, ["truncated.h5"])
    yield BadInput("text", "a text file", bytes_only(b"epoch,loss\n1,0.5\n"), ["text.h5", "HDF5"])
    yield BadInput("empty", "no bytes", bytes_only(b""), ["empty.h5", "HDF5"])
    yield BadInput("signature_only", "HDF5's signature and nothing else", bytes_only(b"\x89HDF\r\n\x1a\n" + bytes(200)),
                   ["signature_only.h5"])
    yield BadInput("no_layer", "no group holds `activations`", layer({"activations": None, "inputs": X}),
                   ["no_layer.h5", "activations"])
    yield BadInput("not_closed", "a file that its writer did not close: a superblock with the flags that say so", not_closed(0),
                   ["not_closed.h5", "h5clear -s"])
    yield BadInput("not_closed_block", "the same behind 1024 bytes that are not HDF5's", not_closed(1024),
                   ["not_closed_block.h5", "h5clear -s"])
    yield BadInput("hard_link_cycle", "groups that contain each other, and no layer: the search must end", group(cycle),
                   ["hard_link_cycle.h5", "activations"])
    yield BadInput("hard_link_cycle_layer", "the same with a layer, which is worked on once", group(cycle_with_layer), [],
                   exit_code=0)


def truncated(path: pathlib.Path) -> None:
    layer({"activations": np.tile(X, (40, 1))})(path)
    path.write_bytes(path.read_bytes()[:-1500])


def not_closed(block: int) -> Make:
    def make(path: pathlib.Path) -> None:
        writer = (f"import h5py, os; f = h5py.File({str(path)!r}, 'w', libver=('v110', 'v110'), userblock_size={block});"
                  "f.create_dataset('layer/activations', (6, 3), '<f4', track_times=False)[...] = 1; f.flush(); os._exit(0)")
        subprocess.run([sys.executable, "-c", writer], check=True)
    return make


def cycle(group: h5py.Group) -> None:
    group.create_group("inner")["back"] = group
    group["itself"] = group


def cycle_with_layer(group: h5py.Group) -> None:
    put(group, "activations", X)
    group.create_group("inner")["back"] = group
