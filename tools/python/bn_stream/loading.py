"""Statistics of a result into a model: matched by name and shape, checked before anything changes, told in a receipt."""

from __future__ import annotations

import datetime
import fnmatch
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bn_stream import __version__
from bn_stream.errors import LoadError
from bn_stream.estimators import Estimate, estimate
from bn_stream.models.opening import open_model
from bn_stream.models.stored import StoredLayer, StoredModel, digest_of_file
from bn_stream.reading import Results
from bn_stream.receipts import LayerReceipt, Receipt
from bn_stream.whole_files import refuse_existing, write_whole


def load(
    result: str | os.PathLike[str],
    model: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    estimator: str = "population",
    prior: float = 0,
    layers: Iterable[str] = ("*",),
    prefix: str = "",
    key: str | None = None,
    hash_input: bool = True,
    force: bool = False,
) -> Receipt:
    """Put the statistics of `result`, a file of bn-stream's, into `model`, and say in a receipt what that changed.

    model: an object of a framework (a torch.nn.Module or a state_dict: changed in place), or the path of a file
        (.pt, .pth, .safetensors), which is then written as `out`.
    estimator: "population", "mean_of_batches" or "running", see `estimators`.
    prior: how many samples the statistics from before weigh, 0 for none.
    layers: patterns of paths of the result's layers ("/features/*"); one that matches is enough.
    prefix: what the model's names have before those of the result, as "model." in a checkpoint of Lightning's.
    key: where in a file of PyTorch's the state_dict is, if it does not say so itself.
    hash_input: also read and hash the file that the result was computed from, if it is still there and unchanged.
    force: replace `out`.

    Raises LoadError before anything is changed: for a layer that the model has not, for shapes that differ, for numbers that are
    not finite.
    """
    is_file = isinstance(model, (str, os.PathLike))
    if is_file != (out is not None):
        raise LoadError(
            "a model in a file is written as another one: name it with out="
            if is_file
            else "a model in memory is changed in place: leave out= out"
        )
    if out is not None:
        refuse_existing(os.fspath(out), force)
    if prior < 0:
        raise LoadError(f"a prior of {prior:g} samples is less than none")
    stored = open_model(model, key, prefix)
    before_digest = digest_of_file(model) if is_file else stored.digest()
    receipt = put_statistics(result, stored, estimator=estimator, prior=prior, layers=layers, prefix=prefix, hash_input=hash_input)
    if out is not None:
        write_whole(os.fspath(out), stored.save, force)
    receipt.model |= {
        "path": os.fspath(model) if is_file else None,
        "sha256_before": before_digest,
        "out": os.fspath(out) if out is not None else None,
        "sha256_after": digest_of_file(out) if out is not None else stored.digest(),
    }
    return receipt


def put_statistics(
    result: str | os.PathLike[str],
    stored: StoredModel,
    *,
    estimator: str,
    prior: float,
    layers: Iterable[str] = ("*",),
    prefix: str = "",
    hash_input: bool = False,
    origin: Mapping[str, StoredLayer] | None = None,
) -> Receipt:
    """Put the statistics into `stored`, in memory; the receipt lacks the model's hashes.

    origin: layers by name whose statistics the prior takes, and the standard errors for their unit, in place of those that the model has now.
    """
    origin = origin or {}
    with Results(result) as results:
        pairs, kept = _paired(results, stored, list(layers), prefix)
        plan = [
            (
                layer.path,
                before,
                _new(results, layer.path, before, estimator, prior, origin.get(before.name, before)),
                _epsilon(results, layer.path, before),
            )
            for layer, before in pairs
        ]
        provenance = _provenance(results, hash_input)
    for _, before, now, _ in plan:
        stored.put(before.name, now.mean, now.variance)
    return Receipt(
        estimator=estimator,
        prior=float(prior),
        result={"path": os.fspath(result), "sha256": digest_of_file(result)},
        input=provenance,
        model={"kind": stored.kind},
        layers=[LayerReceipt.of(path, before, now, epsilon, origin.get(before.name)) for path, before, now, epsilon in plan],
        kept=kept,
        version=__version__,
    )


