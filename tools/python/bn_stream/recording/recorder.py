"""The recorder: listens to a model's BatchNorm layers while a `with` block runs, and makes a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import torch

from bn_stream.errors import RecorderError
from bn_stream.recording import ranks
from bn_stream.recording.calls import BatchNormCall, listening, replaced_forward
from bn_stream.recording.chosen_layers import Choice, chosen_layers, inner_model, is_compiled
from bn_stream.recording.expected import write_expected
from bn_stream.recording.kept_statistics import kept_statistics
from bn_stream.recording.progress import Progress
from bn_stream.recording.recorded_layer import RecordedLayer, is_in_backward
from bn_stream.recording.recording_file import RecordingFile
from bn_stream.recording.storage import Storage


class ActivationRecorder:
    """Writes the BatchNorm layers of `model` to the HDF5 file `path`; docs/python.md describes the layout.

    samples: how many samples each layer will receive, if known: the datasets are then contiguous from the start. Otherwise they
        grow by chunks, and closing copies them into contiguous ones (`repack=False` leaves them chunked).
    expected: also write PyTorch's float64 results under /expected.
    layers: which modules to record: patterns of their names, or a function of a name; all BatchNorm layers by default.
    force: replace an existing file, and the beginning of one.
    limit: at most so many samples of each layer, in whole batches; `is_full` says when there are no more to come.
    element_type: "float16", "bfloat16" or "float32", to which activations and gradients are rounded; their own by default.
    gzip: a level of compression, 1 to 9; the datasets stay chunked.
    gradient_scale: what the loss is multiplied by before `backward()`: a number, a GradScaler, or a function that says it. Gradients
        are divided by it; the attribute `gradient_scale` says that they were.
    restore: put the model's running statistics back afterwards, which recording in training mode moves as training does; False: it
        is known and meant. By default they stay moved, with a warning.
    resumable: keep what is recorded when an exception ends the recording; the next recorder of the same file goes on behind the
        first `passes` passes.
    passes_expected: how many forward passes there will be, for progress and for what the disk must hold.
    progress: say on standard error how far it is.

    With several ranks of torch.distributed each writes a file of its own, and the last one to close joins them (`ranks`).

    The file appears under its name when everything is written; after an error nothing is left. Raises `RecorderError`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        path: str | os.PathLike[str],
        *,
        samples: int | None = None,
        expected: bool = False,
        repack: bool = True,
        layers: Choice = None,
        force: bool = False,
        limit: int | None = None,
        element_type: str | None = None,
        gzip: int = 0,
        gradient_scale: Any = 1.0,
        restore: bool | None = None,
        resumable: bool = False,
        passes_expected: int | None = None,
        progress: bool = False,
    ) -> None:
        self._final_path = os.fspath(path)
        self._rank = ranks.own_rank()
        self.path = ranks.path_of_rank(self._final_path, self._rank) if self._rank else self._final_path
        self.expected = expected
        self._storage = Storage(samples, element_type, gzip)
        self.repack = repack and samples is None and not gzip
        for there in {self.path, self._final_path}:
            if os.path.exists(there) and not force:
                raise RecorderError(f"{there} exists; pass force=True to replace it")
        self._model = inner_model(model)
        self._needs_eager = is_compiled(model)
        chosen = chosen_layers(model if isinstance(model, torch.jit.ScriptModule) else self._model, layers)
        self._layers = [RecordedLayer(name, module, self._storage, limit, _scale(gradient_scale)) for name, module in chosen.items()]
        if expected and any(layer.path.split("/")[1] == "expected" for layer in self._layers):
            raise RecorderError("a module is named `expected`, where the expected results would go; record without them")
        self._restore = restore
        self._resumable = resumable
        self._depth = 0
        #: Forward passes of the model that are recorded whole: with `resumable` so many are to be left out of the data at first.
        self.passes = 0
        self._whole: list[int] = [0] * len(self._layers)
        self._is_passing = False
        goes_on = resumable and os.path.exists(self.path + ".partial") and not force
        self._recording = RecordingFile(self.path, self.repack, goes_on)
        if goes_on:
            self._go_on()
        self._progress = Progress(self.path, passes_expected, progress)

    @property
    def _file(self) -> h5py.File:
        return self._recording.root

    @property
    def is_full(self) -> bool:
        """True when the limit leaves nothing more to record."""
        used = [layer for layer in self._layers if layer.statistics]
        return bool(used) and all(layer.is_full for layer in used)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record every forward and backward pass that runs inside the `with` block."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(kept_statistics(self._model, self._restore))
            if self._needs_eager:
                stack.enter_context(_eager())
            for layer in self._layers:
                stack.enter_context(listening(layer.module, self._before(layer), self._taker(layer)))
            stack.enter_context(replaced_forward(self._model, self._passing(self._model.forward)))
            yield
            self._finish_pass(at_end=True)

    def _before(self, layer: RecordedLayer) -> Callable[[], None]:
        def before() -> None:
            self._depth = layer.before_forward(self._depth)

        return before

    def _taker(self, layer: RecordedLayer) -> Callable[[BatchNormCall], None]:
        return lambda call: layer.take(self._file.require_group(layer.path), call)

    def _passing(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The model's forward, of which each call is the end of the pass before, its backward pass included."""

        def passing(*args: Any, **kwargs: Any) -> Any:
            if not is_in_backward():
                self._finish_pass()
                self._is_passing = True
            return forward(*args, **kwargs)

        return passing

    def _finish_pass(self, at_end: bool = False) -> None:
        batches = [layer.batches for layer in self._layers]
        if batches != self._whole:
            self.passes += 1
            self._whole = batches
        if at_end or self._is_passing:
            used = [layer for layer in self._layers if layer.batches]
            written = sum(_size(self._file[layer.path], layer.offsets[-1]) for layer in used)
            self._progress.passed(self.passes, max((layer.offsets[-1] for layer in used), default=0), len(used), written, at_end)
        self._is_passing = False

    def close(self) -> None:
        """Finish the file and give it its name."""
        try:
            used = [layer for layer in self._layers if layer.statistics]
            for layer in self._layers:
                if layer in used:
                    layer.finish(self._file[layer.path], self._storage.samples)
                else:
                    warnings.warn(f"{layer.name} was never used while recording and is not in the file", stacklevel=2)
            if not used:
                raise RecorderError("nothing was recorded; run the model inside `with recorder.recording():`")
            self._recording.repack()
            if self.expected:
                for layer in used:
                    write_expected(self._file[layer.path], self._file.require_group("/expected" + layer.path))
            if self._rank:
                ranks.mark(self._file, self._rank, [layer.path for layer in used if isinstance(layer.module, torch.nn.SyncBatchNorm)])
            self._recording.finish()
        except BaseException:
            self._recording.drop()
            raise
        if self._rank:
            ranks.join_if_complete(self._final_path, self._rank)

    def abandon(self) -> None:
        """Close without keeping anything but, if it is to be resumable, the passes that are whole."""
        if self._resumable and self.passes and not self._storage.samples:
            for layer, batches in zip(self._layers, self._whole):
                if batches:
                    layer.cut(self._file[layer.path], batches)
                    layer.write_offsets(self._file[layer.path])
            self._file.attrs["recorded_passes"] = self.passes
            self._recording.keep()
        else:
            self._recording.drop()

    def _go_on(self) -> None:
        """Take over what an earlier recorder left."""
        self.passes = int(self._file.attrs.pop("recorded_passes", 0))
        if not self.passes:
            self._recording.keep()
            raise RecorderError(f"{self._recording.partial} is not the beginning of a recording; remove it, or pass force=True")
        for layer in self._layers:
            if layer.path in self._file and "batch_offsets" in self._file[layer.path]:
                layer.go_on(self._file[layer.path])
        self._whole = [layer.batches for layer in self._layers]
        self._depth = max((layer.depth + 1 for layer in self._layers if layer.depth is not None), default=0)

    def __enter__(self) -> ActivationRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close() if kind is None else self.abandon()


def _scale(given: Any) -> Callable[[], float]:
    """The loss's factor, from a number, a GradScaler or a function."""
    if hasattr(given, "get_scale"):
        return given.get_scale
    return given if callable(given) else lambda: given


def _size(group: h5py.Group, samples: int) -> int:
    """Bytes that the tensors of a layer take in the finished file, of so many samples; compressed ones what they take now."""
    total = 0
    for dataset in (group[key] for key in ("activations", "grad_output") if key in group):
        is_compressed = dataset.compression is not None
        total += (
            dataset.id.get_storage_size() if is_compressed else samples * dataset.id.get_type().get_size() * math.prod(dataset.shape[1:])
        )
    return total


def _eager() -> contextlib.AbstractContextManager:
    """torch.compile compiles nothing, and what is compiled runs as it was written: compiled code does not call what is listened to."""
    if not hasattr(torch.compiler, "set_stance"):
        raise RecorderError(
            f"the model went through torch.compile, which PyTorch {torch.__version__} cannot undo for a while; record the model before that"
        )
    return torch.compiler.set_stance("force_eager")
