"""The recorder: hooks on a model's BatchNorm layers while a `with` block runs, and the file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator

import h5py
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import READ_BY_ALL, copy_contiguous, set_attributes
from bn_stream.recording.expected import write_expected
from bn_stream.recording.recorded_layer import RecordedLayer


def _open(path: str, mode: str) -> h5py.File:
    return h5py.File(path, mode, libver=READ_BY_ALL)


class ActivationRecorder:
    """Writes the BatchNorm layers of `model` to the HDF5 file `path`; docs/python.md describes the layout.

    samples: how many samples each layer will receive, if known: the datasets are then contiguous from the start. Otherwise they
        grow by chunks, and closing copies them into contiguous ones (`repack=False` leaves them chunked).
    expected: also write PyTorch's float64 results under /expected.
    layers: which module names to record; all BatchNorm layers by default.
    force: replace an existing file.

    The file appears under its name when everything is written; after an error nothing is left. Raises `RecorderError`.
    """

    def __init__(self, model: torch.nn.Module, path: str | os.PathLike[str], *, samples: int | None = None,
                 expected: bool = False, repack: bool = True, layers: Callable[[str], bool] | None = None,
                 force: bool = False) -> None:
        self.path = os.fspath(path)
        self.expected = expected
        self.repack = repack and samples is None
        if os.path.exists(self.path) and not force:
            raise RecorderError(f"{self.path} exists; pass force=True to replace it")
        self._layers = [RecordedLayer(name, module, samples) for name, module in model.named_modules()
                        if isinstance(module, _BatchNorm) and (layers is None or layers(name))]
        if not self._layers:
            raise RecorderError(f"{type(model).__name__} has no BatchNorm layer to record")
        if expected and any(layer.path.split("/")[1] == "expected" for layer in self._layers):
            raise RecorderError("a module is named `expected`, where the expected results would go; record without them")
        self._partial = self.path + ".partial"
        self._file = _open(self._partial, "w")

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record every forward and backward pass that runs inside the `with` block."""
        handles = []
        for layer in self._layers:
            handles.append(layer.module.register_forward_pre_hook(self._before(layer)))
            handles.append(layer.module.register_forward_hook(self._after(layer), with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, layer: RecordedLayer) -> Callable[..., None]:
        return lambda module, inputs: layer.before_forward(self._file.require_group(layer.path))

    def _after(self, layer: RecordedLayer) -> Callable[..., None]:
        def hook(module, inputs, named, output) -> None:  # types as torch declares them
            group = self._file[layer.path]
            batch = layer.append(group, inputs[0] if inputs else named["input"])
            if output.requires_grad:
                # A hook on the tensor sees the sum over all uses of y, and still dL/dy if y is changed in place later (ReLU).
                output.register_hook(lambda dy: layer.write_gradient(group, batch, dy))
        return hook

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            used = [layer for layer in self._layers if layer.statistics]
            for layer in self._layers:
                if layer in used:
                    layer.finish(self._file[layer.path])
                else:
                    warnings.warn(f"{layer.name} was never used while recording and is not in the file", stacklevel=2)
            if not used:
                raise RecorderError("nothing was recorded; run the model inside `with recorder.recording():`")
            if self.repack:
                self._repack()
            if self.expected:
                for layer in used:
                    write_expected(self._file[layer.path], self._file.require_group("/expected" + layer.path))
            self._file.close()
            os.replace(self._partial, self.path)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Close without keeping anything."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._partial)

    def _repack(self) -> None:
        """Copy everything into a new file with contiguous datasets."""
        packed_path = self._partial + ".packed"
        try:
            with _open(packed_path, "w") as packed:
                copy_contiguous(self._file, packed)
                set_attributes(packed, dict(self._file.attrs))
            self._file.close()
            os.replace(packed_path, self._partial)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(packed_path)
        self._file = _open(self._partial, "r+")

    def __enter__(self) -> ActivationRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close() if kind is None else self.abandon()
