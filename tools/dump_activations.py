#!/usr/bin/env python3
"""Record what enters every BatchNorm layer of a PyTorch model, for bn-stream.

docs/python.md says what the file holds.

The recorder itself is in the package `bn_stream` (python/bn_stream/recording); this file is its name from before, and its command line:

    dump_activations.py --model module:function --data module:function --out acts.h5
"""

from __future__ import annotations

import argparse
import sys

from bn_stream import ActivationRecorder, RecorderError
from bn_stream.commands import record
from bn_stream.errors import ToolError

__all__ = ["ActivationRecorder", "RecorderError"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the inputs and upstream gradients of a model's BatchNorm layers.")
    record.add_arguments(parser)
    try:
        record.run(parser.parse_args())
    except (ToolError, OSError) as error:
        print(f"dump_activations: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
