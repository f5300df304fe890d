#!/usr/bin/env python3
"""Compute the landscape of `bn-stream explain landscape` once more, in float64 PyTorch, from the parameters that it recorded.

    bn-stream explain landscape --steps 40 --out landscape.h5
    tools/landscape_twin.py landscape.h5 Tests/Fixtures/landscape_twin.json

At each recorded step the network is restarted from the recorded parameters on the recorded samples: whole trainings part ways, since
without batch normalization a difference of 6e-16 grows to 0.15 in 200 steps. Autograd computes all gradients here.
"""

from __future__ import annotations

import json
import pathlib
import sys

import h5py
import numpy as np
import sklearn
import torch
from made_files import versions
from sklearn.datasets import load_digits
from torch.nn import functional

RATE = 0.1
DISTANCES = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4)
SIZES = (64, 64, 64, 64, 64, 64, 10)


def loss(parameters: torch.Tensor, x: torch.Tensor, labels: torch.Tensor, normalizes: bool) -> torch.Tensor:
    start = 0

    def take(*shape: int) -> torch.Tensor:
        nonlocal start
        count = int(np.prod(shape))
        start += count
        return parameters[start - count:start].reshape(shape)

    for inputs, outputs in zip(SIZES[:-2], SIZES[1:-1], strict=True):
        x = x @ take(inputs, outputs)
        if normalizes:
            x = functional.batch_norm(x, None, None, take(outputs), take(outputs), training=True, eps=1e-5)
        else:
            x = x + take(outputs)
        x = torch.relu(x)
    logits = x @ take(SIZES[-2], SIZES[-1]) + take(SIZES[-1])
    if start != len(parameters):
        raise ValueError(f"{start} parameters were used of {len(parameters)}")
    return functional.cross_entropy(logits, labels)


def with_gradient(parameters: torch.Tensor, *batch: object) -> tuple[float, torch.Tensor]:
    parameters = parameters.detach().requires_grad_()
    value = loss(parameters, *batch)
    value.backward()
    return value.item(), parameters.grad


def main(source: str, target: str) -> None:
    torch.set_num_threads(1)
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float64)
    labels = torch.tensor(digits.target)
    twin: dict[str, object] = {"made_by": "tools/landscape_twin.py", "versions": versions(torch, sklearn, np)}
    with h5py.File(source) as file:
        for variant in ("without", "with"):
            group = file[variant]
            rows = []
            for step, samples, parameters in zip(group["recorded_steps"][:], group["recorded_samples"][:],
                                                 group["recorded_parameters"][:], strict=True):
                chosen = samples.astype(int)
                batch = images[chosen], labels[chosen], variant == "with"
                here = torch.tensor(parameters)
                first, gradient = with_gradient(here, *batch)
                along = [with_gradient(here - distance * RATE * gradient, *batch) for distance in DISTANCES]
                changes = [(there - gradient).norm().item() for _, there in along]
                rows.append({
                    "step": int(step), "loss": first, "loss_low": min(value for value, _ in along),
                    "loss_high": max(value for value, _ in along), "predictiveness": max(changes),
                    "smoothness": max(change / (distance * RATE * gradient.norm().item())
                                      for change, distance in zip(changes, DISTANCES, strict=True))})
            twin[variant] = rows
    pathlib.Path(target).write_text(json.dumps(twin, indent=1) + "\n")
    print(f"{target}: {len(twin['with'])} steps with and without batch normalization")


if __name__ == "__main__":
    main(*sys.argv[1:])
