"""A whole recording of a PyTorch model in evaluation mode, as recalibration needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from bn_stream.recording.chosen_layers import Choice, chosen_layers, inner_model
from bn_stream.recording.recorder import ActivationRecorder


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """All modules are in evaluation mode, and then in the modes that each had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def run_model(model: torch.nn.Module, item: Any) -> None:
    """One batch: a tensor, a tuple whose first is the input, or a dictionary of arguments. It goes to the device of the model."""
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))

    def there(value: Any) -> Any:
        return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value

    if isinstance(item, dict):
        model(**{name: there(value) for name, value in item.items()})
    else:
        model(there(item[0] if isinstance(item, (tuple, list)) else item))


def record_passes(
    model: torch.nn.Module,
    batches: Iterable[Any],
    path: str,
    layers: Choice = None,
    limit: int | None = None,
    element_type: str | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    gzip: int = 0,
    force: bool = True,
    statistics: str = "running",
) -> None:
    """Record forward passes over `batches` in evaluation mode. forward: runs a batch, `run_model` by default.

    statistics: "batch" lets the chosen layers, and no other module, normalize as in training; their own statistics stay.
    """
    run = forward or run_model
    with ActivationRecorder(
        model, path, layers=layers, limit=limit, element_type=element_type, gzip=gzip, force=force, restore=True
    ) as recorder:
        with evaluating(model), torch.no_grad(), recorder.recording():
            if statistics == "batch":
                for module in chosen_layers(inner_model(model), layers).values():
                    module.train()
            for item in batches:
                if recorder.is_full:
                    break
                run(model, item)
