"""PyTorch's own results for a recorded layer, in float64: what bn-stream should compute."""

from __future__ import annotations

import h5py
import numpy as np
import torch
from h5py import h5t

from bn_stream.expected_results import PooledMoments, batch_names, over_batches
from bn_stream.hdf5_layers import create_dataset, put_results, read_float64, write_rows
from bn_stream.recording.torch_batch import torch_batch


def write_expected(layer: h5py.Group, expected: h5py.Group) -> None:
    """Compute batch by batch, with `torch.nn.functional.batch_norm` and autograd, the results of `layer`; write them to `expected`.

    One batch is in memory at a time. `batches/mean|var|inv_std` are left out when the layer normalized with its running
    statistics.
    """
    activations, gradients = layer["activations"], layer.get("grad_output")
    offsets, features = layer["batch_offsets"][:], activations.shape[1]
    epsilon, momentum, statistics = float(layer.attrs["epsilon"]), layer.attrs["momentum"], layer.attrs["statistics"]

    def rows(dataset: h5py.Dataset, start: int, stop: int) -> torch.Tensor:
        return torch.from_numpy(read_float64(dataset, start, stop))

    def parameter(key: str, default: float) -> torch.Tensor:
        return rows(layer[key], 0, features) if key in layer else torch.full((features,), default, dtype=torch.float64)

    gamma, beta = parameter("gamma", 1), parameter("beta", 0)
    running = parameter("running_mean", 0), parameter("running_var", 1)  # each batch changes them in place
    tensors = {
        name: create_dataset(expected, name, h5t.IEEE_F64LE, activations.shape)
        for name in ("output", *(["grad_input"] if gradients is not None else []))
    }
    batches, pooled = [], PooledMoments()
    for number, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:])):
        x = rows(activations, start, stop)
        dy = None if gradients is None else rows(gradients, start, stop)
        result = torch_batch(
            x,
            dy,
            gamma,
            beta,
            epsilon,
            running,
            training=statistics == "batch",
            momentum=1 / (number + 1) if momentum == "none" else float(momentum),
        )
        for name, dataset in tensors.items():
            write_rows(dataset, start, result.pop(name).numpy())
        variance, mean = torch.var_mean(x.transpose(0, 1).reshape(features, -1), dim=1, correction=0)
        pooled.add(x.numel() // features, mean, variance)
        result |= {"mean": mean, "var": variance, "inv_std": (variance + epsilon).rsqrt()}
        batches.append({name: value.numpy() for name, value in result.items()} | {"count": stop - start})
    totals = dict(zip(("running_mean", "running_var"), running)) | {"population_mean": pooled.mean, "population_var": pooled.variance}
    results: dict[str, np.ndarray] = {name: value.numpy() for name, value in totals.items()}
    results |= over_batches(batches, batch_names(statistics, gradients is not None), features)
    # Names in `batches` come last: the order of creation is in the file's bytes.
    put_results(expected, dict(sorted(results.items(), key=lambda item: "/" in item[0])))
