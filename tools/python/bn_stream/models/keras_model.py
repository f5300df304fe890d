"""Keras 3: a model in memory, or a .keras file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from bn_stream.errors import LoadError, needed
from bn_stream.models.stored import StoredLayer, digest_of_arrays


def keras_module() -> ModuleType:
    """Keras; on a backend that is there, if nobody said which, and TensorFlow, its default, is not."""
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        from importlib.util import find_spec

        there = next(
            (name for name, module in (("tensorflow", "tensorflow"), ("jax", "jax"), ("torch", "torch")) if find_spec(module)), None
        )
        if there:
            os.environ["KERAS_BACKEND"] = there
    return needed("keras", "a Keras model")


def normalizations(model: Any) -> Iterator[tuple[str, Any]]:
    """BatchNormalization layers, each once, with their paths: the names of the models that they are in, and their own."""
    keras = keras_module()
    seen: set[int] = set()

    def visit(layer: Any, path: str) -> Iterator[tuple[str, Any]]:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if isinstance(layer, keras.layers.BatchNormalization):
            yield path or f"/{layer.name}", layer
            return
        # What is in a layer, in the order in which it was made: models, wrappers, blocks of one's own.
        for inner in layer._flatten_layers(include_self=False, recursive=False):
            yield from visit(inner, f"{path}/{inner.name}")

    yield from visit(model, "")


class KerasModel:
    """A model in memory, changed in place."""

    kind = "Keras model"

    def __init__(self, model: Any) -> None:
        self.model = model

    def layers(self) -> list[StoredLayer]:
        found = []
        for path, layer in normalizations(self.model):
            if not layer.built:
                raise LoadError(f"{path} was never built, so that it has no statistics; call the model on one batch first")
            mean, variance = (
                np.asarray(keras_module().ops.convert_to_numpy(value)) for value in (layer.moving_mean, layer.moving_variance)
            )
            found.append(
                StoredLayer(
                    path,
                    path,
                    mean.astype(np.float64),
                    variance.astype(np.float64),
                    float(layer.epsilon),
                    mean.dtype.name,
                    float(np.finfo(mean.dtype).max),
                )
            )
        return found

    def put(self, name: str, mean: np.ndarray, variance: np.ndarray) -> None:
        layer = dict(normalizations(self.model))[name]
        for variable, values in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            variable.assign(values.astype(variable.dtype))

    def digest(self) -> str:
        convert = keras_module().ops.convert_to_numpy
        return digest_of_arrays(
            {f"{number} {variable.path}": np.asarray(convert(variable)) for number, variable in enumerate(self.model.variables)}
        )

    def save(self, path: str) -> None:
        self.model.save(path)


class KerasFile(KerasModel):
    """A .keras file. Layers of one's own must be registered with Keras before, as for keras.saving.load_model."""

    def __init__(self, path: str) -> None:
        keras = keras_module()
        try:
            model = keras.saving.load_model(path)
        except Exception as error:  # Keras gives many kinds
            raise LoadError(f"{path}: Keras does not read it: {str(error).splitlines()[0]}") from error
        super().__init__(model)
