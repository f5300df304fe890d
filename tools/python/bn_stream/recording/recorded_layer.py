"""One BatchNorm layer while it is recorded, and the checks that what is recorded is of one piece."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import torch
from h5py import h5t
from torch.nn.modules.batchnorm import _BatchNorm

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import put_bits, read_bits, set_attributes
from bn_stream.recording.calls import BatchNormCall, difference_from_batch_norm
from bn_stream.recording.storage import Storage, bits

#: How far the output of a module may be from batch normalization, by the greatest output: rounding, and no more.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def is_in_backward() -> bool:
    """True while autograd runs, as it does when torch.utils.checkpoint computes a forward pass again."""
    return torch._C._current_graph_task_id() != -1


class RecordedLayer:
    """A module and the group its batches go to. Methods get the group: the file may be another one after it was repacked."""

    def __init__(self, name: str, module: _BatchNorm, storage: Storage, limit: int | None, gradient_scale: Callable[[], float]) -> None:
        self.name = name or "(the model itself)"
        self.path = "/" + name.replace(".", "/")
        self.module = module
        self.offsets = [0]
        self.statistics = ""  # until the first batch
        self.depth: int | None = None
        self.is_full = False
        self.scales: dict[int, float] = {}
        self._storage = storage
        self._limit = limit
        self._gradient_scale = gradient_scale
        self._is_new = True  # of this process; a continued layer may have batches already
        self._parameters: dict[str, torch.Tensor] = {}
        self._running: dict[str, torch.Tensor] = {}
        self._hooked = 0  # batches whose gradient may come

    @property
    def batches(self) -> int:
        return len(self.offsets) - 1

    def before_forward(self, next_depth: int) -> int:
        """Keep the running statistics from before the first batch, which changes them; the number that comes next in depth."""
        if self._is_new and not is_in_backward():
            statistics = {"running_mean": self.module.running_mean, "running_var": self.module.running_var}
            self._running = {key: value.detach().clone() for key, value in statistics.items() if value is not None}
        if self.depth is None:
            self.depth, next_depth = next_depth, next_depth + 1
        return next_depth

    def take(self, group: h5py.Group, call: BatchNormCall) -> None:
        """Write a batch, and have its gradient written when it comes."""
        if is_in_backward():
            if self._hooked < self.batches:
                raise RecorderError(
                    f"{self.name} is computed again in the backward pass, by torch.utils.checkpoint with use_reentrant=True, whose first pass has no "
                    "gradient; pass use_reentrant=False, or switch checkpointing off while recording"
                )
            return  # the same batch once more
        self._check(group, call)
        if self.is_full or self._limit is not None and self.offsets[-1] + call.x.shape[0] > self._limit:
            if not self.batches:
                raise RecorderError(
                    f"the first batch of {self.name} has {call.x.shape[0]} samples, more than the limit of {self._limit}; "
                    "only whole batches are recorded"
                )
            self.is_full = True
            return
        batch = self.batches
        self._storage.write(group, "activations", self.offsets[-1], call.x, self.name)
        self.offsets.append(self.offsets[-1] + call.x.shape[0])
        if call.y.requires_grad:
            self._hooked += 1
            # A hook on the tensor sees the sum over all uses of y, and still dL/dy if y is changed in place later (ReLU).
            call.y.register_hook(lambda dy: self._write_gradient(group.file[self.path], batch, dy))

    def _check(self, group: h5py.Group, call: BatchNormCall) -> None:
        """Write what holds for all batches before the first one; afterwards check that it still holds."""
        statistics = "batch" if call.is_training else "running"
        parameters = {key: value for key, value in (("gamma", call.gamma), ("beta", call.beta)) if value is not None}
        if self._is_new:
            self._is_new = False
            if call.is_whole_module:
                self._check_first(call)
            self._parameters = {key: value.detach().clone() for key, value in parameters.items()}
            if not self.statistics:
                self._write_head(group, statistics, call.epsilon)
            self.statistics = self.statistics or statistics
            self._compare_with_file(group, statistics)
        if statistics != self.statistics:
            raise RecorderError(f"{self.name} changed between training and evaluation mode while recording; use one recorder for each mode")
        for key, value in self._parameters.items():
            if not torch.equal(parameters[key], value):
                raise RecorderError(f"{key} of {self.name} changed while recording; do not step the optimizer inside recording()")

    def _check_first(self, call: BatchNormCall) -> None:
        if isinstance(self.module, torch.nn.SyncBatchNorm) and call.is_training and _world_size() > 1:
            return  # normalized with the statistics of all ranks, which none of them has
        difference = difference_from_batch_norm(call)
        if not difference <= TOLERANCES.get(call.y.dtype, 1e-4):
            raise RecorderError(
                f"{self.name} is a {type(self.module).__name__}, which does not only normalize: its first output differs by {difference:.2g} of "
                "its greatest value from torch.nn.functional.batch_norm of its input; leave it out with layers=, or let it call that function"
            )

    def _write_head(self, group: h5py.Group, statistics: str, epsilon: float) -> None:
        for key, value in (self._parameters | self._running).items():
            put_bits(group, key, *bits(value))
        momentum = "none" if self.module.momentum is None else float(self.module.momentum)
        set_attributes(
            group,
            {
                "epsilon": float(epsilon),
                "momentum": momentum,
                "feature_axis": 1,
                "statistics": statistics,
                "depth": self.depth,
                "framework": f"PyTorch {torch.__version__}",
            },
        )

    def _compare_with_file(self, group: h5py.Group, statistics: str) -> None:
        """A recording that is continued is one of the same model."""
        expected = self._parameters | (self._running if statistics == "running" else {})
        for key, value in expected.items():
            array, _ = bits(value)
            if key not in group or group[key].shape != array.shape or read_bits(group[key], 0, len(array)).tobytes() != array.tobytes():
                raise RecorderError(
                    f"{key} of {self.name} is not what it was in the part that is recorded already; record anew with force=True"
                )

    def _write_gradient(self, group: h5py.Group, batch: int, dy: torch.Tensor) -> None:
        """Write dy [n, C, ...] of a batch to `grad_output`; backward passes need not come in the order of the forward ones."""
        if batch in self.scales:
            raise RecorderError(f"a second backward pass reached batch {batch} of {self.name}; run backward once for each forward")
        scale = self.scales[batch] = float(self._gradient_scale())
        if scale != 1:
            dy = dy.to(torch.promote_types(dy.dtype, torch.float32)) / scale
        self._storage.write(group, "grad_output", self.offsets[batch], dy, self.name)

    def missing_gradients(self) -> int:
        """How many batches have no gradient, where others have; 0 if none has."""
        return self.batches - len(self.scales) if self.scales else 0

    def finish(self, group: h5py.Group, samples: int | None) -> None:
        """Check that what was recorded is whole, and write `batch_offsets`."""
        if missing := self.missing_gradients():
            raise RecorderError(
                f"{missing} of {self.batches} batches of {self.name} got no gradient; call backward() for each, or for none"
            )
        if samples is not None and self.offsets[-1] != samples:
            raise RecorderError(f"{self.name} received {self.offsets[-1]} samples, but samples={samples}")
        self.write_offsets(group)

    def write_offsets(self, group: h5py.Group) -> None:
        put_bits(group, "batch_offsets", np.array(self.offsets, dtype=np.int64), h5t.STD_I64LE)
        scales = [self.scales[batch] for batch in sorted(self.scales)]
        if any(scale != 1 for scale in scales):
            group.attrs["gradient_scale"] = scales[0] if len(set(scales)) == 1 else np.array(scales)

    # What is needed to go on after an exception.

    def cut(self, group: h5py.Group, batches: int) -> None:
        """Forget all but the first batches, which are whole."""
        self.offsets = self.offsets[: batches + 1]
        self.scales = {batch: scale for batch, scale in self.scales.items() if batch < batches}
        for key in ("activations", "grad_output"):
            if key in group and group[key].shape[0] > self.offsets[-1]:
                group[key].resize(self.offsets[-1], axis=0)

    def go_on(self, group: h5py.Group) -> None:
        """Take over what `write_offsets` left in the group."""
        self.offsets = group["batch_offsets"][:].tolist()
        del group["batch_offsets"]
        self.statistics = group.attrs["statistics"]
        self.depth = int(group.attrs["depth"])
        if "grad_output" in group:
            scales = np.broadcast_to(group.attrs.get("gradient_scale", 1.0), self.batches)
            self.scales = dict(enumerate(scales.tolist()))
            self._hooked = self.batches


def _world_size() -> int:
    distributed = torch.distributed
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
