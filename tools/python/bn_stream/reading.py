"""Results of bn-stream as NumPy arrays, and tables of layers and of features."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from bn_stream.errors import ReadError, needed
from bn_stream.hdf5_layers import read_float64

#: What makes a group the results of a layer, where it lacks the attribute `settings`.
_TELLING = ("population_mean", "running_mean", "batches", "output", "grad_input", "grad_gamma")

#: Groups within a layer's that hold more of its results.
_OWN_GROUPS = ("batches", "diagnostics", "moments", "histograms")


def text(value: Any) -> str:
    """A string attribute, which h5py may give as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def layer_path(name: str) -> str:
    """The group's path of a layer that is named as a path or as PyTorch names modules: "features.0.bn" is /features/0/bn."""
    return name if name.startswith("/") else "/" + name.replace(".", "/")


class LayerResults(Mapping[str, np.ndarray]):
    """The results of one layer: datasets by their names, as "population_mean" [C] or "batches/mean" [batches, C].

    bfloat16 is read as float32, exactly; everything else as the file has it.
    """

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        self.path: str = group.name
        self._names: list[str] = []
        for name, item in group.items():
            if isinstance(item, h5py.Dataset):
                self._names.append(name)
            elif name in _OWN_GROUPS:
                self._names += [f"{name}/{own}" for own, dataset in item.items() if isinstance(dataset, h5py.Dataset)]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise ReadError(f"{self._group.file.filename}: {self.path} has no {name}; there is {', '.join(self._names)}")
        dataset = self._group[name]
        kind = dataset.id.get_type()
        if kind.get_class() == h5t.FLOAT and kind.get_size() == 2 and kind.get_fields()[1] == 7:
            return read_float64(dataset, 0, dataset.shape[0]).astype(np.float32)
        return dataset[()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    @property
    def attributes(self) -> dict[str, Any]:
        """Settings as they were used: `epsilon`, `momentum`, `statistics`, ...; `settings` and `datasets` are dictionaries."""
        found = {name: text(value) if isinstance(value, bytes) else value for name, value in self._group.attrs.items()}
        return found | {name: json.loads(found[name]) for name in ("settings", "datasets") if name in found}

    @property
    def samples(self) -> int | None:
        """How many samples there were; of a file that merges results, in all of them."""
        if "batches/count" in self:
            return int(self["batches/count"].sum())
        moments = self._group.get("moments")
        return None if moments is None else int(moments.attrs["samples"])

    @property
    def features(self) -> int | None:
        """C, where a result has it."""
        for name in ("population_mean", "running_mean", "grad_gamma", "batches/mean"):
            if name in self:
                return int(self._group[name].shape[-1])
        return None

    def row(self) -> dict[str, Any]:
        """What there is to say of the layer as a whole, as numbers; what the file has not is left out."""
        row: dict[str, Any] = {"layer": self.path, "features": self.features}
        if "batches/count" in self:
            counts = self["batches/count"]
            row |= {"samples": int(counts.sum()), "batches": len(counts)}
        attributes = self.attributes
        row |= {name: attributes[name] for name in ("epsilon", "momentum", "statistics") if name in attributes}
        for name in ("population_mean", "population_var"):
            if name in self:
                row |= {f"{name}_least": float(self[name].min()), f"{name}_greatest": float(self[name].max())}
        for name in ("grad_gamma", "grad_beta"):
            if name in self:
                row[f"{name}_norm"] = float(np.linalg.norm(self[name]))
        return row

    def columns(self) -> dict[str, np.ndarray]:
        """All results that have one number for each feature [C]."""
        chosen = {name: self[name] for name in self if self._group[name].shape == (self.features,)}
        return {name: values for name, values in chosen.items() if name != "batches/count"}


class Results(Mapping[str, LayerResults]):
    """The layers of a result, by path ("/features/0/bn") or as PyTorch names them ("features.0.bn"); use it in a `with` block.

    Raises ReadError where the file cannot be read or holds no results.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise ReadError(f"{self.path}: there is no such file")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise ReadError(f"{self.path}: cannot be read as HDF5: {error}") from error
        self.attributes = {name: text(value) if isinstance(value, bytes) else value for name, value in self._file.attrs.items()}
        self._layers: dict[str, LayerResults] = {}
        self._find(self._file)
        if not self._layers:
            self._file.close()
            raise ReadError(f"{self.path}: holds no results of bn-stream; make them with bn-stream --in {self.path} --out RESULT.h5")

    def _find(self, group: h5py.Group) -> None:
        is_input = "activations" in group
        if not is_input and ("settings" in group.attrs or any(name in group for name in _TELLING)):
            self._layers[group.name] = LayerResults(group)
        for name, item in group.items():
            if isinstance(item, h5py.Group) and not (group.name in self._layers and name in _OWN_GROUPS):
                self._find(item)

    def __getitem__(self, name: str) -> LayerResults:
        path = layer_path(name)
        if path not in self._layers:
            raise ReadError(f"{self.path}: no layer is called {path}; there is {', '.join(self._layers)}")
        return self._layers[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and layer_path(name) in self._layers

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, in memory, by path: "/features/0/bn/population_mean"."""
        return {f"{path.rstrip('/')}/{name}": layer[name] for path, layer in self._layers.items() for name in layer}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each layer, see `LayerResults.row`."""
        return [layer.row() for layer in self._layers.values()]

    def table(self) -> Any:
        """A pandas.DataFrame with a row for each layer."""
        return needed("pandas", "a table of layers").DataFrame(self.rows())

    def feature_table(self) -> Any:
        """A pandas.DataFrame with a row for each feature of each layer, and a column for each result [C]."""
        pandas = needed("pandas", "a table of features")
        parts = []
        for path, layer in self._layers.items():
            columns = layer.columns()
            parts.append(pandas.DataFrame({"layer": path, "feature": range(layer.features or 0), **columns}))
        return pandas.concat(parts, ignore_index=True)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read(path: str | os.PathLike[str]) -> Results:
    """The results that bn-stream wrote to `path`: `with read("grads.h5") as results: results["features.0.bn"]["population_mean"]`."""
    return Results(path)
