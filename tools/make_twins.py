#!/usr/bin/env python3
"""Make Tests/Fixtures/twins: files of which each layer is there twice, under /odd as other programs may store it and under /plain
as NumPy's arrays. bn-stream must give the same results for both, to the last bit.

The root attribute `configuration` is the run's configuration as JSON; attributes of /odd/<layer>, but those that bn-stream knows,
say what the summary's layer must hold. Twins are in the folder twins, by theme. Needs h5py, hdf5plugin and NumPy.
"""

from __future__ import annotations

import pathlib
import shutil

import h5py
import hdf5plugin
import numpy as np
from bn_stream.hdf5_layers import NEWEST, READ_BY_ALL, SMALL, put, set_attributes
from made_files import FIXTURES, versions
from twins.edges import edges
from twins.forms import formats, masks, vectors
from twins.links import links
from twins.never_written import never_written
from twins.twin import Twins

CONFIGURATION = '{"batch_size": 8}'
# The name of a file, its twins, its format.
FILES = [("vectors", vectors, SMALL), ("masks", masks, SMALL), ("formats", formats, SMALL), ("links", links, SMALL),
         ("edges", edges, NEWEST),
         ("never_written", never_written, READ_BY_ALL), ("never_written_newest", never_written, NEWEST)]


def write(path: pathlib.Path, twins: Twins, libver: tuple[str, str]) -> int:
    """Make one file; how many layers it holds twice."""
    count = 0
    with h5py.File(path, "w", libver=libver) as file:
        set_attributes(file, {"configuration": np.bytes_(CONFIGURATION),
                              "versions": np.bytes_(versions(h5py, np))})
        for twin in twins:
            odd = file.create_group(f"odd/{twin.name}")
            twin.odd(odd)
            set_attributes(odd, twin.facts)
            plain = file.create_group(f"plain/{twin.name}")
            for name, values in twin.plain.items():
                values(plain, name) if callable(values) else put(plain, name, values)
            count += 1
    return count


def main() -> None:
    folder = FIXTURES / "twins"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, twins, libver in FILES:
        path = folder / f"{name}.h5"
        print(f"{write(path, twins(), libver):4} layers {path.stat().st_size:8} bytes  {name}")


if __name__ == "__main__":
    main()
