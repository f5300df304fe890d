#!/usr/bin/env python3
"""Make Tests/Fixtures/*.h5: inputs for bn-stream with the results it should compute, in float64.

Made with PyTorch 2.15.0, h5py 3.16.0 (HDF5 2.0.0), NumPy 2.4.6; each file names its own in the root attribute `versions`.
`batchnorm_reference.py` computes the results from the stored values, whatever their type, converted to float64. A file holds

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

import json
import pathlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import torch
from batchnorm_reference import Reference, Settings, check_against_torch
from dump_activations import bfloat16_type, create_dataset, transfer_rows

FOLDER = pathlib.Path(__file__).parents[1] / "Tests" / "Fixtures"
VERSIONS = f"torch {torch.__version__}, h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}, numpy {np.__version__}"
ALL_OUTPUTS = ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "population", "batches"]
TENSORS = ["output", "grad_input", "running"]  # where the rest says nothing new, to keep files small
DEFAULTS: dict[str, Any] = {
    "batch_size": 8, "statistics": "batch", "gradient": "full", "epsilon": 1e-5, "momentum": 0.1, "feature_axis": 1,
    "partial_batch": "keep", "single_value_batch": "error", "outputs": ALL_OUTPUTS}
ROLES = ("activations", "grad_output", "gamma", "beta", "running_mean", "running_var", "batch_offsets", "mask")


@dataclass
class Layer:
    """The datasets of one layer by role, and how they are stored.

    `storage` goes to h5py's create_dataset for the two big tensors; `names` renames roles in the file; `bfloat16` says that
    uint16 values are bfloat16 bits, "type" stores them with the HDF5 type, "bits" as uint16.
    """

    data: dict[str, np.ndarray]
    path: str = "layer"
    storage: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    bfloat16: str = ""
    with_plain: bool = False  # plain_activations and plain_grad_output, the same values contiguous
    filled: dict[str, slice] = field(default_factory=dict)  # rows never written: `data` holds the fill value there

    def values(self, role: str) -> np.ndarray | None:
        array = self.data.get(role)
        if array is not None and self.bfloat16 and array.dtype == np.uint16:
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array


@dataclass
class Case:
    about: str
    layers: list[Layer]
    configuration: dict[str, Any] = field(default_factory=dict)
    libver: tuple[str, str] = ("earliest", "v110")
    defaults: bool = True  # write every key of the configuration, not only the ones given


def generator(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def tensors(name: str, shape: tuple[int, ...], kind: Any = np.float32, axis: int = 1, scale: float = 2, mean: float = 0.5,
            leave_out: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Normal activations and gradients of `shape`, parameters that differ from feature to feature."""
    draw = generator(name)
    features = shape[axis]
    floating = np.dtype(kind) if np.dtype(kind).kind == "f" else np.dtype(np.float32)
    x = draw.standard_normal(shape) * scale + mean
    data = {"activations": x.astype(kind), "grad_output": draw.standard_normal(shape).astype(floating),
            "gamma": draw.uniform(0.5, 1.5, features).astype(np.float32) * np.where(np.arange(features) % 3 == 2, -1, 1).astype("f4"),
            "beta": draw.uniform(-1, 1, features).astype(np.float32),
            "running_mean": draw.uniform(-1, 1, features).astype(np.float32),
            "running_var": draw.uniform(0.5, 2, features).astype(np.float32)}
    return {role: array for role, array in data.items() if role not in leave_out}


def to_bfloat16(array: np.ndarray) -> np.ndarray:
    """The bits, rounded to nearest even."""
    return torch.from_numpy(array.astype(np.float32)).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)


