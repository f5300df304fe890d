"""Record what enters every batch normalization layer of a model, for bn-stream.

    python -m bn_stream record --model mine:make_model --data mine:batches --out acts.h5
    python -m bn_stream record --model 'timm:create_model("resnet18", pretrained=True)' --data images.npy --eval --forward-only --out acts.h5

    python -m bn_stream record --model classifier.onnx --data images.npy --out acts.h5

The model is what the function returns, or an .onnx or .keras file, which runs forward and in evaluation mode; the data gives pairs (input, target), or
inputs alone with --forward-only.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from bn_stream.errors import RecorderError

SUMMARY = "record what enters the batch normalization layers of a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODULE:FUNCTION",
        help="returns the torch.nn.Module, and may have arguments, as mine:make(18, wide=True); or an .onnx or .keras file",
    )
    parser.add_argument(
        "--data", required=True, metavar="MODULE:FUNCTION", help="returns the batches, as pairs (input, target); or an .npy file of inputs"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="the HDF5 file to write")
    parser.add_argument("--checkpoint", metavar="FILE", help="a state_dict to load into the model")
    parser.add_argument("--key", metavar="NAME", help="where in that file the state_dict is")
    parser.add_argument("--loss", default="torch.nn.functional:cross_entropy", metavar="MODULE:FUNCTION", help="loss(output, target)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="samples in a batch of an .npy file (default: 64)")
    parser.add_argument("--batches", type=int, metavar="N", help="stop after N batches")
    parser.add_argument("--limit", type=int, metavar="N", help="stop before a layer has more than N samples")
    parser.add_argument("--layer", action="append", metavar="GLOB", help="only layers whose name matches, as in 'layer1.*'; repeatable")
    parser.add_argument("--eval", action="store_true", help="record in evaluation mode (running statistics)")
    parser.add_argument("--forward-only", action="store_true", help="no backward pass, no grad_output")
    parser.add_argument("--element-type", choices=["float16", "bfloat16", "float32"], help="round activations and gradients to this type")
    parser.add_argument("--gzip", type=int, default=0, metavar="LEVEL", help="compress, 1 (fast) to 9 (small)")
    parser.add_argument(
        "--gradient-scale", type=float, default=1.0, metavar="S", help="multiply the loss by S; gradients are divided by it when written"
    )
    parser.add_argument("--expected", action="store_true", help="add PyTorch's float64 results under /expected")
    parser.add_argument("--progress", action="store_true", help="say on standard error how far it is, and how large the file is")
    parser.add_argument(
        "--resumable", action="store_true", help="keep what is recorded when an error ends it; the same command goes on there"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> None:
    """Run the model over the data, as the options say, with a recorder."""
    if options.model.endswith((".onnx", ".keras")):
        _record_file(options)
        return
    import torch

    from bn_stream.recording.recorder import ActivationRecorder

    tensors = None
    if options.checkpoint:
        from bn_stream.models.torch_model import TorchFile

        tensors = TorchFile(options.checkpoint, options.key).tensors
    model = model_of(options.model, tensors)
    model.train(not options.eval)
    loss = resolve(options.loss)
    if options.data.endswith(".npy") and not options.forward_only:
        raise RecorderError(f"{options.data} has no targets for a loss; say --forward-only")
    data = data_of(options.data, options.batch_size)
    # The model is of this process only: nobody misses its statistics.
    with ActivationRecorder(
        model,
        options.out,
        expected=options.expected,
        force=options.force,
        layers=options.layer,
        limit=options.limit,
        element_type=options.element_type,
        gzip=options.gzip,
        gradient_scale=options.gradient_scale,
        restore=False,
        resumable=options.resumable,
        passes_expected=_length(data, options.batches),
        progress=options.progress,
    ) as recorder:
        done = recorder.passes
        with recorder.recording(), torch.set_grad_enabled(not options.forward_only):
            for number, item in enumerate(data):
                if number == options.batches or recorder.is_full:
                    break
                if number < done:
                    continue
                x, target = _pair(item, options.forward_only)
                output = model(x)
                if not options.forward_only:
                    (loss(output, target) * options.gradient_scale).backward()


def _record_file(options: argparse.Namespace) -> None:
    """A model of another framework, which runs forward and in evaluation mode."""
    from bn_stream.recording.any_model import record

    for name in ("checkpoint", "expected", "resumable", "progress"):
        if getattr(options, name):
            raise RecorderError(f"--{name} is for PyTorch; {options.model} is recorded forward, in evaluation mode, and as it is")
    batches = itertools.islice(data_of(options.data, options.batch_size), options.batches)
    record(
        options.model,
        batches,
        options.out,
        layers=options.layer,
        limit=options.limit,
        element_type=options.element_type,
        gzip=options.gzip,
        force=options.force,
    )


def resolve(name: str, call: bool = False) -> Any:
    """The function that "module:function" names, or with `call` what it returns, where "module:function(1, key='value')" gives arguments.

    Modules are looked for in the current folder too.
    """
    module, _, function = name.partition(":")
    if not function:
        raise RecorderError(f"`{name}` should be module:function")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    attribute, parenthesis, _ = function.partition("(")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RecorderError(f"cannot import `{name}`: {error}") from error
    if not call:
        return found
    positional, named = _arguments(function, name) if parenthesis else ([], {})
    return found(*positional, **named)


def _arguments(expression: str, name: str) -> tuple[list[Any], dict[str, Any]]:
    """Of "function(1, key='value')": numbers, strings, and lists and dictionaries of them."""
    try:
        node = ast.parse(expression, mode="eval").body
        if not isinstance(node, ast.Call):
            raise ValueError("not a call")
        return [ast.literal_eval(value) for value in node.args], {item.arg or "": ast.literal_eval(item.value) for item in node.keywords}
    except (SyntaxError, ValueError) as error:
        raise RecorderError(f"`{name}` should be module:function(arguments), with numbers and strings for arguments: {error}") from error


def model_of(name: str, tensors: Any = None) -> Any:
    """The torch.nn.Module that the function gives, with a state_dict if there is one."""
    import torch

    model = resolve(name, call=True)
    if not isinstance(model, torch.nn.Module):
        raise RecorderError(f"`{name}` returned a {type(model).__name__}, not a torch.nn.Module")
    if tensors is not None:
        from bn_stream.models.torch_model import without_wrappers

        try:
            model.load_state_dict({without_wrappers(key): value for key, value in tensors.items()})
        except RuntimeError as error:
            raise RecorderError(f"the checkpoint does not fit `{name}`: {' '.join(str(error).split())[:300]}") from error
    return model


def data_of(name: str, batch_size: int) -> Any:
    """What gives the batches: what a function returns, or the rows of an .npy file."""
    return _ArrayBatches(name, batch_size) if name.endswith(".npy") else resolve(name, call=True)


class _ArrayBatches:
    """The rows of an .npy file, in batches."""

    def __init__(self, path: str, size: int) -> None:
        import numpy

        try:
            self._rows = numpy.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise RecorderError(f"{path}: {error}") from error
        self._size = size

    def __len__(self) -> int:
        return -(-len(self._rows) // self._size)

    def __iter__(self) -> Iterator[Any]:
        import torch

        for start in range(0, len(self._rows), self._size):
            yield torch.from_numpy(self._rows[start : start + self._size].copy())


def _length(data: Any, batches: int | None) -> int | None:
    if hasattr(data, "__len__"):
        return len(data) if batches is None else min(len(data), batches)
    return batches


def _pair(item: Any, forward_only: bool) -> tuple[Any, Any]:
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    if not forward_only:
        raise RecorderError(
            f"the data gives a {type(item).__name__} where a pair (input, target) should be; for inputs alone say --forward-only"
        )
    return (item[0] if isinstance(item, (tuple, list)) else item), None
