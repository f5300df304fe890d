"""A recording in evaluation mode, of a model of any framework."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from bn_stream.errors import RecorderError


def record(
    model: Any,
    batches: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    layers: Any = None,
    limit: int | None = None,
    element_type: str | None = None,
    gzip: int = 0,
    forward: Callable[[Any, Any], Any] | None = None,
    force: bool = False,
) -> None:
    """Run `model` over `batches` in evaluation mode, forward, and write what enters its batch normalization layers to the file `path`.

    model: a torch.nn.Module, a keras.Model, an onnx.ModelProto, or the path of an .onnx or .keras file.
    batches: inputs, tuples whose first is the input, or dictionaries of inputs. forward: runs the model on one of them.
    layers, limit, element_type, gzip, force: as for ActivationRecorder, which also records gradients and training mode.
    """
    passes = passes_of(model)
    target, options = (
        os.fspath(path),
        {"layers": layers, "limit": limit, "element_type": element_type, "gzip": gzip, "force": force, "forward": forward},
    )
    if isinstance(model, (str, os.PathLike)):
        from bn_stream.models.opening import open_model

        model = open_model(model).model  # type: ignore[attr-defined]
    passes(model, batches, target, **options)


def passes_of(model: Any) -> Callable[..., None]:
    """What records the model: a function (model, batches, path, layers, limit, element_type, forward, gzip, force). Raises RecorderError."""
    ending = os.path.splitext(os.fspath(model))[1].lower() if isinstance(model, (str, os.PathLike)) else ""
    torch, onnx, keras = (sys.modules.get(name) for name in ("torch", "onnx", "keras"))
    if torch is not None and isinstance(model, torch.nn.Module) and not (keras is not None and isinstance(model, keras.Layer)):
        from bn_stream.recording.passes import record_passes
    elif ending == ".onnx" or onnx is not None and isinstance(model, onnx.ModelProto):
        from bn_stream.recording.onnx_passes import record_passes
    elif ending == ".keras" or keras is not None and isinstance(model, keras.Layer):
        from bn_stream.recording.keras_recorder import record_passes
    else:
        raise RecorderError(
            f"{model if ending else 'a ' + type(model).__name__} is no model that can be run; give a torch.nn.Module, a keras.Model, "
            "an onnx.ModelProto, or an .onnx or .keras file"
        )
    return record_passes