def layouts() -> Iterator[tuple[str, Case]]:
    for rank, shape in {2: (19, 5), 3: (13, 4, 7), 4: (11, 3, 4, 5), 5: (7, 3, 2, 3, 2)}.items():
        yield f"rank{rank}", Case(f"rank {rank}, a partial last batch", [Layer(tensors(f"rank{rank}", shape))], {"batch_size": 4})
    yield "wide", Case("more features than a vector has lanes, and not a multiple of them", [Layer(tensors("wide", (25, 67)))],
                       {"batch_size": 16, "outputs": [output for output in ALL_OUTPUTS if output != "normalized"]})
    yield "axis2", Case("feature axis 2 of rank 4: positions on both sides",
                        [Layer(tensors("axis2", (9, 3, 5, 4), axis=2))], {"feature_axis": 2, "batch_size": 4})
    yield "axis_last", Case("feature axis -1 (NHWC)", [Layer(tensors("axis_last", (9, 4, 3, 6), axis=-1))],
                            {"feature_axis": -1, "batch_size": 4})
    yield "float64", Case("float64", [Layer(tensors("float64", (17, 3, 6), np.float64))])
    yield "mixed_types", Case("float32 activations, float64 gradients and parameters", [Layer(
        {role: array if role == "activations" else array.astype("f8") for role, array in tensors("mixed", (19, 5)).items()})])
    storages = {
        "chunked": dict(chunks=(5, 2, 3, 3)), "gzip_shuffle": dict(chunks=(4, 2, 4, 4), compression="gzip", shuffle=True),
        "fletcher32": dict(chunks=(3, 3, 2, 5), fletcher32=True),
        "all_filters": dict(chunks=(7, 1, 4, 5), compression="gzip", shuffle=True, fletcher32=True),
        "whole_chunk": dict(chunks=(13, 3, 4, 5), compression="gzip", maxshape=(None, 3, 4, 5))}
    for name, storage in storages.items():
        yield name, Case(f"{storage}: chunks cut through batches", [Layer(tensors(name, (13, 3, 4, 5)), storage=storage)],
                         {"batch_size": 6, "outputs": TENSORS})
    yield "chunked_features", Case("chunks that split the features of a dense layer", [Layer(
        tensors("chunked_features", (22, 21)), storage=dict(chunks=(7, 4), compression="gzip", shuffle=True))], {"outputs": ["output", "grad_input", "batches"]})
    fill = Layer(tensors("unallocated", (24, 4)), storage=dict(chunks=(5, 3)), filled={"activations": slice(10, 20), "grad_output": slice(15, 24)})
    fill.data["activations"][10:20] = 2.5
    fill.data["grad_output"][15:24] = 0
    yield "unallocated", Case("unallocated chunks: fill value 2.5 in activations, 0 in grad_output", [fill], {"batch_size": 9})
    yield "filter_mask", Case("gzip chunks of which some are stored without the filter (per-chunk filter mask)", [Layer(
        tensors("filter_mask", (12, 4)), storage=dict(chunks=(4, 4), compression="gzip", skip_filter=True))], {"outputs": TENSORS})
    filters = {
        "lzf": dict(chunks=(8, 2, 4, 5), compression="lzf"),
        "lzf_shuffle": dict(chunks=(8, 2, 4, 4), compression="lzf", shuffle=True, fletcher32=True),
        "zstd": dict(chunks=(8, 2, 4, 5), skip_filter=True, **hdf5plugin.Zstd(clevel=3)),
        "zstd_shuffle": dict(chunks=(8, 2, 4, 4), shuffle=True, **hdf5plugin.Zstd(clevel=19))}
    for name, storage in filters.items():
        layer = Layer(tensors(name, (33, 2, 4, 5)), storage=storage, with_plain=True)
        for role in ("activations", "grad_output"):
            layer.data[role][16:24] = np.round(layer.data[role][16:24])  # shrinks, where the rest may not, and then skips the filter
        yield name, Case(f"{name.replace('_', ' and ')}: chunks cut through batches, some stored without the filter; plain_* hold the same uncompressed", [layer],
                         {"batch_size": 6, "outputs": TENSORS})
    for name in ("lzf", "zstd"):
        fill = Layer(tensors(name + "_fill", (24, 4)), storage={**filters[name], "chunks": (5, 4), "skip_filter": False}, filled={"activations": slice(10, 20)})
        fill.data["activations"][10:20] = 2.5
        fill.data["activations"][:10] = np.round(fill.data["activations"][:10])
        yield name + "_fill", Case(f"{name} and a fill value other than 0, which leaves decoding to the HDF5 library", [fill], {"batch_size": 9})
    yield "compact", Case("compact storage", [Layer(tensors("compact", (12, 4)), storage=dict(compact=True))], {"outputs": TENSORS})
    yield "scaleoffset", Case("the scale-offset filter, lossless on integers: a rarely used filter of the library", [Layer(
        tensors("scaleoffset", (15, 4), np.int32, scale=50), storage=dict(chunks=(4, 4), scaleoffset=0))], {"outputs": TENSORS})
    yield "newest_format", Case("the newest file format 1.10 writes (superblock 3)",
                                [Layer(tensors("newest", (20, 4)), storage=dict(chunks=(6, 4), maxshape=(None, 4)))], libver=("v110", "v110"))


