"""Put arrays of any program together to a file for bn-stream.

    python -m bn_stream pack tensors.npz more.safetensors --out in.h5                names in the files say what is what: bn1/activations
    python -m bn_stream pack --layer bn1 activations=x.npy grad_output=dy.npy --out in.h5 --epsilon 1e-3
    python -m bn_stream pack --layer bn1 activations=x.0.npy activations=x.1.npy --out in.h5     one array in two files
    python -m bn_stream pack raw.json --out in.h5

raw.json says of files of raw numbers which array they are, beside them:

    {"bn1/activations": {"files": ["x.0.bin", "x.1.bin"], "shape": [1000, 64, 8, 8], "type": "float32"}}

Roles are activations, grad_output, gamma or weight, beta or bias, running_mean, running_var, batch_offsets, mask, and labels or targets.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

SUMMARY = "put arrays of .npy, .npz, .safetensors and raw files together to a file for bn-stream"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="FILE|NAME=FILE", help="files of named arrays, or one array with its name, as activations=x.npy"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="the HDF5 file to write")
    parser.add_argument("--layer", metavar="PATH", help="the layer of names that are a role alone")
    parser.add_argument("--epsilon", type=float, metavar="E", help="attribute of all layers, as are the next ones")
    parser.add_argument("--feature-axis", type=int, metavar="AXIS", help="1 for NCHW (default), -1 for NHWC")
    parser.add_argument("--momentum", type=float, metavar="M", help="weight of a new batch, as in PyTorch")
    parser.add_argument("--batch-size", type=int, metavar="N", help="samples in a batch")
    parser.add_argument("--statistics", choices=["batch", "running"], help="what normalizes")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> None:
    from bn_stream.errors import PackError
    from bn_stream.packing import pack

    attributes = {
        name: getattr(options, name)
        for name in ("epsilon", "feature_axis", "momentum", "batch_size", "statistics")
        if getattr(options, name) is not None
    }
    named: dict[str, list[str]] = {}
    for source in options.sources:
        name, sign, path = source.partition("=")
        if sign:
            named.setdefault(name, []).append(path)
    if named and len(named) < len({source.partition("=")[0] for source in options.sources}):
        raise PackError("files of named arrays and NAME=FILE do not go together; pack twice, or name every array")
    sources: Any = named or options.sources
    for path, roles in pack(sources, options.out, layer=options.layer, attributes=attributes, force=options.force).items():
        sys.stdout.write(f"{path}: {', '.join(roles)}\n")
