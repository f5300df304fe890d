#!/usr/bin/env python3
"""Record what enters every BatchNorm layer of a PyTorch model, for bn-stream.

For each `BatchNorm1d`, `BatchNorm2d`, `BatchNorm3d` or `SyncBatchNorm` the file gets one group, named after the module
("features.0.bn" becomes /features/0/bn; a model that is itself a BatchNorm layer becomes the root group):

    activations             [N, C, ...]   what entered the layer, batch after batch
    grad_output             [N, C, ...]   dL/dy; absent if no backward pass ran
    gamma, beta             [C]           absent if the layer has none (affine=False)
    running_mean, running_var  [C]        as they were before the first recorded batch
    batch_offsets           [batches+1]   batch b is samples batch_offsets[b] ..< batch_offsets[b+1]

and the attributes `epsilon`, `feature_axis` (always 1), `momentum` ("none" when the layer's is None, the cumulative
average, which bn-stream starts anew at the first recorded batch), `statistics` ("batch" or "running": which statistics the
layer normalized with), all of which bn-stream takes for its own settings, and `framework`.

    with ActivationRecorder(model, "acts.h5") as recorder:
        with recorder.recording():                 # hooks are attached only in here
            for x, target in batches:
                loss(model(x), target).backward()  # do not step the optimizer in here

All recorded batches share one set of parameters, so a parameter that changes while recording is an error. A layer that is
applied several times in one forward pass gives one batch for each application. One batch is held in memory at a time.

With `expected=True` the file also holds, under /expected/<layer path>, PyTorch's own results in float64 on the recorded
tensors: what bn-stream should compute.

The recorder itself is in the package `bn_stream` (python/bn_stream/recording); this file is its name from before, and its command line:

    dump_activations.py --model module:function --data module:function --out acts.h5
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable

import torch
from bn_stream import ActivationRecorder, RecorderError

__all__ = ["ActivationRecorder", "RecorderError"]


def resolve(name: str) -> Callable[..., object]:
    """The function that "module:function" names; modules are looked for in the current folder too."""
    module, _, function = name.partition(":")
    if not function:
        raise RecorderError(f"`{name}` should be module:function")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise RecorderError(f"cannot import `{name}`: {error}") from error


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Record the inputs and upstream gradients of a model's BatchNorm layers.")
    parser.add_argument("--model", required=True, metavar="MODULE:FUNCTION", help="returns the torch.nn.Module")
    parser.add_argument("--data", required=True, metavar="MODULE:FUNCTION", help="returns the batches, as pairs (input, target)")
    parser.add_argument("--out", required=True, metavar="FILE", help="the HDF5 file to write")
    parser.add_argument("--checkpoint", metavar="FILE", help="a state_dict to load into the model")
    parser.add_argument("--loss", default="torch.nn.functional:cross_entropy", metavar="MODULE:FUNCTION", help="loss(output, target)")
    parser.add_argument("--batches", type=int, metavar="N", help="stop after N batches")
    parser.add_argument("--eval", action="store_true", help="record in evaluation mode (running statistics)")
    parser.add_argument("--forward-only", action="store_true", help="no backward pass, no grad_output")
    parser.add_argument("--expected", action="store_true", help="add PyTorch's float64 results under /expected")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    return parser.parse_args()


def record(options: argparse.Namespace) -> None:
    """Run the model over the data, as the options say, with a recorder."""
    model = resolve(options.model)()
    if options.checkpoint:
        model.load_state_dict(torch.load(options.checkpoint, map_location="cpu", weights_only=True))
    model.train(not options.eval)
    loss = resolve(options.loss)
    with ActivationRecorder(model, options.out, expected=options.expected, force=options.force) as recorder:
        with recorder.recording(), torch.set_grad_enabled(not options.forward_only):
            for number, (x, target) in enumerate(resolve(options.data)()):
                if number == options.batches:
                    break
                output = model(x)
                if not options.forward_only:
                    loss(output, target).backward()


def main() -> int:
    try:
        record(arguments())
    except (RecorderError, OSError) as error:
        print(f"dump_activations: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
