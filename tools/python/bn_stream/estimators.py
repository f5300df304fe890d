"""What a layer's statistics are estimated as, from a result of bn-stream. m_b are the values of a feature in batch b of B, m all of them.

population        mean = sum x / m                       var = sum (x - mean)^2 / m
                  exact and pooled over all values, however they were divided; what one batch of everything would normalize with.
mean_of_batches   mean = sum_b mean_b / B                var = sum_b var_b / B
                  every batch weighs the same; var_b is divided by m_b - 1 (`running_variance` "unbiased": PyTorch, whose
                  torch.optim.swa_utils.update_bn computes this) or by m_b ("biased": Keras, Flax, ONNX).
running           running_mean and running_var as the result has them: the model's own, moved by momentum from batch to batch.

`mean_of_batches` is less than `population` by the variance of the batches' means, and unlike it depends on how data is divided.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bn_stream.errors import LoadError
from bn_stream.reading import LayerResults

ESTIMATORS = ("population", "mean_of_batches", "running")


@dataclasses.dataclass
class Estimate:
    """Statistics [C] in float64, and how well they are known: standard errors [C], None where one batch is all there is."""

    mean: np.ndarray
    variance: np.ndarray
    samples: int | None = None
    batches: int | None = None
    mean_standard_error: np.ndarray | None = None
    variance_standard_error: np.ndarray | None = None

    def blended(self, mean: np.ndarray, variance: np.ndarray, prior: float) -> Estimate:
        """Statistics from before weigh as `prior` samples beside the n that were recorded: (N*old + n*new)/(N + n), of both
        (Schneider et al. 2020, arXiv:2006.16971, section 3)."""
        if self.samples is None:
            raise LoadError("--prior needs to know how many samples there were; let bn-stream write `batches`, too")
        share = prior / (prior + self.samples)

        def blend(before: np.ndarray, now: np.ndarray) -> np.ndarray:
            return share * before.astype(np.float64) + (1 - share) * now

        def shrunk(error: np.ndarray | None) -> np.ndarray | None:
            return None if error is None else (1 - share) * error

        return Estimate(
            blend(mean, self.mean),
            blend(variance, self.variance),
            self.samples,
            self.batches,
            shrunk(self.mean_standard_error),
            shrunk(self.variance_standard_error),
        )


def estimate(layer: LayerResults, estimator: str, place: str) -> Estimate:
    """The statistics of `layer`; `place` names it in errors. Raises LoadError where the result has not what the estimator needs."""
    counts = layer["batches/count"] if "batches/count" in layer else None
    samples = layer.samples if counts is None else int(counts.sum())
    batches = None if counts is None else int((counts > 0).sum())
    if estimator == "mean_of_batches":
        found = Estimate(*_mean_of_batches(layer, place), samples, batches)
    else:
        names = {"population": ("population_mean", "population_var"), "running": ("running_mean", "running_var")}
        if estimator not in names:
            raise LoadError(f"{estimator} is no estimator; there is {', '.join(ESTIMATORS)}")
        if estimator == "running" and layer.attributes.get("statistics") == "running":
            raise LoadError(
                f"{place} was computed with the running statistics, which are those that the model has already; "
                "run bn-stream with --statistics batch"
            )
        missing = [name for name in names[estimator] if name not in layer]
        if missing:
            raise LoadError(
                f'{place} has no {missing[0]}, which the estimator {estimator} takes; let bn-stream write it ("outputs": ["{estimator}"])'
            )
        found = Estimate(*(layer[name].astype(np.float64) for name in names[estimator]), samples, batches)
    if counts is not None and "batches/mean" in layer and batches and batches > 1 and estimator != "running":
        _add_standard_errors(found, layer, counts, equal=estimator == "mean_of_batches")
    return found


def _mean_of_batches(layer: LayerResults, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance [C]. With momentum "none" they are the result's running statistics."""
    attributes = layer.attributes
    settings = attributes.get("settings", {})
    if attributes.get("statistics") == "running":
        raise LoadError(f"{place} was computed with the running statistics, so no batch has its own; run bn-stream with --statistics batch")
    if str(attributes.get("momentum")) == "none" and "running_mean" in layer and "running_var" in layer:
        return layer["running_mean"].astype(np.float64), layer["running_var"].astype(np.float64)
    is_biased = attributes.get("running_variance", settings.get("running_variance", {}).get("value")) == "biased"
    if is_biased and "batches/var" in layer and "batches/count" in layer:
        full = layer["batches/count"] > 0
        return layer["batches/mean"][full].mean(0), layer["batches/var"][full].mean(0)
    raise LoadError(
        f"{place}: the mean of unbiased batch variances is what running_var is without a momentum; run bn-stream with --momentum none"
    )


def _add_standard_errors(found: Estimate, layer: LayerResults, counts: np.ndarray, equal: bool) -> None:
    """se^2 = B/(B - 1) * sum_b w_b^2 * (t_b - t)^2, where t = sum_b w_b * t_b and w_b is the batch's share of all values, or 1/B.

    Batches are taken for independent. t_b is the batch's mean, and its mean square distance from the mean of all.
    """
    full = counts > 0
    number = int(full.sum())
    weights = (np.full(number, 1 / number) if equal else counts[full] / counts.sum())[:, None]
    means, variances = layer["batches/mean"][full], layer["batches/var"][full]

    def error(terms: np.ndarray) -> np.ndarray:
        center = (weights * terms).sum(0)
        return np.sqrt(number / (number - 1) * (weights**2 * (terms - center) ** 2).sum(0))

    found.mean_standard_error = error(means)
    found.variance_standard_error = error(variances if equal else variances + (means - found.mean) ** 2)
