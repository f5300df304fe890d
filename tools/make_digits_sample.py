#!/usr/bin/env python3
"""Make tools/samples/digits.h5: two BatchNorm layers of a small network, recorded while it learns scikit-learn's digits.

The network (convolution, BatchNorm2d, ReLU, dense, BatchNorm1d, ReLU, dense) trains for a few epochs on the 8x8 digits;
`ActivationRecorder` then records three batches of 32, 32 and 17 samples with PyTorch's float64 results:

    /features/bn    activations [81, 8, 8, 8]    /head/bn    activations [81, 24]    /expected/...

The loss is summed, not averaged, over a batch so that upstream gradients have ordinary sizes. One thread and fixed seeds: the
same package versions on the same kind of processor give the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict

import h5py
import numpy as np
import sklearn
import torch
from dump_activations import ActivationRecorder
from bn_stream.hdf5_layers import set_attributes
from made_files import SAMPLES, versions
from sklearn.datasets import load_digits
from torch import nn

TARGET = SAMPLES / "digits.h5"
BATCHES = (32, 32, 17)
EPOCHS = 3
TRAINING_BATCH = 64


def make_model() -> nn.Module:
    features = OrderedDict(conv=nn.Conv2d(1, 8, 3, padding=1, bias=False), bn=nn.BatchNorm2d(8), relu=nn.ReLU(inplace=True),
                           pool=nn.AvgPool2d(2), flatten=nn.Flatten())
    head = OrderedDict(dense=nn.Linear(8 * 16, 24, bias=False), bn=nn.BatchNorm1d(24), relu=nn.ReLU(inplace=True),
                       out=nn.Linear(24, 10))
    return nn.Sequential(OrderedDict(features=nn.Sequential(features), head=nn.Sequential(head)))


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(TRAINING_BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()


def main() -> None:
    torch.manual_seed(20)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    model = make_model()
    held_out = sum(BATCHES)
    train(model, images[held_out:], labels[held_out:])
    model.eval()
    with torch.no_grad():
        accuracy = (model(images[:held_out]).argmax(1) == labels[:held_out]).double().mean().item()
    model.train()

    TARGET.parent.mkdir(exist_ok=True)
    with ActivationRecorder(model, TARGET, samples=held_out, expected=True, force=True) as recorder, recorder.recording():
        for rows in torch.arange(held_out).split(BATCHES):
            nn.functional.cross_entropy(model(images[rows]), labels[rows], reduction="sum").backward()

    with h5py.File(TARGET, "r+") as file:
        set_attributes(file, {
            "made_by": "bn-stream tools/make_digits_sample.py", "versions": versions(torch, h5py, np, sklearn),
            "source": "scikit-learn's load_digits: UCI Optical Recognition of Handwritten Digits, CC BY 4.0"})
        for path in ("/features/bn", "/head/bn"):
            dy = file[path]["grad_output"][:]
            print(f"{path}: {dy.shape}, gradients: {np.mean(dy != 0):.0%} not zero, root mean square {np.sqrt(np.mean(dy**2)):.3g}")
    print(f"{TARGET}: {TARGET.stat().st_size} bytes; accuracy on the recorded samples {accuracy:.2f}")


if __name__ == "__main__":
    main()
