#!/usr/bin/env python3
"""Make Tests/Fixtures/bad: files that bn-stream must refuse, and cases.json, which says how.

Each case of cases.json has `file`, `exit_code`, `message_contains` (every string must be in the one-line error; shapes are
written as [4, 3], numbers without separators) and `about`. The command is `bn-stream --in <file> --out <new file>` without a
configuration. The program must end by itself, without a crash, and leave no output behind.

Files are damaged by what HDF5 itself writes or by cutting bytes; nothing here depends on time or chance.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import hdf5plugin
import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "Tests" / "Fixtures" / "bad"
X = np.arange(18, dtype=np.float32).reshape(6, 3) % 5
PATH = "/layer/activations"
CASES: list[dict[str, Any]] = []


def case(about: str, *contains: str, exit_code: int = 65) -> Callable[[Callable[[pathlib.Path], None]], None]:
    """Run the decorated function, which makes the file named after it, and list the case."""
    def run(make: Callable[[pathlib.Path], None]) -> None:
        path = FOLDER / f"{make.__name__}.h5"
        make(path)
        CASES.append({"file": path.name, "exit_code": exit_code, "message_contains": list(contains), "about": about})
    return run


def layer(path: pathlib.Path, datasets: dict[str, Any] | None = None, **attributes: Any) -> None:
    """A file with one layer, /layer: `activations` [6, 3] and whatever replaces or joins it (None leaves a dataset out)."""
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        group = file.create_group("layer")
        for name, data in ({"activations": X} | (datasets or {})).items():
            if data is not None:
                group.create_dataset(name, data=data, track_times=False)
        for name, value in attributes.items():
            group.attrs[name] = value


def edit(path: pathlib.Path, change: Callable[[h5py.Group], None]) -> None:
    """A file with an empty group /layer that `change` fills."""
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        change(file.create_group("layer"))


def raw_chunk(path: pathlib.Path, chunk: bytes, filters: Callable[[Any], None], fill: float = 0) -> None:
    """`activations` [6, 3] in one chunk with exactly these bytes behind the pipeline that `filters` sets.

    With a fill value other than 0 the HDF5 library decodes, calling bn-stream's filters."""
    def change(group: h5py.Group) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if fill:
            plist.set_fill_value(np.array(fill, np.float32))
        plist.set_obj_track_times(False)
        plist.set_chunk((6, 3))
        filters(plist)
        space = h5py.h5s.create_simple((6, 3))
        dataset = h5py.h5d.create(group.id, b"activations", h5py.h5t.IEEE_F32LE, space, plist)
        dataset.write_direct_chunk((0, 0), chunk, filter_mask=0)
    edit(path, change)


def lzf(plist: Any) -> None:
    """The filter as h5py sets it up; the last number is the length of a chunk."""
    plist.set_filter(32000, h5py.h5z.FLAG_OPTIONAL, (4, 261, X.nbytes))


def zstd(plist: Any) -> None:
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))


def compressed(data: np.ndarray, **storage: Any) -> bytes:
    """The bytes that h5py stores for an array in one chunk."""
    with h5py.File.in_memory() as file:
        dataset = file.create_dataset("x", data=data, chunks=data.shape, **storage)
        mask, chunk = dataset.id.read_direct_chunk((0,) * data.ndim)
        assert mask == 0
        return chunk


