"""Show the layers of a result, or write its numbers to a file.

python -m bn_stream read grads.h5                       a row for each layer
python -m bn_stream read grads.h5 --features --out f.csv    a row for each feature
python -m bn_stream read grads.h5 --out all.npz         everything, by path
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from bn_stream.errors import ReadError

SUMMARY = "show the layers of a result, or write its numbers to .csv, .json or .npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", metavar="RESULT", help="what bn-stream wrote")
    parser.add_argument("--features", action="store_true", help="a row for each feature instead of each layer; needs pandas")
    parser.add_argument("--out", metavar="FILE", help="write to .csv, .json (tables) or .npz (all arrays) instead")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> None:
    from bn_stream.reading import Results
    from bn_stream.tables import aligned
    from bn_stream.whole_files import write_whole

    with Results(options.result) as results:
        if options.out:
            write_whole(options.out, lambda path: _write(results, path, options), options.force)
        elif options.features:
            sys.stdout.write(results.feature_table().to_string(index=False) + "\n")
        else:
            rows = results.rows()
            header = list(dict.fromkeys(name for row in rows for name in row))
            sys.stdout.write(aligned(header, [[_cell(row.get(name)) for name in header] for row in rows]))


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _write(results, path: str, options: argparse.Namespace) -> None:
    import numpy

    ending = os.path.splitext(path)[1]
    if ending == ".npz":
        with open(path, "wb") as file:
            numpy.savez(file, **{name.lstrip("/"): values for name, values in results.arrays().items()})
    elif ending == ".csv":
        (results.feature_table() if options.features else results.table()).to_csv(path, index=False)
    elif ending == ".json":
        rows = json.loads(results.feature_table().to_json(orient="records")) if options.features else results.rows()
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2, default=lambda value: value.item() if hasattr(value, "item") else str(value))
    else:
        raise ReadError(f"{options.out}: is neither .csv, .json nor .npz")
