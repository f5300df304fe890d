"""The model that somebody names, as a file or as an object of a framework."""

from __future__ import annotations

import os
import sys
from typing import Any

from bn_stream.errors import LoadError
from bn_stream.models.stored import StoredModel

#: Endings of files, and what reads them.
TORCH_FILES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
ENDINGS = (*TORCH_FILES, ".safetensors")


def open_model(model: Any, key: str | None = None, prefix: str = "") -> StoredModel:
    """What `model` is: a path, a torch.nn.Module or a state_dict. Raises LoadError."""
    if isinstance(model, (str, os.PathLike)):
        return _open_file(os.fspath(model), key, prefix)
    torch = sys.modules.get("torch")  # whoever has such an object has imported it
    if torch is not None:
        from bn_stream.models.torch_model import TorchModule, TorchStateDict

        if isinstance(model, torch.nn.Module):
            return TorchModule(model, prefix)
        if isinstance(model, dict) and any(isinstance(value, torch.Tensor) for value in model.values()):
            return TorchStateDict(model, prefix=prefix)
    raise LoadError(f"a {type(model).__name__} is no model that is known; give a path, a torch.nn.Module or a state_dict")


def _open_file(path: str, key: str | None, prefix: str) -> StoredModel:
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise LoadError(f"{path}: files with the ending {ending or '(none)'} are not known; there is {', '.join(ENDINGS)}")
    if not os.path.isfile(path):
        raise LoadError(f"{path}: there is no such file")
    if ending in TORCH_FILES:
        from bn_stream.models.torch_model import TorchFile

        return TorchFile(path, key, prefix)
    from bn_stream.models.torch_model import SafetensorsFile

    return SafetensorsFile(path, prefix)