def parameters_and_groups() -> Iterator[tuple[str, Case]]:
    yield "no_parameters", Case("no gamma, beta or running statistics: 1, 0, 0 and 1", [Layer(tensors(
        "no_parameters", (14, 4, 3), leave_out=("gamma", "beta", "running_mean", "running_var")))])
    yield "gamma_only", Case("gamma without beta", [Layer(tensors("gamma_only", (14, 4), leave_out=("beta", "running_var")))])
    yield "torch_names", Case("weight, bias", [Layer(tensors("torch_names", (14, 4)), names={"gamma": "weight", "beta": "bias"})], {"outputs": TENSORS})
    yield "keras_names", Case("moving_mean, moving_variance", [Layer(tensors("keras_names", (14, 2, 3), axis=-1), names={
        "running_mean": "moving_mean", "running_var": "moving_variance"})], {"feature_axis": -1, "outputs": TENSORS})
    names = {"activations": "x", "grad_output": "dy", "gamma": "g", "beta": "b", "running_mean": "rm", "running_var": "rv"}
    yield "mapped_names", Case("all names mapped", [Layer(tensors("mapped_names", (14, 4)), names=names)], {"datasets": names, "outputs": TENSORS})
    yield "root_layer", Case("the root group is the layer", [Layer(tensors("root_layer", (14, 4)), path="")])
    yield "nested", Case("several layers, one group inside another layer's group; one without gradients", [
        Layer(tensors("nested0", (14, 4)), path="a"), Layer(tensors("nested1", (11, 3, 2)), path="a/deep/bn"),
        Layer(tensors("nested2", (6, 2, 2, 2), np.float64), path="b.0/norm"),
        Layer(tensors("nested3", (10, 3), leave_out=("grad_output",)), path="c")])
    yield "layer_attributes", Case("epsilon, momentum, feature_axis and batch_size come from the layer's attributes", [Layer(
        tensors("layer_attributes", (17, 2, 3), axis=-1), attributes={"epsilon": 1e-3, "momentum": 0.3, "feature_axis": -1, "batch_size": 5})],
        {"outputs": ALL_OUTPUTS}, defaults=False)
    offsets = Layer(tensors("offsets", (23, 4)) | {"batch_offsets": np.array([0, 5, 5, 7, 19, 19, 19, 23], dtype=np.int64)})
    yield "batch_offsets", Case("uneven batches, some empty; the offsets override batch_size", [offsets], {"batch_size": 6})
    edges = Layer(tensors("offsets_edge", (9, 3, 2)) | {"batch_offsets": np.array([0, 0, 4, 9, 9], dtype=np.uint32)})
    yield "batch_offsets_edges", Case("uint32 offsets, first and last batch empty; cumulative average", [edges], {"momentum": None})
    for partial in ("keep", "drop"):
        yield f"partial_{partial}", Case(f"a partial last batch: {partial}", [Layer(tensors(f"partial_{partial}", (22, 4)))],
                                         {"partial_batch": partial})


def modes() -> Iterator[tuple[str, Case]]:
    for momentum in (0.1, 0.9, 0.0, 1.0, None):
        name = "momentum_" + ("cumulative" if momentum is None else str(momentum).replace(".", "_"))
        yield name, Case(f"momentum {momentum}", [Layer(tensors(name, (22, 3, 2)))],
                         {"momentum": momentum, "outputs": ["running", "population", "batches"]})
    yield "statistics_running", Case("normalize with running statistics, gradients too", [Layer(tensors("running", (14, 3, 4)))],
                                     {"statistics": "running"})
    yield "gradient_detached", Case("the batch's statistics are constants in the backward pass", [Layer(tensors("detached", (14, 3, 4)))],
                                    {"gradient": "detached"})
    yield "forward_only", Case("no grad_output", [Layer(tensors("forward_only", (14, 3, 4), leave_out=("grad_output",)))],
                               {"outputs": ["output", "normalized", "running", "population", "batches"]})
    yield "output_only", Case("only the output is wanted", [Layer(tensors("output_only", (14, 4)))], {"outputs": ["output"]})
    yield "batch_all", Case("the whole dataset is one batch", [Layer(tensors("batch_all", (37, 3, 2)))], {"batch_size": "all"})
    for name, shape, batches in (("mask_samples", (18,), (18, 4)), ("mask_positions", (13, 6), (13, 3, 2, 3)),
                                 ("mask_positions_last", (13, 6), (13, 2, 3, 4))):
        last = name.endswith("last")
        mask = (generator(name + "m").random(shape) < 0.7).astype(np.uint8)
        data = tensors(name, batches, axis=-1 if last else 1)
        yield name, Case("masked values count in no statistic but are normalized", [Layer(data | {"mask": mask})],
                         {"feature_axis": -1 if last else 1, "batch_size": 6})
    yield "mask_detached", Case("a mask with detached statistics", [Layer(tensors("mask_detached", (13, 3, 4)) | {
        "mask": (generator("mask_detached").random((13, 4)) < 0.6).astype(np.uint8)})], {"gradient": "detached", "batch_size": 7})


