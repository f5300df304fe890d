"""Stands in for modules that others import, and that what is tested has no need of."""

from __future__ import annotations

import importlib.util
import sys
import types
import unittest

#: What timm imports when it is imported itself: pictures and their transformations. Its networks are PyTorch alone.
TORCHVISION = (
    "torchvision",
    "torchvision.datasets",
    "torchvision.models",
    "torchvision.models.feature_extraction",
    "torchvision.ops",
    "torchvision.ops.misc",
    "torchvision.transforms",
    "torchvision.transforms.functional",
)


class _Names(type):
    """A class that has an attribute of every name, each another object."""

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        value = object()
        setattr(cls, name, value)
        return value


class _StandIn(types.ModuleType):
    """A module that has a class of every name, of which others may be derived."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Names(name, (), {})
        setattr(self, name, made)
        return made


def stand_in_for_torchvision(test: unittest.TestCase) -> None:
    """Lets timm be imported without torchvision, where that is missing."""
    if "timm" in sys.modules or importlib.util.find_spec("torchvision"):
        return
    for name in TORCHVISION:
        sys.modules[name] = _StandIn(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    # Others may ask whether it is there; timm keeps what it has imported.
    test.addCleanup(lambda: [sys.modules.pop(name, None) for name in TORCHVISION])
