"""PyTorch: a module in memory, or a state_dict in a file (.pt, .pth, .bin, .ckpt, .safetensors)."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any

import numpy as np
import torch

from bn_stream.errors import LoadError, needed
from bn_stream.models.stored import StoredLayer, digest_of_arrays

#: Names that wrappers put before those of the module inside: DataParallel and DistributedDataParallel, torch.compile.
WRAPPERS = ("module.", "_orig_mod.")

#: Where programs keep a state_dict in the dictionary that they save.
KEYS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "net", "network")


def without_wrappers(name: str) -> str:
    """The module's name as the model itself calls it."""
    while prefix := next((prefix for prefix in WRAPPERS if name.startswith(prefix)), None):
        name = name[len(prefix) :]
    return "" if name + "." in WRAPPERS else name.replace("._orig_mod", "")


def path_of(name: str) -> str:
    """The group of the module: "features.0.bn" is /features/0/bn."""
    return "/" + without_wrappers(name).replace(".", "/")


class TorchStateDict:
    """Tensors by name. A layer is whatever has both `running_mean` and `running_var`; its tensors are changed in place."""

    kind = "PyTorch state_dict"

    def __init__(self, tensors: MutableMapping[str, torch.Tensor], epsilons: dict[str, float] | None = None, prefix: str = "") -> None:
        self._tensors = tensors
        self._epsilons = epsilons or {}
        self._prefix = prefix

    @property
    def tensors(self) -> MutableMapping[str, torch.Tensor]:
        return self._tensors

    def layers(self) -> list[StoredLayer]:
        found = []
        for key in self._tensors:
            name, _, last = key.rpartition(".")
            if last != "running_mean" or self._key(name, "running_var") not in self._tensors or not (name + ".").startswith(self._prefix):
                continue
            kind = self._tensors[key].dtype
            found.append(
                StoredLayer(
                    name,
                    path_of(name[len(self._prefix) :]),
                    self._array(name, "running_mean"),
                    self._array(name, "running_var"),
                    self._epsilons.get(name),
                    str(kind),
                    torch.finfo(kind).max,
                )
            )
        return found

    def put(self, name: str, mean: np.ndarray, variance: np.ndarray) -> None:
        for last, values in (("running_mean", mean), ("running_var", variance)):
            key = self._key(name, last)
            tensor = self._tensors[key]
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)).reshape(tensor.shape))

    def digest(self) -> str:
        arrays = {}
        for name, tensor in self._tensors.items():
            if isinstance(tensor, torch.Tensor):
                tensor = tensor.detach().cpu().contiguous()
                arrays[f"{name} {tensor.dtype}"] = tensor.reshape(-1).view(torch.uint8).numpy() if tensor.numel() else np.empty(0)
        return digest_of_arrays(arrays)

    def save(self, path: str) -> None:
        torch.save(self._tensors, path)

    def _key(self, name: str, last: str) -> str:
        return f"{name}.{last}" if name else last

    def _array(self, name: str, last: str) -> np.ndarray:
        return self._tensors[self._key(name, last)].detach().double().cpu().numpy()


class TorchModule(TorchStateDict):
    """A module in memory."""

    kind = "PyTorch module"

    def __init__(self, module: torch.nn.Module, prefix: str = "") -> None:
        self.module = module
        # Buffers themselves, where a state_dict has views of them; a name each, though a layer may be used under several.
        tensors = dict(module.named_parameters()) | dict(module.named_buffers())
        epsilons = {name: float(layer.eps) for name, layer in module.named_modules() if hasattr(layer, "eps")}
        super().__init__(tensors, epsilons, prefix)

    def save(self, path: str) -> None:
        torch.save(self.module.state_dict(), path)


class TorchFile(TorchStateDict):
    """A file that torch.save wrote: a state_dict, alone or under a key of a dictionary, whose other entries stay."""

    def __init__(self, path: str, key: str | None = None, prefix: str = "") -> None:
        try:
            self._whole = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # of pickle, zipfile, torch: their words differ from version to version
            raise LoadError(
                f"{path}: PyTorch does not read it as tensors ({str(error).splitlines()[0]}); save a state_dict: "
                "torch.save(model.state_dict(), path), or call bn_stream.load with the module itself"
            ) from error
        super().__init__(self._find(path, key), prefix=prefix)

    def _find(self, path: str, key: str | None) -> dict[str, torch.Tensor]:
        whole = self._whole
        if not isinstance(whole, dict):
            raise LoadError(f"{path}: holds a {type(whole).__name__}, not a state_dict; save torch.save(model.state_dict(), path)")
        if key is not None:
            if not isinstance(whole.get(key), dict):
                raise LoadError(f"{path}: has no state_dict under {key}; there is {', '.join(map(str, list(whole)[:12]))}")
            return whole[key]
        if _has_statistics(whole):
            return whole
        inside = [name for name, value in whole.items() if isinstance(value, dict) and _has_statistics(value)]
        if len(inside) == 1 or inside and inside[0] in KEYS and not any(name in KEYS for name in inside[1:]):
            return whole[inside[0]]
        if inside:
            raise LoadError(f"{path}: has statistics under {' and '.join(map(str, inside))}; say which with --key")
        return whole  # without any layer: said by whoever looks for one

    def save(self, path: str) -> None:
        torch.save(self._whole, path)


class SafetensorsFile(TorchStateDict):
    """A .safetensors file with its metadata."""

    kind = "safetensors"

    def __init__(self, path: str, prefix: str = "") -> None:
        self._library = needed("safetensors.torch", f"{os.path.basename(path)}", "safetensors")
        safetensors = needed("safetensors", f"{os.path.basename(path)}")
        try:
            with safetensors.safe_open(path, "pt") as file:
                self._metadata = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except Exception as error:
            raise LoadError(f"{path}: cannot be read as safetensors: {error}") from error
        super().__init__(tensors, prefix=prefix)

    def save(self, path: str) -> None:
        self._library.save_file(self._tensors, path, metadata=self._metadata)


def _has_statistics(tensors: dict[Any, Any]) -> bool:
    return any(isinstance(key, str) and key.rpartition(".")[2] == "running_mean" for key in tensors)
