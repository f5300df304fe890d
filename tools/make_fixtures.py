#!/usr/bin/env python3
"""Make Tests/Fixtures/*.h5: inputs for bn-stream with the results it should compute, in float64.

Made with PyTorch 2.15.0, h5py 3.16.0 (HDF5 2.0.0), NumPy 2.4.6; each file names its own in the root attribute `versions`.
The cases are in the folder fixtures, by theme; `batchnorm_reference.py` computes the results from the stored values, whatever
their type, converted to float64. A file holds

    attribute `configuration`   JSON, the run's configuration      attribute `about`   one line: what the case is for
    /<layer>/...                the layer, as bn-stream reads it
    /expected/<layer>/...       output, normalized, grad_input, grad_gamma, grad_beta, running_*, population_*, batches/*

Conventions of `expected`, where frameworks give no rule:
- NaN stands for any value that is not finite (a feature poisoned by NaN or infinity in its input).
- An empty batch has mean, var and inv_std NaN, gradients 0 and count 0; it updates nothing. Without samples the population
  statistics are NaN.
- `mask` is nonzero where a value counts in the statistics. `batches/count` counts samples, masked ones included.
- With `partial_batch: "drop"` the big tensors have the rows of whole batches only.
- With `statistics: "running"` there are no batches/mean, var and inv_std.
- With `single_value_batch: "allow"` there are no running statistics.

Same versions, same bytes: seeds come from the case's name and files hold no times.
"""

from __future__ import annotations

import h5py
import numpy as np
import torch
from fixtures.compression import compression
from fixtures.element_types import element_types
from fixtures.layouts import layouts
from fixtures.modes import modes
from fixtures.numerics import numerics
from fixtures.parameters import parameters
from fixtures.results import compute
from fixtures.storage import storage
from fixtures.writing import write
from bn_stream.hdf5_layers import READ_BY_ALL, SMALL
from made_files import FIXTURES, versions

# The themes and their files' format: both the oldest one and the smaller one get tested.
THEMES = {layouts: READ_BY_ALL, storage: READ_BY_ALL, compression: READ_BY_ALL, parameters: SMALL, modes: SMALL,
          element_types: READ_BY_ALL, numerics: SMALL}


def main() -> None:
    torch.set_num_threads(1)  # the order of sums is in the bytes
    FIXTURES.mkdir(parents=True, exist_ok=True)
    total = 0
    for theme, libver in THEMES.items():
        for name, case in theme():
            path = FIXTURES / f"{name}.h5"
            path.parent.mkdir(exist_ok=True)
            write(path, case, libver, versions(torch, h5py, np), compute)
            size = path.stat().st_size
            total += size
            print(f"{size:8} {name:22} {case.about}")
    print(f"{total:8} together")


if __name__ == "__main__":
    main()
