"""Activations of a wrong rank or type, or whose values lie elsewhere, and claims of size that nothing backs."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np
from h5py import h5p
from bn_stream.hdf5_layers import put

from bad_inputs.case import ACTIVATIONS, BadInput, X
from bad_inputs.making import empty_dataset, group, layer, with_properties


def activations() -> Iterator[BadInput]:
    yield BadInput("rank_0", "rank 0", layer({"activations": np.float32(1)}), [ACTIVATIONS])
    yield BadInput("rank_1", "rank 1: no feature axis", layer({"activations": X[:, 0]}), [ACTIVATIONS, "[6]"])
    yield BadInput("null_dataspace", "no dataspace extent (H5S_NULL)", layer({"activations": h5py.Empty("f4")}), [ACTIVATIONS])
    yield BadInput("activations_group", "a group has the name of the dataset",
                   group(lambda group: group.create_group("activations")), [ACTIVATIONS])

    yield BadInput("string_type", "fixed-length strings", layer({"activations": np.full((6, 3), b"abc")}), [ACTIVATIONS, "string"])
    words = np.full((6, 3), "abc", dtype=object)
    yield BadInput("variable_string_type", "variable-length strings",
                   group(lambda group: put(group, "activations", words, dtype=h5py.string_dtype())), [ACTIVATIONS, "string"])
    yield BadInput("compound_type", "a compound type (complex numbers)", layer({"activations": X.astype(np.complex64)}),
                   [ACTIVATIONS, "compound"])
    yield BadInput("array_type", "an array type", empty_dataset(X.shape, np.dtype(("<f4", (2,)))), [ACTIVATIONS, "array"])
    yield BadInput("bool_type", "booleans, an enumeration in HDF5", layer({"activations": X > 2}), [ACTIVATIONS, "enum"])

    yield BadInput("huge_claim", "2^40 samples claimed, nothing stored", empty_dataset((2**40, 3)), [ACTIVATIONS, "1099511627776"])
    yield BadInput("external_storage", "raw data in another file", empty_dataset(X.shape, external=[("raw.bin", 0, 72)]),
                   [ACTIVATIONS, "external"])
    yield BadInput("huge_sparse_claim", "a chunk of a claimed [4, 2^58], the rest never written", group(one_chunk_of_many),
                   [ACTIVATIONS, "288230376151711744"])
    yield BadInput("mask_external_storage", "a mask in another file", group(mask_elsewhere), ["/layer/mask", "external"])
    yield BadInput("virtual_dataset", "a virtual dataset", with_properties(map_elsewhere), [ACTIVATIONS, "virtual"])
    yield BadInput("soft_link", "a soft link that leads nowhere", group(link_to_nothing), [ACTIVATIONS, "link", "/data"])
    link = h5py.ExternalLink("no_layer.h5", "/layer/inputs")
    yield BadInput("external_link", "an external link", group(lambda group: group.__setitem__("activations", link)),
                   [ACTIVATIONS, "link"])


def one_chunk_of_many(group: h5py.Group) -> None:
    group.create_dataset("activations", (4, 2**58), "<f4", chunks=(1, 16), track_times=False)[0, :16] = 1


def mask_elsewhere(group: h5py.Group) -> None:
    put(group, "activations", X)
    group.create_dataset("mask", (6,), "<i1", external=[("raw.bin", 0, 6)], track_times=False)


def map_elsewhere(properties: h5p.PropDCID, space: h5py.h5s.SpaceID) -> None:
    properties.set_virtual(space, b"no_layer.h5", b"/layer/inputs", space)


def link_to_nothing(group: h5py.Group) -> None:
    group["activations"] = h5py.SoftLink("/data")
