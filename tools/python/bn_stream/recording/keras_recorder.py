"""The recorder's twin for Keras 3, on any of its backends: what enters BatchNormalization layers, forward."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bn_stream.errors import RecorderError
from bn_stream.models.keras_model import keras_module, normalizations
from bn_stream.recording.array_layer import ArrayLayer, chosen_paths
from bn_stream.recording.recording_file import RecordingFile, check_gzip


class KerasRecorder:
    """Writes what enters the BatchNormalization layers of `model` to the HDF5 file `path`.

    layers, limit, element_type, gzip, force: as for ActivationRecorder; a layer is named by its path, "/block/bn2". Call the model itself,
    `model(x, training=...)`, inside `recording()`: what predict and fit compile is not seen, and is refused. Gradients are not recorded.

    training: lets the recorded layers, and no other, normalize as in training (True) or in evaluation (False), however the model is called.

    The attributes are Keras's in bn-stream's terms: `momentum` is 1 - momentum, `feature_axis` the layer's, and the running variance is
    biased. A mask that Keras hands to a layer becomes the layer's dataset `mask`.
    """

    def __init__(
        self,
        model: Any,
        path: str | os.PathLike[str],
        *,
        layers: Any = None,
        limit: int | None = None,
        element_type: str | None = None,
        gzip: int = 0,
        force: bool = False,
        training: bool | None = None,
    ) -> None:
        self.path = os.fspath(path)
        if os.path.exists(self.path) and not force:
            raise RecorderError(f"{self.path} exists; pass force=True to replace it")
        check_gzip(gzip)
        found = dict(normalizations(model))
        if not found:
            raise RecorderError(f"{model.name} has no BatchNormalization layer to record")
        self._layers = {
            name: (found[name], ArrayLayer(name, name, limit, element_type, gzip)) for name in chosen_paths(list(found), layers, "model")
        }
        self._depths: dict[str, int] = {}
        self._training = training
        self._error: RecorderError | None = None
        self._recording = RecordingFile(self.path, repack=not gzip)

    @property
    def is_full(self) -> bool:
        """True when the limit leaves nothing more to record."""
        used = [layer for _, layer in self._layers.values() if len(layer.offsets) > 1]
        return bool(used) and all(layer.is_full for layer in used)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record every call of the model inside the `with` block."""
        try:
            for name, (module, layer) in self._layers.items():
                module.call = self._listening(name, module, layer, module.call)
            yield
        except Exception:
            # Keras puts words of its own around what is raised in a layer.
            if self._error is not None:
                raise self._error from None
            raise
        finally:
            for module, _ in self._layers.values():
                module.__dict__.pop("call", None)

    def _listening(self, name: str, module: Any, layer: ArrayLayer, call: Callable[..., Any]) -> Callable[..., Any]:
        def listening(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            training = training if self._training is None else self._training
            try:
                take(inputs, training, mask)
            except RecorderError as error:
                self._error = error
                raise
            return call(inputs, training=training, mask=mask)

        def take(inputs: Any, training: bool | None, mask: Any) -> None:
            keras = keras_module()
            if isinstance(inputs, keras.KerasTensor):
                return  # a model is being built
            is_training = bool(training) and module.trainable
            if is_training and (getattr(module, "renorm", False) or getattr(module, "synchronized", False)):
                raise RecorderError(f"{name} renormalizes or synchronizes in training, and bn-stream does not; record with training=False")
            depth = self._depths.setdefault(name, len(self._depths))
            vectors = {
                key: self._numbers(name, getattr(module, own, None))
                for key, own in (("gamma", "gamma"), ("beta", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance"))
            }
            attributes = {
                "epsilon": float(module.epsilon),
                "momentum": 1 - float(module.momentum),
                "running_variance": "biased",
                "feature_axis": int(module.axis) if module.axis > 0 else int(module.axis) + len(inputs.shape),
                "statistics": "batch" if is_training else "running",
                "depth": depth,
                "framework": f"Keras {keras.__version__}",
            }
            watched = ("gamma", "beta") if is_training else tuple(vectors)
            layer.take(self._recording.root, self._numbers(name, inputs), vectors, attributes, watched, self._numbers(name, mask))

        return listening

    @staticmethod
    def _numbers(name: str, value: Any) -> np.ndarray | None:
        """As an array; a value that is not there yet, because it is being compiled, is an error."""
        if value is None:
            return None
        try:
            return np.asarray(keras_module().ops.convert_to_numpy(value))
        except Exception as error:  # each backend has its own
            raise RecorderError(
                f"{name} is being compiled, and has no numbers; call model(x, training=False) instead of predict or fit"
            ) from error

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            used = {name: layer for name, (_, layer) in self._layers.items() if len(layer.offsets) > 1}
            for name in self._layers:
                if name not in used:
                    warnings.warn(f"{name} was never used while recording and is not in the file", stacklevel=2)
            if not used:
                raise RecorderError("nothing was recorded; call the model inside `with recorder.recording():`")
            for layer in used.values():
                layer.finish(self._recording.root)
            self._recording.repack()
            self._recording.finish()
        except BaseException:
            self._recording.drop()
            raise

    def __enter__(self) -> KerasRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close() if kind is None else self._recording.drop()


def record_passes(
    model: Any,
    batches: Iterable[Any],
    path: str,
    layers: Any = None,
    limit: int | None = None,
    element_type: str | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    gzip: int = 0,
    force: bool = True,
    statistics: str = "running",
) -> None:
    """Record calls of the model over `batches` (inputs, or tuples whose first is the input) in evaluation mode.

    statistics: "batch" lets the chosen layers, and no other, normalize as in training; their own statistics stay.
    """
    run = forward or (lambda model, item: model(item[0] if isinstance(item, (tuple, list)) else item, training=False))
    moving = [variable for _, layer in normalizations(model) for variable in (layer.moving_mean, layer.moving_variance)]
    before = [keras_module().ops.convert_to_numpy(variable).copy() for variable in moving]
    try:
        with (
            KerasRecorder(
                model, path, layers=layers, limit=limit, element_type=element_type, gzip=gzip, force=force, training=statistics == "batch"
            ) as recorder,
            recorder.recording(),
        ):
            for item in batches:
                if recorder.is_full:
                    break
                run(model, item)
    finally:
        for variable, values in zip(moving, before):
            variable.assign(values)