def _paired(results: Results, stored: StoredModel, patterns: list[str], prefix: str) -> tuple[list[tuple[Any, StoredLayer]], list[str]]:
    """Each chosen layer of the result with its layer of the model, and the names of those that are left."""
    chosen = [layer for path, layer in results.items() if any(fnmatch.fnmatchcase(path, "/" + pattern.lstrip("/")) for pattern in patterns)]
    if not chosen:
        raise LoadError(f"{results.path}: no layer matches {', '.join(patterns)}; there is {', '.join(results)}")
    own = stored.layers()
    if not own:
        raise LoadError(
            f"the {stored.kind} has no layer with running statistics"
            + (f" whose name begins with {prefix}" if prefix else "; were they folded into weights, or never tracked?")
        )
    by_path = {layer.path: layer for layer in own}
    pairs = []
    for layer in chosen:
        if layer.path not in by_path:
            raise LoadError(
                f"{results.path}: {layer.path} has no layer in the {stored.kind}, which has "
                f"{_some([item.path for item in own])}{_advice(layer.path, list(by_path), stored.kind)}"
            )
        pairs.append((layer, by_path[layer.path]))
    used = {before.name for _, before in pairs}
    return pairs, [layer.name for layer in own if layer.name not in used]


def _advice(path: str, there: list[str], kind: str) -> str:
    longer = [other for other in there if other.endswith(path) and other != path]
    if len(longer) == 1:
        prefix = longer[0][1 : len(longer[0]) - len(path) + 1].replace("/", ".")
        return f"; for {longer[0]} say prefix {prefix}" if kind != "ONNX" else ""
    return "; choose layers by pattern, or record this very model"


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _new(results: Results, path: str, before: StoredLayer, estimator: str, prior: float, origin: StoredLayer) -> Estimate:
    place = f"{results.path}: {path}"
    now = estimate(results[path], estimator, place)
    for name, found, there in (("mean", now.mean, before.mean), ("variance", now.variance, before.variance)):
        if found.shape != there.shape:
            raise LoadError(
                f"{place} has a {name} of shape {list(found.shape)}, and {before.name} of the model one of {list(there.shape)}; "
                "is it another model?"
            )
        wrong = int((~np.isfinite(found)).sum())
        if wrong:
            raise LoadError(
                f"{place}: the {name} of {wrong} of {found.size} features is not finite (first: feature "
                f"{int(np.argmin(np.isfinite(found)))}); look at the data, or record without those batches"
            )
        if name == "variance" and (found < 0).any():
            raise LoadError(f"{place}: the variance of feature {int(np.argmax(found < 0))} is negative")
    if prior:
        now = now.blended(origin.mean, origin.variance, prior)
    greatest = max(np.abs(now.mean).max(initial=0), now.variance.max(initial=0))
    if greatest > before.limit:
        raise LoadError(
            f"{place}: {before.name} of the model stores {before.element_type}, which ends at {before.limit:g}, and would get "
            f"{greatest:g}; keep its statistics in a wider type"
        )
    return now


def _epsilon(results: Results, path: str, before: StoredLayer) -> float:
    return before.epsilon if before.epsilon is not None else float(results[path].attributes.get("epsilon", 0))


def _provenance(results: Results, hash_input: bool) -> dict[str, Any]:
    """The file that the result was computed from, or each of several, with its hash if it is there and has not changed since."""
    attributes = results.attributes
    path = attributes.get("input_path")
    found: dict[str, Any] = {"path": path, "size": None, "modified": attributes.get("input_modified"), "sha256": None}
    if "input_size" in attributes:
        found["size"] = int(attributes["input_size"])
    if hash_input and path and _is_unchanged([path], found):
        found["sha256"] = digest_of_file(path)
    if "input_paths" in attributes:
        paths = json.loads(attributes["input_paths"])
        whole = hash_input and _is_unchanged(paths, found)
        found["inputs"] = [{"path": path, "sha256": digest_of_file(path) if whole else None} for path in paths]
    return found


def _is_unchanged(paths: list[str], found: dict[str, Any]) -> bool:
    """Whether the files have the bytes together, and the time of the last change, that the result says of them."""
    if not all(map(os.path.isfile, paths)):
        return False
    latest = max(os.stat(path).st_mtime_ns for path in paths) // 10**9
    modified = datetime.datetime.fromtimestamp(latest, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return sum(map(os.path.getsize, paths)) == found["size"] and str(found["modified"]).startswith(modified)
