"""Arrays of any program into the layout of docs/formats.md: a group for each layer, a dataset for each role."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from bn_stream.array_sources import ArraySource, arrays_of
from bn_stream.errors import PackError
from bn_stream.hdf5_layers import COPY_BYTES, READ_BY_ALL, bfloat16_type, create_dataset, rows_of, set_attributes, write_rows
from bn_stream.whole_files import write_whole

#: What each role is called in files of others, and by bn-stream.
ROLES = {
    "activations": "activations",
    "grad_output": "grad_output",
    "gamma": "gamma",
    "weight": "gamma",
    "beta": "beta",
    "bias": "beta",
    "running_mean": "running_mean",
    "moving_mean": "running_mean",
    "running_var": "running_var",
    "moving_variance": "running_var",
    "batch_offsets": "batch_offsets",
    "mask": "mask",
    "labels": "labels",
    "targets": "labels",
}
#: Roles whose parts in several files are put behind each other; of others there is one.
ALONG_SAMPLES = ("activations", "grad_output", "mask", "labels")
VECTORS = ("gamma", "beta", "running_mean", "running_var")
ATTRIBUTES = ("epsilon", "momentum", "running_variance", "feature_axis", "batch_size", "statistics", "depth")

Layers = dict[str, dict[str, list[ArraySource]]]


def pack(
    sources: Mapping[str, Any] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    layer: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, list[str]]:
    """Write the file `out` for bn-stream, and return which datasets each layer has.

    sources: arrays by name, as {"bn1/activations": x, "bn1/grad_output": dy}, where an array may be a path or several paths, whose
        rows are put behind each other; or the paths of files whose arrays have such names (.npz, .safetensors, .npy, a .json of raw files).
        The last part of a name, after a slash or a dot, is the role, all before it the layer.
    layer: the layer of names that are a role alone.
    attributes: settings for all layers, as {"epsilon": 1e-3, "feature_axis": -1}.

    Large arrays are read and written by stretches. Raises PackError for names that are no role, and for shapes that do not fit together.
    """
    settings = dict(attributes or {})
    if unknown := sorted(set(settings) - set(ATTRIBUTES)):
        raise PackError(f"{unknown[0]} is no attribute that bn-stream reads; there is {', '.join(ATTRIBUTES)}")
    layers: Layers = {}
    for name, source in _named(sources):
        path, role = _split(name, layer, source.place)
        layers.setdefault(path, {}).setdefault(role, []).append(source)
    for path, roles in layers.items():
        _check(path, roles, int(settings.get("feature_axis", 1)))
    if not layers:
        raise PackError("there is nothing to pack")
    write_whole(os.fspath(out), lambda partial: _write(partial, layers, settings), force)
    return {path: sorted(roles) for path, roles in sorted(layers.items())}


def _named(sources: Mapping[str, Any] | Iterable[Any]) -> Iterable[tuple[str, ArraySource]]:
    if not isinstance(sources, Mapping):
        for path in [sources] if isinstance(sources, (str, os.PathLike)) else sources:
            yield from arrays_of(os.fspath(path))
        return
    for name, given in sources.items():
        for one in given if isinstance(given, (list, tuple)) else [given]:
            if isinstance(one, (str, os.PathLike)):
                found = list(arrays_of(os.fspath(one)))
                if len(found) != 1:
                    raise PackError(
                        f"{one}: has {len(found)} arrays, and {name} is one; give the file itself, whose names then say what is what"
                    )
                yield name, found[0][1]
            else:
                yield name, _in_memory(one, name)


def _in_memory(given: Any, name: str) -> ArraySource:
    """Of an array of NumPy's or what becomes one, as a tensor of PyTorch's does but for bfloat16."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":
            import torch

            return ArraySource.of(given.contiguous().view(torch.int16).numpy(), name, bfloat16_type())
    return ArraySource.of(np.asarray(given), name)


