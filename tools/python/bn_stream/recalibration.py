"""What a recalibration came to: how far each layer moved in each round, whether that settled, and what to do if not."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from bn_stream.receipts import Receipt, write_text
from bn_stream.tables import aligned
from bn_stream.whole_files import write_whole


@dataclasses.dataclass
class Recalibration:
    """movement: of each layer, by path, how far it moved in each round: max(|mean - before|/sqrt(var + epsilon), |spread - 1|) over the
    features. A sweep has one column, and then how far a last round would move each layer still."""

    tolerance: float
    is_settled: bool  #: the last round moved nothing by more than the tolerance
    rounds: int
    movement: dict[str, list[float]]
    receipt: Receipt  #: from the beginning to the end

    def __str__(self) -> str:
        header = ["layer", *(f"round {number + 1}" for number in range(self.rounds))]
        rows = [[path, *(f"{value:.2g}" for value in values)] for path, values in self.movement.items()]
        greatest = max((values[-1] for values in self.movement.values()), default=0)
        end = (
            f"settled: the last round moved nothing by more than {greatest:.2g}"
            if self.is_settled
            else f"not settled: the last round moved a layer by {greatest:.2g}, and {self.tolerance:g} was asked for; {self._advice(greatest)}"
        )
        return f"{aligned(header, rows)}{end}\n"

    def _advice(self, greatest: float) -> str:
        """Why it may not have settled, and what to do."""
        first, values = next(iter(self.movement.items()))
        if len(values) > 1 and values[-1] > self.tolerance:
            return (
                f"{first} moves, too, with no layer before it, so data or model are not the same in every pass: random augmentation, or a quantizer's "
                "observers, or weights that are scaled by the statistics"
            )
        second = max(values[min(1, len(values) - 1)] for values in self.movement.values())
        return (
            "the rounds swing, as they may in deep networks: sweep"
            if self.rounds > 2 and greatest > second
            else "allow more rounds, or sweep"
        )

    def as_dictionary(self) -> dict[str, Any]:
        return {
            "format": "bn_stream recalibration",
            "format_version": 1,
            "tolerance": self.tolerance,
            "is_settled": self.is_settled,
            "rounds": self.rounds,
            "movement": self.movement,
            "receipt": self.receipt.as_dictionary(),
        }

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        content = json.dumps(self.as_dictionary(), indent=2, allow_nan=False) + "\n"
        write_whole(os.fspath(path), lambda partial: write_text(partial, content), force)
