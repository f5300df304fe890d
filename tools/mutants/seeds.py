"""Small whole files of every format, index of chunks and filter that bn-stream reads: what mutants are made of."""

from __future__ import annotations

import io
import pathlib
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py import h5p, h5z
from bn_stream.hdf5_layers import NEWEST, READ_BY_ALL, SMALL
from made_files import FIXTURES

SHAPE = (12, 4)


@dataclass(frozen=True)
class Chunk:
    """Bytes of a chunk in the file, and how they came about."""

    start: int
    size: int
    gzip: bool = False
    fletcher32: bool = False


@dataclass
class Seed:
    name: str
    content: bytes
    chunks: list[Chunk] = field(default_factory=list)


def seeds() -> list[Seed]:
    made = []
    for version, libver in (("earliest", READ_BY_ALL), ("v108", SMALL), ("v110", NEWEST)):
        made.append(seed(f"plain-{version}", libver))
        made.append(seed(f"many-{version}", libver, groups=30, attributes=12))
        for name, storage in STORAGE.items():
            made.append(seed(f"{name}-{version}", libver, **storage))
    # First, for the tests take the last ones.
    return [of_fixture(name) for name in OTHER_FILTERS] + made


# Files of the tests with filters for which h5py alone has no encoder.
OTHER_FILTERS = ("zstd_shuffle", "lz4_shuffle", "bitshuffle", "bitshuffle_lz4", "bitshuffle_zstd", "blosc_lz4", "blosc_zstd", "blosc", "blosc2/blosc2")


STORAGE: dict[str, dict[str, Any]] = {
    "single": dict(chunks=SHAPE, compression="gzip"),
    "gzip": dict(chunks=(5, 3), compression="gzip", shuffle=True, fletcher32=True),
    "growing": dict(chunks=(4, 4), maxshape=(None, 4), fletcher32=True),
    "growing-both": dict(chunks=(4, 2), maxshape=(None, None), compression="gzip"),
    "unfiltered": dict(chunks=(4, 4)),
    "lzf": dict(chunks=(6, 4), compression="lzf"),
    "scaleoffset": dict(chunks=(6, 4), scaleoffset=0),
    "nbit": dict(chunks=(6, 4), nbit=True),
    "compact": dict(compact=True),
}


def seed(name: str, libver: tuple[str, str], groups: int = 0, attributes: int = 0, **storage: Any) -> Seed:
    buffer = io.BytesIO()
    numbers = np.random.default_rng(1)
    with h5py.File(buffer, "w", libver=libver) as file:
        layer = file.create_group("encoder/norm")
        for role in "activations", "grad_output":
            add(layer, role, np.round(numbers.normal(size=SHAPE) * 50).astype(np.int32), dict(storage))
        vector = {key: value for key, value in storage.items() if key in ("compression", "shuffle", "fletcher32")}
        if storage.get("chunks"):
            vector["chunks"] = (3,)
        layer.create_dataset("gamma", data=numbers.normal(size=4), **vector)
        layer["beta"], layer["mask"] = np.zeros(4), np.ones(12, np.int8)
        layer.create_dataset("batch_offsets", data=[0, 5, 12], **vector)
        layer.attrs["epsilon"], layer.attrs["statistics"] = 1e-3, "batch"
        for index in range(groups):
            file.create_group(f"other{index}")
        for index in range(attributes):
            layer.attrs[f"note{index}"] = f"text {index}"
    with h5py.File(buffer, "r") as file:
        chunks = [chunk for role in ("activations", "gamma", "batch_offsets") for chunk in chunks_of(file["encoder/norm"][role])]
    return Seed(name, buffer.getvalue(), chunks)


def of_fixture(name: str) -> Seed:
    content = (FIXTURES / f"{name}.h5").read_bytes()
    with h5py.File(io.BytesIO(content), "r") as file:
        chunks = [chunk for path, group in file.items() if path != "expected" for chunk in chunks_of(group["activations"])]
    return Seed(pathlib.Path(name).name, content, chunks)


def chunks_of(dataset: h5py.Dataset) -> list[Chunk]:
    chunks = []
    for index in range(dataset.id.get_num_chunks() if dataset.chunks else 0):
        info = dataset.id.get_chunk_info(index)
        chunks.append(Chunk(info.byte_offset, info.size, dataset.compression == "gzip", dataset.fletcher32))
    return chunks


def add(group: h5py.Group, role: str, data: np.ndarray, storage: dict[str, Any]) -> None:
    """A dataset; two kinds of storage h5py has no words for."""
    if not storage.keys() & {"nbit", "compact"}:
        group.create_dataset(role, data=data, **storage)
        return
    properties = h5p.create(h5p.DATASET_CREATE)
    kind = h5py.h5t.STD_I32LE.copy()
    if storage.pop("compact", False):
        properties.set_layout(h5py.h5d.COMPACT)
    else:
        properties.set_chunk(storage["chunks"])
        properties.set_filter(h5z.FILTER_NBIT, h5z.FLAG_MANDATORY, ())
    dataset = h5py.h5d.create(group.id, role.encode(), kind, h5py.h5s.create_simple(data.shape), properties)
    h5py.Dataset(dataset)[...] = data
