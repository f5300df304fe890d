"""Put the statistics of a result into a model's file, and write a receipt beside it.

bn-stream --in acts.h5 --out stats.h5 --config configs/recalibrate.json
python -m bn_stream load stats.h5 --into model.pt --out recalibrated.pt
"""

from __future__ import annotations

import argparse
import sys

from bn_stream.estimators import ESTIMATORS

SUMMARY = "put the statistics of a result into a model's file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", metavar="RESULT", help="what bn-stream wrote")
    parser.add_argument("--into", required=True, metavar="MODEL", help="the model: .pt, .pth, .ckpt, .safetensors, .onnx or .keras")
    parser.add_argument("--out", required=True, metavar="FILE", help="the model to write")
    parser.add_argument("--estimator", default="population", choices=ESTIMATORS, help="which statistics (default: population)")
    parser.add_argument(
        "--prior", type=float, default=0, metavar="N", help="let the model's own statistics weigh as N samples (default: 0)"
    )
    parser.add_argument("--layer", action="append", metavar="GLOB", help="only layers whose path matches; repeatable")
    parser.add_argument("--prefix", default="", metavar="TEXT", help="what the model's names have before those of the result, as model.")
    parser.add_argument("--key", metavar="NAME", help="where in a file of PyTorch's the state_dict is")
    parser.add_argument("--receipt", metavar="FILE", help="where to write the receipt (default: FILE.receipt.json)")
    parser.add_argument("--no-input-hash", action="store_true", help="do not read and hash the file that the result was computed from")
    parser.add_argument("--force", action="store_true", help="replace an existing model and receipt")


def run(options: argparse.Namespace) -> None:
    from bn_stream.loading import load
    from bn_stream.tables import counted
    from bn_stream.whole_files import refuse_existing

    receipt_path = options.receipt or options.out + ".receipt.json"
    refuse_existing(receipt_path, options.force)
    receipt = load(
        options.result,
        options.into,
        out=options.out,
        estimator=options.estimator,
        prior=options.prior,
        layers=options.layer or ["*"],
        prefix=options.prefix,
        key=options.key,
        hash_input=not options.no_input_hash,
        force=options.force,
    )
    receipt.save(receipt_path, options.force)
    sys.stdout.write(f"{receipt}{options.out}: {counted(len(receipt.layers), 'layer')} by {options.estimator}; receipt: {receipt_path}\n")
