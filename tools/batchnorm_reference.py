"""A batch of batch normalization in float64 with PyTorch's autograd, by two routes.

`Reference`, the oracle of the fixtures, composes the forward pass of single PyTorch operations around a shift common to all
batches, a sample of each feature, so that x - mean stays exact where the mean is large; autograd derives the backward pass.
`torch_batch` is `torch.nn.functional.batch_norm`, the oracle of recorded files. `check_against_torch` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from bn_stream.expected_results import PooledMoments
from bn_stream.recording.torch_batch import torch_batch


@dataclass(frozen=True)
class Settings:
    """momentum None is the cumulative average; gradient "detached" treats the batch's statistics as constants."""

    feature_axis: int = 1
    epsilon: float = 1e-5
    momentum: float | None = 0.1
    statistics: str = "batch"
    gradient: str = "full"


@dataclass
class Reference:
    """Goes through the batches of one layer; `gamma`, `beta`, `running_mean` and `running_var` are [C], all float64."""

    settings: Settings
    shift: torch.Tensor
    gamma: torch.Tensor
    beta: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor
    updates: int = 0
    pooled: PooledMoments = field(default_factory=PooledMoments)  # relative to the shift

    def batch(self, x: np.ndarray, dy: np.ndarray | None, mask: np.ndarray | None) -> dict[str, np.ndarray]:
        """One batch: x and dy [n, ...], mask [n] or [n, positions], nonzero where a value counts in the statistics.

        Gives output, normalized, mean, var (biased), inv_std, count (samples) and, with dy, grad_input, grad_gamma, grad_beta.
        A batch without values has NaN statistics and changes nothing.
        """
        settings = self.settings
        rows = self._rows(x).requires_grad_()
        gamma, beta = self.gamma.clone().requires_grad_(), self.beta.clone().requires_grad_()
        shifted = rows - self.shift
        counted = shifted
        if mask is not None:
            per_sample = rows.shape[0] // max(1, len(x))
            chosen = np.repeat(mask.reshape(len(x), -1), per_sample // mask.reshape(len(x), -1).shape[1], axis=1)
            counted = shifted[torch.from_numpy(chosen.reshape(-1) != 0)]
        mean, var = counted.mean(0), (counted - counted.mean(0)).square().mean(0)
        self._update(counted.shape[0], mean.detach(), var.detach())
        batch_mean, batch_var = mean.detach(), var.detach()
        if settings.statistics == "running":
            mean, var = self.running_mean - self.shift, self.running_var
        elif settings.gradient == "detached":
            mean, var = batch_mean, batch_var
        normalized = (shifted - mean) * (var + settings.epsilon).rsqrt()
        y = normalized * gamma + beta
        result = {"output": self._shape(y.detach(), x.shape), "normalized": self._shape(normalized.detach(), x.shape),
                  "mean": (batch_mean + self.shift).numpy(), "var": batch_var.numpy(),
                  "inv_std": (batch_var + settings.epsilon).rsqrt().numpy(), "count": np.int64(len(x))}
        if dy is not None:
            dx, dgamma, dbeta = torch.autograd.grad(y, (rows, gamma, beta), self._rows(dy))
            result |= {"grad_input": self._shape(dx, x.shape), "grad_gamma": dgamma.numpy(), "grad_beta": dbeta.numpy()}
        return result

    def totals(self) -> dict[str, np.ndarray]:
        """The running statistics after the last batch, and the pooled statistics of all that counted (NaN if nothing did)."""
        if self.pooled.count == 0:
            nothing = torch.full_like(self.shift, torch.nan)
            population = {"population_mean": nothing, "population_var": nothing}
        else:
            population = {"population_mean": self.pooled.mean + self.shift, "population_var": self.pooled.variance}
        values = {"running_mean": self.running_mean, "running_var": self.running_var} | population
        return {name: value.numpy() for name, value in values.items()}

    def _update(self, values: int, mean: torch.Tensor, var: torch.Tensor) -> None:
        self.pooled.add(values, mean, var)
        if self.settings.statistics == "batch" and values > 1:
            self.updates += 1
            momentum = self.settings.momentum
            factor = 1 / self.updates if momentum is None else momentum
            self.running_mean = (1 - factor) * self.running_mean + factor * (mean + self.shift)
            self.running_var = (1 - factor) * self.running_var + factor * (var * values / (values - 1))

    def _rows(self, tensor: np.ndarray) -> torch.Tensor:
        """[n, ..., C, ...] as [n * positions, C] in float64."""
        moved = np.moveaxis(tensor.astype(np.float64), self.settings.feature_axis, -1)
        return torch.from_numpy(np.ascontiguousarray(moved).reshape(-1, tensor.shape[self.settings.feature_axis]))

    def _shape(self, rows: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
        moved = list(shape)
        features = moved.pop(self.settings.feature_axis)
        return np.moveaxis(rows.numpy().reshape(*moved, features), -1, self.settings.feature_axis)


def check_against_torch(settings: Settings, gamma: torch.Tensor, beta: torch.Tensor, x: np.ndarray, dy: np.ndarray,
                        result: dict[str, np.ndarray], tolerance: float = 1e-9) -> None:
    """Raise unless `torch_batch` agrees with one batch of the reference (batch statistics, full gradient, no mask)."""
    big = [torch.from_numpy(np.moveaxis(array.astype(np.float64), settings.feature_axis, 1).copy()) for array in (x, dy)]
    for name, value in torch_batch(*big, gamma, beta, settings.epsilon).items():
        mine = np.moveaxis(result[name], settings.feature_axis, 1) if value.ndim > 1 else result[name]
        difference = np.abs(mine - value.numpy()).max()
        if not np.allclose(mine, value.numpy(), rtol=tolerance, atol=tolerance * max(1e-300, np.abs(mine).max())):
            raise AssertionError(f"{name} differs from torch.nn.functional.batch_norm by {difference}")
