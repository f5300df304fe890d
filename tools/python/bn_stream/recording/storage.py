"""How tensors of PyTorch are stored: element types, and bits."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import torch
from h5py import h5t

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import bfloat16_type
from bn_stream.recording.recording_file import check_gzip, write_part

ELEMENT_TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


def bits(tensor: torch.Tensor) -> tuple[np.ndarray, h5t.TypeID]:
    """The tensor's bits in the processor's memory with their HDF5 type."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy(), bfloat16_type()
    array = tensor.numpy()
    return array, h5t.py_create(array.dtype)


@dataclasses.dataclass(frozen=True)
class Storage:
    """samples: of each layer, if known: the datasets are then contiguous from the start. Otherwise they grow by chunks.
    element_type: what activations and gradients are rounded to, None for their own. gzip: a level of 1 to 9, 0 for none."""

    samples: int | None = None
    element_type: str | None = None
    gzip: int = 0

    def __post_init__(self) -> None:
        if self.element_type is not None and self.element_type not in ELEMENT_TYPES:
            raise RecorderError(f"{self.element_type} is no element type; there is {', '.join(ELEMENT_TYPES)}")
        check_gzip(self.gzip)
        if self.gzip and self.samples is not None:
            raise RecorderError("compressed datasets are chunked, and samples= makes contiguous ones; leave one of them out")

    def converted(self, tensor: torch.Tensor, place: str) -> torch.Tensor:
        """Rounded to the element type. A finite number that it does not hold is an error."""
        if self.element_type is None:
            return tensor
        rounded = tensor.to(ELEMENT_TYPES[self.element_type])
        if rounded.dtype != tensor.dtype and not torch.equal(rounded.isfinite(), tensor.isfinite()):
            raise RecorderError(
                f"{place} has numbers that {self.element_type} does not hold, up to {tensor[tensor.isfinite()].abs().max().item():g}; "
                "store them as bfloat16 or float32"
            )
        return rounded

    def write(self, group: h5py.Group, key: str, start: int, tensor: torch.Tensor, place: str) -> None:
        """Write `tensor` [n, ...] to the dataset `key` from sample `start` on; the first call makes the dataset."""
        array, kind = bits(self.converted(tensor.detach(), f"{key} of {place}"))
        write_part(group, key, start, array, kind, place, self.samples, self.gzip)
