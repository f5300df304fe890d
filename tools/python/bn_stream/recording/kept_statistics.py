"""A model's own running statistics, which recording in training mode moves as training does."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from bn_stream.tables import counted


@contextlib.contextmanager
def kept_statistics(model: torch.nn.Module, restore: bool | None) -> Iterator[None]:
    """Put running statistics of all BN layers back afterwards (`restore`), or, where nobody said what is meant (None), say that they moved."""
    buffers = {
        (name, own): buffer
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
        for own, buffer in module.named_buffers(recurse=False)
    }
    before = {name: buffer.detach().clone() for name, buffer in buffers.items()}
    try:
        yield
    finally:
        moved = [name for name, buffer in buffers.items() if not torch.equal(buffer, before[name])]
        if restore:
            with torch.no_grad():
                for name in moved:
                    buffers[name].copy_(before[name])
        elif restore is None and moved:
            layers = counted(len({name for name, _ in moved}), "layer")
            warnings.warn(
                f"recording in training mode moved the running statistics of {layers}, as training does; pass restore=True to "
                "put them back, or restore=False if that is meant",
                stacklevel=6,
            )
