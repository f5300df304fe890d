"""What a `load` did, to keep beside the model: from which files, by which estimator, and how far each layer moved."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import numpy as np

from bn_stream.estimators import Estimate
from bn_stream.models.stored import StoredLayer
from bn_stream.tables import aligned
from bn_stream.whole_files import write_whole


@dataclasses.dataclass
class LayerReceipt:
    """How far a layer's statistics moved, measured by those from before.

    moved = |mean - before.mean| / sqrt(before.var + epsilon) of each feature: standard deviations; spread = sqrt((var + epsilon) /
    (before.var + epsilon)); standard errors in the same standard deviations.
    """

    layer: str  #: of the result
    module: str  #: of the model
    features: int
    samples: int | None
    batches: int | None
    moved_greatest: float | None
    moved_greatest_feature: int | None
    moved_root_mean_square: float | None
    spread_least: float | None
    spread_greatest: float | None
    standard_error_of_mean: float | None  #: root mean square over the features
    standard_error_of_variance: float | None  #: as a share of the variance

    @classmethod
    def of(cls, layer: str, before: StoredLayer, now: Estimate, epsilon: float, origin: StoredLayer | None = None) -> LayerReceipt:
        """Compare; a feature whose variance is 0 without epsilon has no distance, and then the layer has none.

        origin: in whose standard deviations the standard errors are, in place of `before`'s.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(before.variance + epsilon)
            moved = np.abs(now.mean - before.mean) / spread
            ratio = np.sqrt(now.variance + epsilon) / spread
            unit = np.sqrt((origin or before).variance + epsilon)
            mean_error = None if now.mean_standard_error is None else _root_mean_square(now.mean_standard_error / unit)
            variance_error = (
                None if now.variance_standard_error is None else _root_mean_square(now.variance_standard_error / (now.variance + epsilon))
            )
        greatest = int(np.argmax(moved)) if moved.size else None
        return cls(
            layer,
            before.name,
            int(moved.size),
            now.samples,
            now.batches,
            _number(moved.max(initial=0)),
            greatest,
            _number(_root_mean_square(moved)),
            _number(ratio.min(initial=np.inf)),
            _number(ratio.max(initial=0)),
            _number(mean_error),
            _number(variance_error),
        )

    @property
    def movement(self) -> float:
        """How far the layer moved at all, in mean or in spread: max(moved_greatest, |spread - 1|); infinite where that has no number."""
        parts = (self.moved_greatest, self.spread_least, self.spread_greatest)
        if any(part is None for part in parts):
            return float("inf") if self.features else 0.0
        return max(parts[0], abs(parts[1] - 1), abs(parts[2] - 1))


@dataclasses.dataclass
class Receipt:
    """All of it; `save` writes it as JSON, `str` shows a table."""

    estimator: str
    prior: float
    result: dict[str, Any]
    input: dict[str, Any]
    model: dict[str, Any]
    layers: list[LayerReceipt]
    kept: list[str]  #: layers of the model that the result has not, which stayed as they were
    version: str

    def as_dictionary(self) -> dict[str, Any]:
        return {"format": "bn_stream receipt", "format_version": 1, **dataclasses.asdict(self)}

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        content = json.dumps(self.as_dictionary(), indent=2, allow_nan=False) + "\n"
        write_whole(os.fspath(path), lambda partial: write_text(partial, content), force)

    @property
    def movement(self) -> float:
        """The greatest of all layers, see `LayerReceipt.movement`."""
        return max((layer.movement for layer in self.layers), default=0.0)

    def __str__(self) -> str:
        rows = [
            [
                layer.layer,
                str(layer.features),
                _shown(layer.samples),
                _shown(layer.batches),
                _shown(layer.moved_greatest),
                _shown(layer.moved_root_mean_square),
                f"{_shown(layer.spread_least)} to {_shown(layer.spread_greatest)}",
                _shown(layer.standard_error_of_mean),
            ]
            for layer in self.layers
        ]
        table = aligned(["layer", "features", "samples", "batches", "moved at most", "typically", "spread times", "standard error"], rows)
        kept = f"kept as they were: {', '.join(self.kept)}\n" if self.kept else ""
        return f"{table}{kept}"


def write_text(path: str, content: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def _number(value: Any) -> float | None:
    """JSON has no infinity and no NaN."""
    return None if value is None or not np.isfinite(value) else float(value)


def _shown(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
