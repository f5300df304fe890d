"""Where the files that the scripts make lie, and the line in them that says which libraries made them."""

from __future__ import annotations

import pathlib
from types import ModuleType

TOOLS = pathlib.Path(__file__).resolve().parent
FIXTURES = TOOLS.parent / "Tests" / "Fixtures"
SAMPLES = TOOLS / "samples"

# What a library is called, where its module has another name.
NAMES = {"sklearn": "scikit-learn"}


def versions(*modules: ModuleType) -> str:
    """As "h5py 3.16.0, HDF5 2.0.0, numpy 2.4.6": the bytes of a file are the same for the same versions only."""
    words = []
    for module in modules:
        words.append(f"{NAMES.get(module.__name__, module.__name__)} {module.__version__}")
        if module.__name__ == "h5py":
            words.append(f"HDF5 {module.version.hdf5_version}")
    return ", ".join(words)
