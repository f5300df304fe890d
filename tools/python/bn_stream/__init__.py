"""From a model to the files of bn-stream, and its statistics back into the model.

    record(model, batches, "acts.h5")       what enters a model's batch normalization layers -> a file for bn-stream
    ActivationRecorder(model, "acts.h5")    the same of a PyTorch model, with gradients, in the mode that it is in
    load("stats.h5", model)                 statistics of a result -> the model, with a receipt
    recalibrate(model, loader)              record, compute and load until the model's statistics agree with each other
    pack({"bn1/activations": x}, "in.h5")   arrays of any program -> a file for bn-stream
    read("grads.h5")                        a result -> NumPy arrays, or tables of layers

docs/python.md explains them. PyTorch, Keras, ONNX and pandas are imported by what uses them only.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: Where each name is, so that importing the package imports none of the frameworks.
_PLACES = {
    "ActivationRecorder": "recording.recorder",
    "KerasRecorder": "recording.keras_recorder",
    "LoadError": "errors",
    "PackError": "errors",
    "ReadError": "errors",
    "Receipt": "receipts",
    "Recalibration": "recalibration",
    "RecorderError": "errors",
    "Results": "reading",
    "ToolError": "errors",
    "load": "loading",
    "record": "recording.any_model",
    "pack": "packing",
    "recalibrate": "recalibrating",
    "read": "reading",
}

__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'bn_stream' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"bn_stream.{_PLACES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