def element_types() -> Iterator[tuple[str, Case]]:
    yield "float16", Case("float16", [Layer(tensors("float16", (18, 3, 4), np.float16))])
    for name, how in (("bfloat16", "type"), ("uint16_as_bfloat16", "bits")):
        data = tensors("bfloat16", (18, 3, 4))
        data |= {role: to_bfloat16(data[role]) for role in ("activations", "grad_output")}
        yield name, Case("bfloat16 as " + ("the HDF5 type" if how == "type" else "bits in uint16"), [Layer(data, bfloat16=how)],
                         {"uint16_as_bfloat16": True} if how == "bits" else {})
    chunked = tensors("bfloat16_chunked", (18, 3, 4))
    chunked |= {role: to_bfloat16(chunked[role]) for role in ("activations", "grad_output")}
    yield "bfloat16_parameters", Case("bfloat16 gamma and beta too", [Layer(chunked | {
        role: to_bfloat16(chunked[role]) for role in ("gamma", "beta")}, bfloat16="type")])
    for kind in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        info = np.iinfo(kind)
        draw, data = generator(kind), tensors(kind, (12, 3), kind, scale=1)
        low, high = max(info.min, -(2**40)), min(info.max, 2**40)
        data["activations"] = draw.integers(low, high, (12, 3), dtype=kind, endpoint=True)
        data["activations"][0, 0], data["activations"][1, 0] = low, high
        yield kind, Case(f"{kind} activations; the output is float32", [Layer(data)], {"outputs": TENSORS})
    for kind in (">f4", ">f8", ">i2"):
        name = {">f4": "big_float32", ">f8": "big_float64", ">i2": "big_int16"}[kind]
        yield name, Case(f"big-endian {kind}", [Layer(tensors(name, (12, 3, 2), kind, scale=30))], {"outputs": TENSORS})
    yield "big_float32_gzip", Case("big-endian float32 in shuffled gzip chunks", [Layer(
        tensors("big_gzip", (12, 3, 2), ">f4"), storage=dict(chunks=(5, 2, 2), compression="gzip", shuffle=True))], {"outputs": TENSORS})
    for kind in ("float16", "bfloat16", "float64", "float32"):
        source = np.float64 if kind == "float32" else np.float32
        yield f"output_{kind}", Case(f"output_type {kind}", [Layer(tensors(f"output_{kind}", (12, 3, 2), source))], {"output_type": kind, "outputs": TENSORS})


