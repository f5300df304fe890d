"""The loop that makes a network's statistics agree with each other: record in evaluation mode, compute, load, until nothing moves.

What enters a layer depends on the statistics of those before it. After round r the first r layers in depth are final. Those behind them come near at
once if in the first round layers normalize with each batch's own statistics, as in training; without that, a deep network whose statistics are far off
swings for as many rounds as it has layers. `sweep` does one layer after the other instead, in the order of their first calls, and needs as many passes
over the data as there are layers, but records one layer at a time.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from bn_stream import __version__
from bn_stream.errors import ToolError
from bn_stream.estimators import ESTIMATORS
from bn_stream.loading import put_statistics
from bn_stream.models.opening import open_model
from bn_stream.models.stored import StoredLayer, StoredModel
from bn_stream.program import compute, find_program
from bn_stream.recalibration import Recalibration
from bn_stream.receipts import LayerReceipt, Receipt
from bn_stream.recording.any_model import passes_of
from bn_stream.tables import counted

#: What bn-stream computes: nothing large, each batch's own statistics, all of the same weight.
CONFIGURATION = {
    "statistics": "batch",
    "momentum": None,
    "single_value_batch": "allow",
    "nonfinite": "error",
    "sync": False,
    "outputs": ["running", "population", "batches"],
}


def recalibrate(
    model: Any,
    batches: Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    estimator: str = "population",
    prior: float = 0,
    tolerance: float = 1e-3,
    rounds: int = 10,
    sweep: bool = False,
    start: str | None = None,
    layers: Any = None,
    limit: int | None = None,
    element_type: str | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    result: str | os.PathLike[str] | None = None,
    program: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Recalibration:
    """Recalibrate `model`, in place, over `batches`, which are gone through once for each round; a function is called for them.

    estimator, prior: as for `load`; a prior is what the model had at the beginning.
    tolerance: settled when no mean moves by so many standard deviations, and no standard deviation by such a share of itself.
    sweep: layer by layer instead of rounds.
    start: what layers normalize with in the first round: "batch", or "running", which is all that ONNX Runtime can do.
    layers, limit, element_type: as for the recorder. forward: runs the model on one item of `batches`.
    result: where to keep the last result of bn-stream. program: bn-stream, if it is not on the PATH. folder: where recordings lie meanwhile.
    told: gets a line for each round.

    Raises ToolError. The model is then as the last complete round left it.
    """
    if estimator not in ESTIMATORS[:2]:
        raise ToolError(f"recalibration takes population or mean_of_batches, not {estimator}, which starts from what is to be replaced")
    if isinstance(model, (str, os.PathLike)):
        raise ToolError(
            "recalibrate changes a model in memory; load the file first, as onnx.load or keras.saving.load_model do, or use the command"
        )
    if rounds < 1:
        raise ToolError(f"{rounds} rounds are none; allow at least one")
    can_start = not type(model).__name__ == "ModelProto"
    start = start or ("batch" if can_start else "running")
    if start not in ("batch", "running"):
        raise ToolError(f"start is {start}; it must be batch or running")
    source = batches if callable(batches) else lambda: batches
    if not callable(batches) and iter(batches) is batches:
        raise ToolError("the batches can be gone through only once, and every round needs them; give a list, a DataLoader or a function")
    found = find_program(program)
    stored = open_model(model)
    origin = {layer.name: layer for layer in stored.layers()}
    before = stored.digest()
    with tempfile.TemporaryDirectory(prefix="bn-stream-recalibrate-", dir=folder) as place:
        loop = _Loop(
            stored,
            origin,
            os.path.join(place, "acts.h5"),
            os.path.join(place, "stats.h5"),
            found,
            estimator,
            prior,
            lambda path, chosen, most, statistics: _record(model, source(), path, chosen, most, element_type, forward, statistics),
            told,
        )
        movement, receipt = loop.sweep(layers, limit) if sweep else loop.rounds(layers, limit, rounds, tolerance, start)
        if result is not None:
            shutil.copyfile(loop.result, result)
        # What was recorded is gone.
        receipt.result["path"] = None if result is None else os.fspath(result)
        receipt.input["path"] = None
    receipt.model |= {"path": None, "sha256_before": before, "out": None, "sha256_after": stored.digest()}
    now = {layer.name: layer for layer in stored.layers()}
    receipt.layers = [_from_origin(layer, origin[layer.module], now[layer.module]) for layer in receipt.layers]
    receipt.version = __version__
    number = max(map(len, movement.values()), default=0)
    settled = all(values[-1] <= tolerance for values in movement.values()) and (sweep or number > 1 or start == "running")
    return Recalibration(tolerance, settled, number, movement, receipt)


@dataclasses.dataclass
class _Loop:
    stored: StoredModel
    origin: dict[str, StoredLayer]
    recorded: str
    result: str
    program: str
    estimator: str
    prior: float
    record: Callable[[str, Any, int | None, str], None]
    told: Callable[[str], None]

    def rounds(self, layers: Any, limit: int | None, most: int, tolerance: float, start: str) -> tuple[dict[str, list[float]], Receipt]:
        movement: dict[str, list[float]] = {}
        for number in range(most):
            receipt = self._round(layers, limit, "running" if number else start)
            for layer in _by_depth(receipt.layers, self.depths):
                movement.setdefault(layer.layer, []).append(layer.movement)
            self.told(f"round {number + 1}: {counted(len(receipt.layers), 'layer')} moved by {receipt.movement:.2g} at most")
            # Nothing is settled behind layers that normalized in another way.
            if receipt.movement <= tolerance and (number or start == "running"):
                break
        return movement, receipt

    def sweep(self, layers: Any, limit: int | None) -> tuple[dict[str, list[float]], Receipt]:
        """One layer after the other; then all of them once more, to say how far they would still move."""
        self.record(self.recorded, layers, limit, "running")
        order = _by_depth(
            [path.lstrip("/") for path in self._read_depths()], {path.lstrip("/"): depth for path, depth in self.depths.items()}
        )
        movement: dict[str, list[float]] = {}
        for path in order:
            receipt = self._round([path] if path else None, limit)
            movement["/" + path] = [receipt.movement]
            self.told(f"/{path} moved by {receipt.movement:.2g}")
        receipt = self._round(layers, limit)
        for layer in receipt.layers:
            movement[layer.layer].append(layer.movement)
        return movement, receipt

    def _round(self, layers: Any, limit: int | None, statistics: str = "running") -> Receipt:
        self.record(self.recorded, layers, limit, statistics)
        self.depths = self._read_depths()
        compute(self.program, self.recorded, self.result, CONFIGURATION)
        os.remove(self.recorded)
        return put_statistics(self.result, self.stored, estimator=self.estimator, prior=self.prior, origin=self.origin)

    def _read_depths(self) -> dict[str, int]:
        import h5py

        self.depths: dict[str, int] = {}
        with h5py.File(self.recorded, "r") as file:

            def visit(name: str, item: Any) -> None:
                if isinstance(item, h5py.Group) and "activations" in item:
                    self.depths["/" + name] = int(item.attrs.get("depth", len(self.depths)))

            file.visititems(visit)
            if "activations" in file:
                self.depths["/"] = 0
        return self.depths


def _by_depth(items: list[Any], depths: dict[str, int]) -> list[Any]:
    return sorted(items, key=lambda item: depths.get(item if isinstance(item, str) else item.layer, 0))


def _from_origin(layer: LayerReceipt, before: StoredLayer, now: StoredLayer) -> LayerReceipt:
    from bn_stream.estimators import Estimate

    whole = LayerReceipt.of(layer.layer, before, Estimate(now.mean, now.variance, layer.samples, layer.batches), before.epsilon or 0)
    whole.standard_error_of_mean, whole.standard_error_of_variance = layer.standard_error_of_mean, layer.standard_error_of_variance
    return whole


def _record(
    model: Any,
    batches: Iterable[Any],
    path: str,
    layers: Any,
    limit: int | None,
    element_type: str | None,
    forward: Callable[[Any, Any], Any] | None,
    statistics: str,
) -> None:
    """By the recorder of the model's framework."""
    try:
        passes_of(model)(model, batches, path, layers, limit, element_type, forward, statistics=statistics)
    except ValueError as error:
        if statistics == "batch" and "more than 1 value per channel" in str(error):
            raise ToolError(
                'a batch has one value of each feature, with which no layer can normalize it; give larger batches, or start="running"'
            ) from error
        raise