def _split(name: str, layer: str | None, place: str) -> tuple[str, str]:
    """("/features/0", "activations") of "features.0.activations"."""
    parts = [part for part in name.replace(".", "/").split("/") if part]
    role = parts[-1] if parts else ""
    if role not in ROLES:
        near = difflib.get_close_matches(role, ROLES, 1)
        raise PackError(f"{place}: {role or name} is no role; " + (f"is it {near[0]}?" if near else f"there is {', '.join(ROLES)}"))
    if len(parts) == 1 and layer is None:
        raise PackError(f"{place}: {name} does not say of which layer it is; name it as in bn1/{role}, or say the layer")
    return "/" + "/".join(parts[:-1] or [layer.strip("/").replace(".", "/")]), ROLES[role]


def _check(path: str, roles: dict[str, list[ArraySource]], axis: int) -> None:
    if "activations" not in roles:
        raise PackError(f"{path} has {', '.join(sorted(roles))}, but no activations")
    for role, parts in roles.items():
        first = parts[0]
        if len(parts) > 1 and role not in ALONG_SAMPLES:
            raise PackError(f"{path} has {role} twice: {first.place} and {parts[1].place}")
        for part in parts[1:]:
            if part.shape[1:] != first.shape[1:] or part.kind != first.kind:
                raise PackError(
                    f"{part.place} has samples {list(part.shape[1:])}, and {first.place} {list(first.shape[1:])}, or another element type; they cannot be one array"
                )
    shape = _shape(roles["activations"])
    if len(shape) < 2 or not -len(shape) < axis < len(shape) or axis in (0, -len(shape)):
        raise PackError(
            f"{roles['activations'][0].place} has shape {list(shape)}, which has no feature axis {axis} behind that of the samples"
        )
    features = shape[axis]
    if "grad_output" in roles and (found := _shape(roles["grad_output"])) != shape:
        raise PackError(f"{path}: grad_output has shape {list(found)}, and activations {list(shape)}; they should be the same")
    for role in VECTORS:
        if role in roles and int(np.prod(_shape(roles[role]))) != features:
            raise PackError(
                f"{path}: {role} has shape {list(_shape(roles[role]))}, and there are {features} features (axis {axis} of {list(shape)}); "
                "is the feature axis another one?"
            )
    if "mask" in roles and _shape(roles["mask"])[0] != shape[0]:
        raise PackError(f"{path}: mask has {_shape(roles['mask'])[0]} samples, and activations {shape[0]}")
    if "labels" in roles:
        source, found = roles["labels"][0], _shape(roles["labels"])
        if found != shape[:1] or not isinstance(source.kind, h5py.h5t.TypeIntegerID):
            raise PackError(
                f"{source.place}: labels should be integers, one for each of the {shape[0]} samples; this is {source.kind.dtype} of shape {list(found)}"
            )
    if "batch_offsets" in roles:
        source = roles["batch_offsets"][0]
        offsets = source.rows(0, source.shape[0]).ravel()
        if (
            offsets.dtype.kind not in "iu"
            or offsets.size < 1
            or offsets[0] != 0
            or offsets[-1] != shape[0]
            or (np.diff(offsets.astype(np.int64)) < 0).any()
        ):
            raise PackError(
                f"{source.place}: batch_offsets should be integers that begin with 0, do not fall, and end with the number of samples, {shape[0]}"
            )


def _shape(parts: list[ArraySource]) -> tuple[int, ...]:
    return (sum(part.shape[0] for part in parts), *parts[0].shape[1:]) if parts[0].shape else ()


def _write(path: str, layers: Layers, settings: dict[str, Any]) -> None:
    with h5py.File(path, "w", libver=READ_BY_ALL) as file:
        for name in sorted(layers):
            group = file.require_group(name)
            set_attributes(group, settings)
            for role, parts in sorted(layers[name].items()):
                dataset = create_dataset(group, role, parts[0].kind, _shape(parts))
                step, place = rows_of(dataset.shape, parts[0].kind, COPY_BYTES), 0
                for part in parts:
                    for start in range(0, part.shape[0], step):
                        rows = part.rows(start, min(start + step, part.shape[0]))
                        write_rows(dataset, place, rows)
                        place += rows.shape[0]