def numerics() -> Iterator[tuple[str, Case]]:
    yield "mean_1e6", Case("mean 1e6, standard deviation 1, float32", [Layer(tensors("mean_1e6", (40, 5), scale=1, mean=1e6)),
                           Layer(tensors("mean_1e6i", (5, 2, 4, 4), scale=1, mean=1e6), path="images")], {"batch_size": 32})
    yield "mean_1e4", Case("mean 1e4, standard deviation 0.1, float32", [Layer(tensors("mean_1e4", (40, 5), scale=0.1, mean=1e4))],
                           {"batch_size": 32})
    yield "one_feature", Case("C = 1", [Layer(tensors("one_feature", (34, 1))), Layer(tensors("one_featurei", (5, 1, 4, 4)), path="images")])
    yield "one_sample", Case("batches of one sample with many positions", [Layer(tensors("one_sample", (4, 3, 5, 5)))], {"batch_size": 1})
    yield "single_value", Case("one value a feature, allowed: y = beta, dx = 0", [Layer(tensors("single_value", (3, 4)))],
                               {"batch_size": 1, "single_value_batch": "allow"})
    constant = tensors("constant", (20, 4))
    constant["activations"][:, :3] = np.array([100, 0, 0.1], dtype=np.float32)
    yield "constant", Case("features without variance: exactly beta", [Layer(constant)])
    yield "epsilon_0", Case("epsilon 0", [Layer(tensors("epsilon_0", (20, 4)))], {"epsilon": 0})
    huge = tensors("huge", (20, 5))
    sizes = np.array([3e38, 1e19, 1e30, 1, 3.4e38])
    huge["activations"] = (generator("huge").uniform(-1, 1, (20, 5)) * sizes).astype(np.float32)
    huge["activations"][0:2, 0] = [3e38, -3e38]
    huge["grad_output"] = (huge["grad_output"] * np.array([1e30, 1e10, 1e25, 1, 1e30])).astype(np.float32)
    huge["running_mean"][:] = 0
    yield "huge", Case("values up to the end of float32's range; the squares overflow it", [Layer(huge)])
    tiny = tensors("tiny", (20, 4))
    tiny["activations"] = (generator("tiny").standard_normal((20, 4)) * np.array([1e-40, 1e-43, 1e-30, 1e-38])).astype(np.float32)
    tiny["grad_output"] = (tiny["grad_output"] * np.array([1e-6, 1e-8, 1, 1e-4])).astype(np.float32)
    yield "subnormal", Case("subnormal values, epsilon 0: y is of ordinary size", [Layer(tiny)], {"epsilon": 0})
    yield "subnormal_epsilon", Case("subnormal values and an ordinary epsilon", [Layer(tiny)])
    poisoned = tensors("nonfinite", (24, 6, 2))
    x, dy = poisoned["activations"], poisoned["grad_output"]
    x[3, 0, 1], x[9, 1, 0], x[10, 2, 0], x[10, 2, 1], dy[12, 3, 0], dy[17, 4, 1] = np.nan, np.inf, np.inf, -np.inf, np.nan, np.inf
    yield "nonfinite", Case("NaN and infinity in one batch of single features, in x (0, 1, 2) and dy (3, 4); 5 is exact", [Layer(poisoned)])
    yield "no_samples", Case("N = 0", [Layer(tensors("no_samples", (0, 4))), Layer(tensors("no_samplesi", (0, 2, 3, 3)), path="images")])


def batch_ranges(layer: Layer, settings: dict[str, Any]) -> list[tuple[int, int]]:
    """The batches as ranges of samples, by DESIGN's rules."""
    samples = len(layer.data["activations"])
    if "batch_offsets" in layer.data:
        edges = layer.data["batch_offsets"].astype(int).tolist()
        return list(zip(edges[:-1], edges[1:]))
    size = max(samples, 1) if settings["batch_size"] == "all" else settings["batch_size"]
    ranges = [(start, min(start + size, samples)) for start in range(0, samples, size)]
    if settings["partial_batch"] == "drop" and ranges and ranges[-1][1] - ranges[-1][0] < size:
        ranges.pop()
    return ranges


