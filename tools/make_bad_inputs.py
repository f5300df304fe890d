#!/usr/bin/env python3
"""Make Tests/Fixtures/bad: files that bn-stream must refuse, and cases.json, which says how.

Each case of cases.json has `file`, `exit_code`, `message_contains` (every string must be in the one-line error; shapes are
written as [4, 3], numbers without separators) and `about`. The command is `bn-stream --in <file> --out <new file>` without a
configuration. The program must end by itself, without a crash, and leave no output behind.

The cases are in the folder bad_inputs, by theme. Files are damaged by what HDF5 itself writes or by cutting bytes; nothing here
depends on time or chance.
"""

from __future__ import annotations

import json
import pathlib
import shutil

from bad_inputs.activations import activations
from bad_inputs.attributes import attributes
from bad_inputs.case import BadInput
from bad_inputs.chunks import chunks
from bad_inputs.crafted import crafted
from bad_inputs.files import files
from bad_inputs.other_datasets import other_datasets
from made_files import FIXTURES

THEMES = (files, crafted, activations, chunks, other_datasets, attributes)
ABSENT = {"file": "absent.h5", "exit_code": 66, "message_contains": ["absent.h5"], "about": "there is no such file"}


def cases() -> list[BadInput]:
    return [case for theme in THEMES for case in theme()]


def write(folder: pathlib.Path) -> int:
    """Make `folder` anew; how many cases cases.json has, the one of a file that is not there included."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    descriptions = []
    for case in cases():
        case.make(folder / case.file)
        descriptions.append(case.description)
    descriptions.append(ABSENT)
    (folder / "cases.json").write_text(json.dumps(descriptions, indent=1) + "\n")
    return len(descriptions)


def main() -> None:
    folder = FIXTURES / "bad"
    count = write(folder)
    print(f"{count} cases, {sum(path.stat().st_size for path in folder.iterdir())} bytes")


if __name__ == "__main__":
    main()
