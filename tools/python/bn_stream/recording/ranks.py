"""Several processes of torch.distributed: each records its own samples, and the files become one, as if one process had seen all.

The file of rank R of W is NAME.rank-R-of-W.h5. Whoever closes last joins them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import uuid

import h5py
import numpy as np
import torch
from h5py import h5t

from bn_stream.errors import RecorderError
from bn_stream.hdf5_layers import COPY_BYTES, READ_BY_ALL, create_dataset, put_bits, read_bits, rows_of, set_attributes, write_rows

TENSORS = ("activations", "grad_output")
_OWN = ("recording", "rank", "ranks", "synchronized")


@dataclasses.dataclass(frozen=True)
class Rank:
    number: int
    count: int
    recording: str  #: tells the files of one recording from those of another


def own_rank() -> Rank | None:
    """None where there is one process only. All ranks call it, as all make a recorder."""
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized() or distributed.get_world_size() == 1:
        return None
    name = [uuid.uuid4().hex]
    distributed.broadcast_object_list(name, src=0)
    return Rank(distributed.get_rank(), distributed.get_world_size(), name[0])


def path_of_rank(path: str, rank: Rank) -> str:
    return f"{os.path.splitext(path)[0]}.rank-{rank.number}-of-{rank.count}.h5"


def mark(file: h5py.File, rank: Rank, synchronized: list[str]) -> None:
    """Write into the file whose it is, and in which layers all ranks' samples were one batch (SyncBatchNorm)."""
    set_attributes(file, {"recording": rank.recording, "rank": rank.number, "ranks": rank.count})
    for path in synchronized:
        file[path].attrs["synchronized"] = True


def join_if_complete(path: str, rank: Rank) -> None:
    """Join the files of all ranks if every one of them is there, and remove them."""
    paths = [path_of_rank(path, dataclasses.replace(rank, number=number)) for number in range(rank.count)]
    if not all(map(os.path.exists, paths)):
        return
    try:
        os.close(os.open(path + ".joining", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return  # another rank does it
    try:
        # Who came here last may find that the one before has finished.
        if all(_is_of(name, rank.recording) for name in paths):
            join_ranks(paths, path)
            for name in paths:
                os.remove(name)
    finally:
        os.remove(path + ".joining")


def _is_of(path: str, recording: str) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("recording") == recording
    except OSError:
        return False


def join_ranks(paths: list[str], out: str) -> None:
    """Make one file of those of the ranks: batch 0 of every rank, then batch 1 of every rank, and so on.

    Where ranks were normalized together (SyncBatchNorm), what they had at the same time is one batch.
    """
    partial = out + ".partial"
    try:
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(h5py.File(path, "r")) for path in paths]
            if len({file.attrs.get("recording") for file in files}) != 1 or {int(file.attrs.get("rank", -1)) for file in files} != set(
                range(len(files))
            ):
                raise RecorderError(
                    f"{', '.join(paths)} are not the ranks of one recording, all of them and each once; see their attributes `recording` and `rank`"
                )
            files.sort(key=lambda file: file.attrs["rank"])
            target = stack.enter_context(h5py.File(partial, "w", libver=READ_BY_ALL))
            found: list[str] = []
            files[0].visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) and "activations" in item else None)
            for name in found + ([""] if "activations" in files[0] else []):
                _join_layer([file["/" + name] for file in files], target.require_group("/" + name), paths)
        os.replace(partial, out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def _join_layer(sources: list[h5py.Group], target: h5py.Group, paths: list[str]) -> None:
    first = sources[0]
    for name, item in first.items():
        if name not in (*TENSORS, "batch_offsets") and isinstance(item, h5py.Dataset):
            put_bits(target, name, read_bits(item, 0, item.shape[0]), item.id.get_type())
            if name in ("gamma", "beta") and any(
                not np.array_equal(read_bits(item, 0, item.shape[0]), read_bits(other[name], 0, item.shape[0])) for other in sources[1:]
            ):
                raise RecorderError(f"{name} of {first.name} differs between {paths[0]} and other ranks; they must hold one model")
    set_attributes(target, {name: value for name, value in first.attrs.items() if name not in _OWN})
    offsets = [source["batch_offsets"][:] for source in sources]
    # (rank, first sample, last sample + 1), in the order of the joined file
    parts = [
        (rank, int(own[batch]), int(own[batch + 1]))
        for batch in range(max(map(len, offsets)) - 1)
        for rank, own in enumerate(offsets)
        if batch + 1 < len(own)
    ]
    if first.attrs.get("synchronized", False):
        if len({len(own) for own in offsets}) != 1:
            raise RecorderError(f"{first.name} was normalized across ranks, and they have different numbers of batches")
        counts = np.sum([np.diff(own) for own in offsets], axis=0)
    else:
        counts = np.array([stop - start for _, start, stop in parts])
    put_bits(target, "batch_offsets", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), h5t.STD_I64LE)
    for key in TENSORS:
        if key not in first:
            continue
        kind, samples = first[key].id.get_type(), sum(int(own[-1]) for own in offsets)
        joined = create_dataset(target, key, kind, (samples, *first[key].shape[1:]))
        step, place = rows_of(joined.shape, kind, COPY_BYTES), 0
        for rank, start, stop in parts:
            for begin in range(start, stop, step):
                end = min(begin + step, stop)
                write_rows(joined, place, read_bits(sources[rank][key], begin, end))
                place += end - begin