def compute(layer: Layer, configuration: dict[str, Any]) -> dict[str, np.ndarray]:
    """All results of one layer, by their names in the file."""
    chosen = DEFAULTS | layer.attributes | configuration
    settings = Settings(chosen["feature_axis"], chosen["epsilon"], chosen["momentum"], chosen["statistics"], chosen["gradient"])
    x, dy, mask = layer.values("activations"), layer.values("grad_output"), layer.data.get("mask")
    features = x.shape[settings.feature_axis]

    def parameter(role: str, default: float) -> torch.Tensor:
        values = layer.values(role)
        return torch.from_numpy((np.full(features, default) if values is None else values).astype(np.float64))

    first = np.moveaxis(x, settings.feature_axis, -1).reshape(-1, features)[:1].astype(np.float64)
    shift = torch.from_numpy(np.nan_to_num(first[0], posinf=0, neginf=0) if len(first) else np.zeros(features))
    reference = Reference(settings, shift, parameter("gamma", 1), parameter("beta", 0), parameter("running_mean", 0), parameter("running_var", 1))
    ranges = batch_ranges(layer, chosen)
    batches = []
    for start, stop in ranges:
        part = [None if array is None else array[start:stop] for array in (x, dy, mask)]
        batches.append(reference.batch(*part))
        plain = settings.statistics == "batch" and settings.gradient == "full" and mask is None and settings.epsilon > 0 and part[0].size > features
        spread = batches[-1]["var"] > 1e-4 * np.square(batches[-1]["mean"])
        if plain and dy is not None and np.isfinite(part[0]).all() and np.isfinite(part[1]).all() and spread.all():
            check_against_torch(settings, reference.gamma, reference.beta, part[0], part[1], batches[-1])
    result = reference.totals()
    if chosen["single_value_batch"] == "allow":
        del result["running_mean"], result["running_var"]
    big = ("output", "normalized", "grad_input")
    for key in big + ("mean", "var", "inv_std", "count", "grad_gamma", "grad_beta"):
        if dy is None and key.startswith("grad_") or settings.statistics == "running" and key in ("mean", "var", "inv_std"):
            continue
        if key in big:
            result[key] = np.concatenate([batch[key] for batch in batches]) if batches else np.zeros((0, *x.shape[1:]))
            continue
        shape = (0,) if key == "count" else (0, features)
        result["batches/" + key] = np.array([batch[key] for batch in batches]) if batches else np.zeros(shape, "i8" if key == "count" else "f8")
        if key.startswith("grad_"):
            result[key] = result["batches/" + key].sum(axis=0)
    for value in result.values():
        if value.dtype.kind == "f":
            value[~np.isfinite(value)] = np.nan
    wanted = {name for output in chosen["outputs"] for name in (
        [f"{output}_mean", f"{output}_var"] if output in ("running", "population") else [output])}
    return {key: value for key, value in sorted(result.items()) if key in wanted or key.startswith("batches/") and "batches" in wanted}


def write_dataset(group: h5py.Group, layer: Layer, role: str) -> None:
    array, name = layer.data[role], layer.names.get(role, role)
    big = role in ("activations", "grad_output")
    if layer.bfloat16 == "type" and array.dtype == np.uint16:
        transfer_rows(create_dataset(group, name, bfloat16_type(), array.shape, False), 0, np.ascontiguousarray(array), write=True)
        return
    storage = dict(layer.storage) if big else {}
    if storage.pop("compact", False):
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        plist.set_obj_track_times(False)
        space, kind = h5py.h5s.create_simple(array.shape), h5py.h5t.py_create(array.dtype)
        h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, plist))[...] = array
        return
    skip_filter = storage.pop("skip_filter", False)
    if big and layer.with_plain:
        group.create_dataset("plain_" + name, data=array, track_times=False)
    if array.dtype.kind == "f":
        storage.pop("scaleoffset", None)  # lossless for integers only
    if role not in layer.filled:
        dataset = group.create_dataset(name, data=array, track_times=False, **storage)
        if skip_filter:
            rows = dataset.chunks[0]
            dataset.id.write_direct_chunk((rows,) + (0,) * (array.ndim - 1), array[rows:2 * rows].tobytes(), filter_mask=1)
        return
    hole = layer.filled[role]
    dataset = group.create_dataset(name, array.shape, array.dtype, fillvalue=array[hole.start].flat[0], track_times=False, **storage)
    for rows in (slice(0, hole.start), slice(hole.stop, len(array))):
        if rows.start < rows.stop:
            dataset[rows] = array[rows]


def write(name: str, case: Case) -> pathlib.Path:
    path = FOLDER / f"{name}.h5"
    configuration = (DEFAULTS if case.defaults else {}) | case.configuration
    with h5py.File(path, "w", libver=case.libver) as file:
        for key, text in {"configuration": json.dumps(configuration), "about": case.about, "versions": VERSIONS}.items():
            file.attrs[key] = np.bytes_(text)
        for layer in case.layers:
            group = file.require_group("/" + layer.path)
            for key, value in layer.attributes.items():
                group.attrs[key] = value
            for role in ROLES:
                if role in layer.data:
                    write_dataset(group, layer, role)
            expected = file.require_group("/expected/" + layer.path)
            for key, value in compute(layer, configuration).items():
                expected.create_dataset(key, data=value, track_times=False)
    return path


def main() -> None:
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    total = 0
    for group in (layouts, parameters_and_groups, modes, element_types, numerics):
        for name, case in group():
            if group not in (layouts, element_types) and case.libver[0] == "earliest":
                case.libver = ("v108", "v110")  # smaller, and both formats get tested
            size = write(name, case).stat().st_size
            total += size
            print(f"{size:8} {name:22} {case.about}")
    print(f"{total:8} together")


if __name__ == "__main__":
    main()
