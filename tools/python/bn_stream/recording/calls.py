"""What a module hands to `torch.nn.functional.batch_norm`, and what comes back: where batch normalization begins and ends, whatever else
the module does around it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from bn_stream.errors import RecorderError


@dataclasses.dataclass
class BatchNormCall:
    """One batch: x and y [n, C, ...], gamma and beta, running statistics [C] or None, all as they were used."""

    x: torch.Tensor
    y: torch.Tensor
    gamma: torch.Tensor | None
    beta: torch.Tensor | None
    running_mean: torch.Tensor | None
    running_var: torch.Tensor | None
    is_training: bool  #: normalized with the batch's own statistics
    epsilon: float
    is_whole_module: bool = False  #: x and y are what enters and leaves the module, which may do more


class _Listener(TorchFunctionMode):
    """Tells of every call of `batch_norm` while it is active."""

    def __init__(self, taken: Callable[[BatchNormCall], None]) -> None:
        super().__init__()
        self._taken = taken

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is not functional.batch_norm:
            return func(*args, **kwargs)
        call = _call(*args, **kwargs)
        # In training they are changed by the call; what is recorded is from before.
        call.y = func(*args, **kwargs)
        self._taken(call)
        return call.y


def _call(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5) -> BatchNormCall:
    return BatchNormCall(input, input, weight, bias, running_mean, running_var, training, eps)


@contextlib.contextmanager
def listening(module: torch.nn.Module, before: Callable[[], None], taken: Callable[[BatchNormCall], None]) -> Iterator[None]:
    """Call `before` at the beginning of each forward pass of `module`, and `taken` for each batch that it normalizes.

    The module's `forward` is replaced for as long: hooks of others on the module may change what enters it and what it gives, and
    are not seen.
    """
    forward = module.forward

    def listened(*args: Any, **kwargs: Any) -> Any:
        calls = 0

        def count(call: BatchNormCall) -> None:
            nonlocal calls
            calls += 1
            taken(call)

        before()
        with _Listener(count):
            output = forward(*args, **kwargs)
        if not calls:
            taken(_whole_module(module, args, kwargs, output))
        return output

    with replaced_forward(module, listened):
        yield


@contextlib.contextmanager
def replaced_forward(module: torch.nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """`module.forward` is another one; one that the module has of its own, as accelerate gives it, comes back afterwards."""
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        if before is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = before


def _whole_module(module: torch.nn.Module, args: tuple, kwargs: dict, output: Any) -> BatchNormCall:
    """What enters the module and what it gives, for one that computes batch normalization in a way of its own."""
    x = args[0] if args else kwargs.get("input", kwargs.get("x"))
    if not isinstance(x, torch.Tensor) or not isinstance(output, torch.Tensor) or not isinstance(module, _BatchNorm):
        raise RecorderError(f"a {type(module).__name__} neither calls torch.nn.functional.batch_norm nor takes and gives one tensor")
    is_training = module.training or module.running_mean is None
    return BatchNormCall(
        x, output, module.weight, module.bias, module.running_mean, module.running_var, is_training, module.eps, is_whole_module=True
    )


def difference_from_batch_norm(call: BatchNormCall) -> float:
    """The greatest difference of y from what `torch.nn.functional.batch_norm` gives in float64, by the greatest y.

    Where that is not finite, or not in the type of y, nothing is compared.
    """

    def double(tensor: torch.Tensor | None) -> torch.Tensor | None:
        return None if tensor is None else tensor.detach().double()

    with torch.no_grad():
        running = (None, None) if call.is_training else (double(call.running_mean), double(call.running_var))
        expected = functional.batch_norm(
            double(call.x), *running, double(call.gamma), double(call.beta), call.is_training, 0.0, call.epsilon
        )
        if expected.shape != call.y.shape:
            return float("inf")
        compared = expected.abs() < torch.finfo(call.y.dtype).max
        expected, y = expected[compared], call.y.double()[compared]
        scale = expected.abs().max().item() if expected.numel() else 0
        return (y - expected).abs().max().item() / scale if scale else 0.0
