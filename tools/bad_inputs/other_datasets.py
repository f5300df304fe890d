"""Gradients, parameters and batch offsets that do not fit the activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bad_inputs.case import BadInput, X
from bad_inputs.making import layer

PAIRS = (("gamma", "weight"), ("beta", "bias"), ("running_mean", "moving_mean"), ("running_var", "moving_variance"))
OFFSETS = {
    "decreasing": ([0, 4, 2, 6], "decreasing"), "start": ([1, 6], "do not start at 0"),
    "beyond": ([0, 3, 7], "end after the last sample"), "short": ([0, 3, 5], "end before the last sample"),
    "negative": ([0, -3, 6], "negative"), "empty": (np.zeros(0, int), "no element"), "rank": ([[0, 3], [3, 6]], "rank 2"),
    "float": ([0.0, 3.0, 6.0], "not integers"), "overflow": (np.array([0, 2**63, 6], "u8"), "2^63")}


def other_datasets() -> Iterator[BadInput]:
    yield BadInput("grad_output_shape", "grad_output of another shape", layer({"grad_output": np.zeros((6, 4), "f4")}),
                   ["/layer/grad_output", "[6, 4]", "[6, 3]"])
    yield BadInput("grad_output_rank", "grad_output of another rank", layer({"grad_output": np.zeros(18, "f4")}),
                   ["/layer/grad_output", "[18]", "[6, 3]"])
    yield BadInput("gamma_shape", "gamma for another number of features", layer({"gamma": np.ones(4, "f4")}),
                   ["/layer/gamma", "[4]", "[3]"])
    yield BadInput("gamma_rank", "gamma of rank 2", layer({"gamma": np.ones((3, 3), "f4")}), ["/layer/gamma", "[3, 3]", "[3]"])
    yield BadInput("gamma_string", "gamma of strings", layer({"gamma": np.full(3, b"one")}), ["/layer/gamma", "string"])
    for names in PAIRS:
        yield BadInput("_and_".join(names), "two names for one thing", layer({name: np.ones(3, "f4") for name in names}),
                       ["/layer", *names])
    for name, (values, about) in OFFSETS.items():
        yield BadInput(f"offsets_{name}", f"batch_offsets: {about}", layer({"batch_offsets": np.asarray(values)}),
                       ["/layer/batch_offsets", *(["integer"] if name == "float" else [])])
    yield BadInput("single_value", "a batch with one value for each feature",
                   layer({"activations": X[:5]}, batch_size=np.int64(4)), ["/layer", "batch", "single_value_batch"])
