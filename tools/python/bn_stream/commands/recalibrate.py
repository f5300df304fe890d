"""Give a model the statistics of your data: record, compute, load, until nothing moves any more.

    python -m bn_stream recalibrate --model mine:make_model --checkpoint model.pt --data mine:batches --out recalibrated.pt
    python -m bn_stream recalibrate --model classifier.onnx --data images.npy --out recalibrated.onnx

The data is gone through once for each round. Needs the program bn-stream on the PATH, or in the environment variable BN_STREAM.
"""

from __future__ import annotations

import argparse
import sys

SUMMARY = "record, compute and load until a model's statistics agree with each other"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODULE:FUNCTION",
        help="returns the torch.nn.Module, and may have arguments, as mine:make(18, wide=True); or an .onnx or .keras file",
    )
    parser.add_argument(
        "--data", required=True, metavar="MODULE:FUNCTION", help="returns the batches: inputs, or pairs (input, target); or an .npy file"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="the model to write")
    parser.add_argument("--checkpoint", metavar="FILE", help="a state_dict to load into the model; what else is in its file is kept")
    parser.add_argument("--key", metavar="NAME", help="where in that file the state_dict is")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="samples in a batch of an .npy file (default: 64)")
    parser.add_argument("--batches", type=int, metavar="N", help="stop after N batches")
    parser.add_argument("--limit", type=int, metavar="N", help="stop before a layer has more than N samples")
    parser.add_argument("--layer", action="append", metavar="GLOB", help="only layers whose name matches; repeatable")
    parser.add_argument(
        "--estimator", default="population", choices=["population", "mean_of_batches"], help="which statistics (default: population)"
    )
    parser.add_argument(
        "--prior", type=float, default=0, metavar="N", help="let the model's own statistics weigh as N samples (default: 0)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=1e-3, metavar="T", help="settled when nothing moves by T standard deviations (default: 0.001)"
    )
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="at most so many (default: 10)")
    parser.add_argument("--sweep", action="store_true", help="one layer after the other instead of rounds")
    parser.add_argument(
        "--start", choices=["batch", "running"], help="what layers normalize with in the first round (default: batch; running for ONNX)"
    )
    parser.add_argument("--element-type", choices=["float16", "bfloat16", "float32"], help="round what is recorded to this type")
    parser.add_argument("--folder", metavar="FOLDER", help="where recordings lie meanwhile (default: the system's for temporary files)")
    parser.add_argument("--receipt", metavar="FILE", help="where to write the receipt (default: OUT.receipt.json)")
    parser.add_argument("--force", action="store_true", help="replace an existing model and receipt")


def run(options: argparse.Namespace) -> None:
    import itertools

    from bn_stream.commands.record import data_of, model_of
    from bn_stream.models.opening import open_model
    from bn_stream.recalibrating import recalibrate
    from bn_stream.tables import counted
    from bn_stream.whole_files import refuse_existing, write_whole

    receipt_path = options.receipt or options.out + ".receipt.json"
    for path in (options.out, receipt_path):
        refuse_existing(path, options.force)
    file = None
    if options.model.endswith((".onnx", ".keras")):
        model = open_model(options.model).model  # type: ignore[attr-defined]
    elif options.checkpoint:
        file = open_model(options.checkpoint, options.key)
        model = model_of(options.model, file.tensors)  # type: ignore[attr-defined]
    else:
        model = model_of(options.model)
    found = recalibrate(
        model,
        lambda: itertools.islice(data_of(options.data, options.batch_size), options.batches),
        estimator=options.estimator,
        prior=options.prior,
        tolerance=options.tolerance,
        rounds=options.rounds,
        sweep=options.sweep,
        start=options.start,
        layers=options.layer,
        limit=options.limit,
        element_type=options.element_type,
        folder=options.folder,
        told=lambda line: print(line, file=sys.stderr),
    )
    stored = open_model(model)
    if file:
        names = {layer.path: layer.name for layer in file.layers()}
        for layer in stored.layers():
            file.put(names[layer.path], layer.mean, layer.variance)
    write_whole(options.out, file.save if file else stored.save, options.force)
    found.save(receipt_path, options.force)
    sys.stdout.write(f"{found}{options.out}: {counted(len(found.receipt.layers), 'layer')} by {options.estimator}; receipt: {receipt_path}\n")
