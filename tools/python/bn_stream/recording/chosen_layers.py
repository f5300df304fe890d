"""Which modules of a model are recorded, and which models cannot be."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.lazy import LazyModuleMixin

from bn_stream.errors import RecorderError

#: A pattern of module names, several, or a function of a name.
Choice = str | Iterable[str] | Callable[[str], bool] | None


def inner_model(model: torch.nn.Module) -> torch.nn.Module:
    """The model itself, out of DistributedDataParallel and torch.compile; names are then those without wrappers."""
    if isinstance(model, torch.nn.DataParallel):
        raise RecorderError(
            "DataParallel runs copies of the layers, which come and go; record model.module, or use DistributedDataParallel"
        )
    while True:
        if isinstance(model, torch.nn.parallel.DistributedDataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            return model


def is_compiled(model: torch.nn.Module) -> bool:
    """Whether the model, or a part of it, went through torch.compile."""
    return any(hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None for module in model.modules())


def chosen_layers(model: torch.nn.Module, choice: Choice) -> dict[str, _BatchNorm]:
    """BN layers by name, those that `choice` takes: patterns ("layer1.*", or as paths "/layer1/*") or a function of a name.

    Raises RecorderError where there is none, or where one cannot be recorded.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise RecorderError(
            f"{type(model).__name__} is a TorchScript program, whose layers cannot be looked into; record the model that it was made of"
        )
    every = {
        name.replace("._orig_mod", "").removeprefix("_orig_mod."): module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
    }
    if not every:
        raise RecorderError(f"{type(model).__name__} has no BatchNorm layer to record")
    takes = _taker(choice)
    found = {name: module for name, module in every.items() if takes(name)}
    if not found:
        raise RecorderError(f"no BatchNorm layer of {type(model).__name__} was chosen; there is {_some(list(every))}")
    for name, module in found.items():
        if "/" in name:
            raise RecorderError(f"the name of {name} has a slash, which would be a group of the file; rename the module")
        if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
            raise RecorderError(f"{name} does not know its number of features yet; run one batch through the model before recording")
    return found


def _taker(choice: Choice) -> Callable[[str], bool]:
    if choice is None:
        return lambda name: True
    if callable(choice):
        return choice
    patterns = [choice] if isinstance(choice, str) else list(choice)
    by_path = [pattern.strip("/").replace("/", ".") for pattern in patterns]
    return lambda name: any(fnmatch.fnmatchcase(name, pattern) for pattern in by_path)


def _some(names: list[str]) -> str:
    return ", ".join(name or "(the model itself)" for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
