"""The model that somebody names, as a file or as an object of a framework."""

from __future__ import annotations

import os
import sys
from typing import Any

from bn_stream.errors import LoadError, needed
from bn_stream.models.stored import StoredModel

#: Endings of files, and what reads them.
TORCH_FILES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
ENDINGS = (*TORCH_FILES, ".safetensors", ".onnx", ".keras")


def open_model(model: Any, key: str | None = None, prefix: str = "") -> StoredModel:
    """What `model` is: a path, a torch.nn.Module, a state_dict, a keras.Model or an onnx.ModelProto. Raises LoadError."""
    if isinstance(model, (str, os.PathLike)):
        return _open_file(os.fspath(model), key, prefix)
    # Whoever has an object of a framework's has imported it. On its backend torch, a Keras model is a torch.nn.Module as well.
    torch, keras, onnx = (sys.modules.get(name) for name in ("torch", "keras", "onnx"))
    if keras is not None and isinstance(model, keras.Layer):
        from bn_stream.models.keras_model import KerasModel

        return KerasModel(model)
    if onnx is not None and isinstance(model, onnx.ModelProto):
        from bn_stream.models.onnx_model import OnnxModel

        return OnnxModel(model)
    if torch is not None:
        from bn_stream.models.torch_model import TorchModule, TorchStateDict

        if isinstance(model, torch.nn.Module):
            return TorchModule(model, prefix)
        if isinstance(model, dict) and any(isinstance(value, torch.Tensor) for value in model.values()):
            return TorchStateDict(model, prefix=prefix)
    raise LoadError(
        f"a {type(model).__name__} is no model that is known; give a path, a torch.nn.Module, a state_dict, a keras.Model or an onnx.ModelProto"
    )


def _open_file(path: str, key: str | None, prefix: str) -> StoredModel:
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise LoadError(f"{path}: files with the ending {ending or '(none)'} are not known; there is {', '.join(ENDINGS)}")
    if not os.path.isfile(path):
        raise LoadError(f"{path}: there is no such file")
    if ending in TORCH_FILES:
        needed("torch", os.path.basename(path))
        from bn_stream.models.torch_model import TorchFile

        return TorchFile(path, key, prefix)
    if ending == ".onnx":
        needed("onnx", os.path.basename(path))
        from bn_stream.models.onnx_model import OnnxFile

        return OnnxFile(path)
    if ending == ".keras":
        from bn_stream.models.keras_model import KerasFile

        return KerasFile(path)
    from bn_stream.models.torch_model import SafetensorsFile

    return SafetensorsFile(path, prefix)
