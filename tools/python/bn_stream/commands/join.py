"""Join what the ranks of torch.distributed recorded, each into a file of its own, where the last of them could not do it by itself.

python -m bn_stream join acts.rank-*-of-4.h5 --out acts.h5
"""

from __future__ import annotations

import argparse

SUMMARY = "join the files of several ranks of torch.distributed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="the files of all ranks of one recording")
    parser.add_argument("--out", required=True, metavar="FILE", help="the HDF5 file to write")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> None:
    from bn_stream.errors import needed
    from bn_stream.whole_files import refuse_existing

    needed("torch", "join")
    from bn_stream.recording.ranks import join_ranks

    refuse_existing(options.out, options.force)
    join_ranks(options.files, options.out)
