"""What cannot be done, each in one line: what is wrong, where, and what to do."""

from __future__ import annotations

import importlib
from types import ModuleType


class ToolError(Exception):
    """Base of all errors that are meant for people; commands print it as one line."""


class RecorderError(ToolError):
    """The model was used in a way that cannot be recorded."""


class ReadError(ToolError):
    """A file is not a result of bn-stream, or has not what was asked for."""


class PackError(ToolError):
    """Arrays cannot be put together to layers."""


class LoadError(ToolError):
    """Statistics do not fit the model."""


def needed(name: str, what: str, install: str = "") -> ModuleType:
    """The module `name`, imported; ToolError says that `what` needs it where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        # A module that is there but lacks another one is no less missing; its own words say which.
        raise ToolError(f"{what} needs {name.partition('.')[0]} ({error}); pip install {install or name.partition('.')[0]}") from error
