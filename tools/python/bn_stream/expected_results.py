"""What the results of all batches of a layer come to: the datasets that bn-stream should write beside the large tensors.

PyTorch's own results in a recorded file and the fixtures' results are gathered here, so that both have the same names, shapes
and element types. A batch is a dictionary of `mean`, `var` (biased), `inv_std`, `grad_gamma`, `grad_beta` [C] and `count`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STATISTICS = ("mean", "var", "inv_std")
GRADIENTS = ("grad_gamma", "grad_beta")


def batch_names(statistics: str, has_gradient: bool) -> list[str]:
    """Which results of a batch a file holds: with `statistics` "running" the batch's own statistics are not used, nor written."""
    return [*(STATISTICS if statistics == "batch" else ()), *(GRADIENTS if has_gradient else ()), "count"]


def over_batches(batches: list[dict[str, Any]], names: list[str], features: int) -> dict[str, np.ndarray]:
    """`batches/<name>`, a row for each batch, and the gradients of the parameters, which are sums over the batches."""
    result = {}
    for name in names:
        row_shape, dtype = ((), np.int64) if name == "count" else ((features,), np.float64)
        rows = np.array([batch[name] for batch in batches], dtype).reshape(len(batches), *row_shape)
        result["batches/" + name] = rows
        if name in GRADIENTS:
            result[name] = rows.sum(axis=0)
    return result


class PooledMoments:
    """Mean and variance of all values of several batches by Chan, Golub and LeVeque's formula.

    Moments are arrays [C] of NumPy or tensors of PyTorch; only their operators are used.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self._squares: Any = 0.0  # sum of (x - mean)^2

    def add(self, count: int, mean: Any, variance: Any) -> None:
        """A batch of `count` values a feature with this mean and biased variance; one without values changes nothing."""
        if count == 0:
            return
        delta, total = mean - self.mean, self.count + count
        self.mean = self.mean + delta * (count / total)
        self._squares = self._squares + variance * count + delta * delta * (self.count * count / total)
        self.count = total

    @property
    def variance(self) -> Any:
        """Biased; there must be a value."""
        return self._squares / self.count