def files() -> None:
    @case("cut in the middle", "truncated.h5")
    def truncated(path: pathlib.Path) -> None:
        layer(path, {"activations": np.tile(X, (40, 1))})
        path.write_bytes(path.read_bytes()[:-1500])

    @case("a text file", "text.h5", "HDF5")
    def text(path: pathlib.Path) -> None:
        path.write_text("epoch,loss\n1,0.5\n")

    @case("no bytes", "empty.h5", "HDF5")
    def empty(path: pathlib.Path) -> None:
        path.write_bytes(b"")

    @case("HDF5's signature and nothing else", "signature_only.h5")
    def signature_only(path: pathlib.Path) -> None:
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))

    @case("no group holds `activations`", "no_layer.h5", "activations")
    def no_layer(path: pathlib.Path) -> None:
        layer(path, {"activations": None, "inputs": X})

    @case("groups that contain each other, and no layer: the search must end", "hard_link_cycle.h5", "activations")
    def hard_link_cycle(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            group.create_group("inner")["back"] = group
            group["itself"] = group
        edit(path, change)

    @case("the same with a layer, which is worked on once", exit_code=0)
    def hard_link_cycle_layer(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            group.create_dataset("activations", data=X, track_times=False)
            group.create_group("inner")["back"] = group
        edit(path, change)


def activations() -> None:
    @case("rank 0", PATH)
    def rank_0(path: pathlib.Path) -> None:
        layer(path, {"activations": np.float32(1)})

    @case("rank 1: no feature axis", PATH, "[6]")
    def rank_1(path: pathlib.Path) -> None:
        layer(path, {"activations": X[:, 0]})

    @case("no dataspace extent (H5S_NULL)", PATH)
    def null_dataspace(path: pathlib.Path) -> None:
        layer(path, {"activations": h5py.Empty("f4")})

    @case("a group has the name of the dataset", PATH)
    def activations_group(path: pathlib.Path) -> None:
        edit(path, lambda group: group.create_group("activations"))

    @case("fixed-length strings", PATH, "string")
    def string_type(path: pathlib.Path) -> None:
        layer(path, {"activations": np.full((6, 3), b"abc")})

    @case("variable-length strings", PATH, "string")
    def variable_string_type(path: pathlib.Path) -> None:
        edit(path, lambda group: group.create_dataset("activations", data=np.full((6, 3), "abc", dtype=object), dtype=h5py.string_dtype(),
                                                      track_times=False))

    @case("a compound type (complex numbers)", PATH, "compound")
    def compound_type(path: pathlib.Path) -> None:
        layer(path, {"activations": X.astype(np.complex64)})

    @case("an array type", PATH, "array")
    def array_type(path: pathlib.Path) -> None:
        edit(path, lambda group: group.create_dataset("activations", (6, 3), np.dtype(("<f4", (2,))), track_times=False))

    @case("booleans, an enumeration in HDF5", PATH, "enum")
    def bool_type(path: pathlib.Path) -> None:
        layer(path, {"activations": X > 2})

    @case("2^40 samples claimed, nothing stored", PATH, "1099511627776")
    def huge_claim(path: pathlib.Path) -> None:
        edit(path, lambda group: group.create_dataset("activations", (2**40, 3), "<f4", track_times=False))

    @case("raw data in another file", PATH, "external")
    def external_storage(path: pathlib.Path) -> None:
        edit(path, lambda group: group.create_dataset("activations", (6, 3), "<f4", external=[("raw.bin", 0, 72)], track_times=False))

    @case("a chunk of a claimed [4, 2^58], the rest never written", PATH, "288230376151711744")
    def huge_sparse_claim(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            group.create_dataset("activations", (4, 2**58), "<f4", chunks=(1, 16), track_times=False)[0, :16] = 1
        edit(path, change)

    @case("a mask in another file", "/layer/mask", "external")
    def mask_external_storage(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            group.create_dataset("activations", data=X, track_times=False)
            group.create_dataset("mask", (6,), "<i1", external=[("raw.bin", 0, 6)], track_times=False)
        edit(path, change)

    @case("a virtual dataset", PATH, "virtual")
    def virtual_dataset(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_obj_track_times(False)
            space = h5py.h5s.create_simple((6, 3))
            plist.set_virtual(space, b"no_layer.h5", b"/layer/inputs", space)
            h5py.h5d.create(group.id, b"activations", h5py.h5t.IEEE_F32LE, space, plist)
        edit(path, change)

    @case("a soft link", PATH, "link")
    def soft_link(path: pathlib.Path) -> None:
        def change(group: h5py.Group) -> None:
            group.file.create_dataset("data", data=X, track_times=False)
            group["activations"] = h5py.SoftLink("/data")
        edit(path, change)

    @case("an external link", PATH, "link")
    def external_link(path: pathlib.Path) -> None:
        edit(path, lambda group: group.__setitem__("activations", h5py.ExternalLink("no_layer.h5", "/layer/inputs")))

    @case("a filter that the library lacks (Blosc, 32001)", PATH, "filter", "32001")
    def filter_blosc(path: pathlib.Path) -> None:
        raw_chunk(path, X.tobytes(), lambda plist: plist.set_filter(32001, h5py.h5z.FLAG_MANDATORY, ()))

    @case("a filter nobody registered, marked optional but used", PATH, "filter", "40000")
    def filter_unregistered(path: pathlib.Path) -> None:
        raw_chunk(path, X.tobytes(), lambda plist: plist.set_filter(40000, h5py.h5z.FLAG_OPTIONAL, ()))

    @case("a gzip chunk that is not gzip data", PATH)
    def chunk_not_deflate(path: pathlib.Path) -> None:
        raw_chunk(path, X.tobytes(), lambda plist: plist.set_deflate(4))

    for name, filters, storage in (("lzf", lzf, {"compression": "lzf"}), ("zstd", zstd, dict(hdf5plugin.Zstd()))):
        good, longer, shorter = (compressed(data, **storage) for data in (X, np.tile(X, (2, 1)), X[:5]))
        huge = b"\x28\xb5\x2f\xfd\xe0" + (1 << 50).to_bytes(8, "little") + good[-20:] if name == "zstd" else b"\x00\x00" + b"\xe0\xff\x00" * 30
        chunks = {"foreign": X.tobytes(), "cut": good[:-7], "longer": longer, "shorter": shorter, "one_byte": good[:1], "huge": huge}
        for kind, chunk in chunks.items():
            for way, fill in (("", 0), ("_fill", 1)):
                def damaged(path: pathlib.Path, chunk: bytes = chunk, fill: float = fill) -> None:
                    raw_chunk(path, chunk, filters, fill)
                damaged.__name__ = f"chunk_{name}_{kind}{way}"
                case(f"a {name} chunk that is damaged ({kind}){', decoded in the HDF5 library' if fill else ''}", PATH,
                     *([] if fill else [name]), "damaged")(damaged)

    @case("two filters that compress", PATH, "zstd and gzip", "32015")
    def filter_zstd_gzip(path: pathlib.Path) -> None:
        def both(plist: Any) -> None:
            zstd(plist)
            plist.set_deflate(4)
        raw_chunk(path, zlib.compress(compressed(X, **hdf5plugin.Zstd())), both)

    @case("a chunk whose checksum is wrong", PATH)
    def chunk_checksum(path: pathlib.Path) -> None:
        raw_chunk(path, X.tobytes() + b"\1\2\3\4", lambda plist: plist.set_fletcher32())


def other_datasets() -> None:
    @case("grad_output of another shape", "/layer/grad_output", "[6, 4]", "[6, 3]")
    def grad_output_shape(path: pathlib.Path) -> None:
        layer(path, {"grad_output": np.zeros((6, 4), "f4")})

    @case("grad_output of another rank", "/layer/grad_output", "[18]", "[6, 3]")
    def grad_output_rank(path: pathlib.Path) -> None:
        layer(path, {"grad_output": np.zeros(18, "f4")})

    @case("gamma for another number of features", "/layer/gamma", "[4]", "[3]")
    def gamma_shape(path: pathlib.Path) -> None:
        layer(path, {"gamma": np.ones(4, "f4")})

    @case("gamma of rank 2", "/layer/gamma", "[1, 3]", "[3]")
    def gamma_rank(path: pathlib.Path) -> None:
        layer(path, {"gamma": np.ones((1, 3), "f4")})

    @case("gamma of strings", "/layer/gamma", "string")
    def gamma_string(path: pathlib.Path) -> None:
        layer(path, {"gamma": np.full(3, b"one")})

    for first, second in (("gamma", "weight"), ("beta", "bias"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")):
        def both(path: pathlib.Path, first: str = first, second: str = second) -> None:
            layer(path, {first: np.ones(3, "f4"), second: np.ones(3, "f4")})
        both.__name__ = f"{first}_and_{second}"
        case("two names for one thing", "/layer", first, second)(both)

    offsets = {"offsets_decreasing": ([0, 4, 2, 6], "decreasing"), "offsets_start": ([1, 6], "do not start at 0"),
               "offsets_beyond": ([0, 3, 7], "end after the last sample"), "offsets_short": ([0, 3, 5], "end before the last sample"),
               "offsets_negative": ([0, -3, 6], "negative"), "offsets_empty": (np.zeros(0, int), "no element"),
               "offsets_rank": ([[0, 3, 6]], "rank 2"), "offsets_float": ([0.0, 3.0, 6.0], "not integers"),
               "offsets_overflow": (np.array([0, 2**63, 6], "u8"), "2^63")}
    for name, (values, about) in offsets.items():
        def with_offsets(path: pathlib.Path, values: Any = values) -> None:
            layer(path, {"batch_offsets": np.asarray(values)})
        with_offsets.__name__ = name
        case(f"batch_offsets: {about}", "/layer/batch_offsets", *(["integer"] if "float" in name else []))(with_offsets)

    @case("a batch with one value for each feature", "/layer", "batch", "single_value_batch")
    def single_value(path: pathlib.Path) -> None:
        layer(path, {"activations": X[:5]}, batch_size=np.int64(4))


def attributes() -> None:
    values = {"epsilon_nan": ("epsilon", np.nan), "epsilon_negative": ("epsilon", -1e-5), "epsilon_string": ("epsilon", np.bytes_("small")),
              "epsilon_vector": ("epsilon", np.full(2, 1e-5)), "momentum_range": ("momentum", 1.5),
              "feature_axis_range": ("feature_axis", np.int64(2)), "feature_axis_0": ("feature_axis", np.int64(0)),
              "batch_size_0": ("batch_size", np.int64(0))}
    for name, (attribute, value) in values.items():
        def with_attribute(path: pathlib.Path, attribute: str = attribute, value: Any = value) -> None:
            layer(path, None, **{attribute: value})
        with_attribute.__name__ = f"attribute_{name}"
        case(f"the layer's attribute {attribute} is {value}", "/layer", attribute)(with_attribute)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for group in (files, activations, other_datasets, attributes):
        group()
    CASES.append({"file": "absent.h5", "exit_code": 66, "message_contains": ["absent.h5"], "about": "there is no such file"})
    (FOLDER / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")
    print(f"{len(CASES)} cases, {sum(path.stat().st_size for path in FOLDER.iterdir())} bytes")


if __name__ == "__main__":
    main()
