"""Activations and gradients of a made-up network in which every layer but a few has a sickness of its own, to see whether a report
shows it. `python tools/sick_network.py FILE.h5`"""

from __future__ import annotations

import pathlib
import sys

import h5py
import numpy as np

#: Samples, and features by layer.
SAMPLES = 1024
FEATURES = (16, 16, 32, 32, 32, 64, 64, 64, 64, 10)


def write(path: str | pathlib.Path) -> None:
    """Writes the network: layers /net/block0/bn to /net/block9/bn, and one whose name is markup."""
    random = np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        for depth, features in enumerate(FEATURES):
            x = random.normal(size=(SAMPLES, features)) * random.uniform(0.5, 2, features) + random.normal(size=features)
            dy = random.normal(size=(SAMPLES, features)) * 1e-2 * 1.2 ** (9 - depth)
            statistics = None
            if depth == 2:
                x[:, :8] = 0  # dead
            if depth == 3:
                x[:, :4] = np.sort(x[:, :4], axis=0)  # sorted
            if depth == 4:
                x *= 5e4  # exploding
            if depth == 6:
                statistics = (x.mean(0) + 3 * x.std(0), 9 * x.var(0))  # of another network
            if depth == 7:
                x[500, 5], dy[100, 6] = np.nan, np.inf
            if depth == 8:
                dy = 1 + 1e-3 * random.normal(size=x.shape)  # asks for another beta only
            _add(file, f"net/block{depth}/bn", depth, x, dy, statistics)
        shape = (SAMPLES, 3)
        _add(file, "net/<script>alert(1)</script>", len(FEATURES), random.normal(size=shape), 1e-2 * random.normal(size=shape))


def _add(file: h5py.File, path: str, depth: int, x: np.ndarray, dy: np.ndarray, statistics: tuple | None = None) -> None:
    layer = file.create_group(path)
    layer["activations"] = x.astype("f4")
    layer["grad_output"] = dy.astype("f4")
    mean, variance = statistics or (x.mean(0), x.var(0))
    layer["running_mean"], layer["running_var"] = mean, variance
    layer.attrs["depth"], layer.attrs["batch_size"] = depth, 32
    if statistics:
        layer.attrs["momentum"] = 1e-3


if __name__ == "__main__":
    write(sys.argv[1])
