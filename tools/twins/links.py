"""Datasets of a layer that lie elsewhere in the file, by soft links."""

from __future__ import annotations

import h5py
import numpy as np
from bn_stream.hdf5_layers import put

from twins.twin import SHAPE, Twin, Twins, numbers


def links() -> Twins:
    tensors = {"activations": numbers(1), "grad_output": numbers(2), "gamma": numbers(3, (3,)),
               "mask": (np.arange(SHAPE[0]) % 3 > 0).astype("u1")}

    def whole(group: h5py.Group) -> None:
        for name in tensors:
            group[name] = h5py.SoftLink(f"/plain/whole/{name}")

    def relative(group: h5py.Group) -> None:
        for name, values in tensors.items():
            put(group, f"data/my_{name}", values)
            group[name] = h5py.SoftLink(f"./data/my_{name}")

    def chain(group: h5py.Group) -> None:
        """From link to link, through a link to a group and one to a group above."""
        group["store"] = h5py.SoftLink("/odd/relative/data")
        group["home"] = h5py.SoftLink("/odd/chain")
        for name in tensors:
            group[f"to_{name}"] = h5py.SoftLink(f"home/home/store/my_{name}")
            group[name] = h5py.SoftLink(f"to_{name}")
    for name, odd in {"whole": whole, "relative": relative, "chain": chain}.items():
        yield Twin(name, odd, tensors)
