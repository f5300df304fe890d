#!/usr/bin/env python3
"""Make Tests/Fixtures/mixed: files with a good layer beside what nobody can follow or read, or under an unusual name, and cases.json,
which says what bn-stream does with them.

Each case has `file`, `options`, `exit_code`, `layers` (the paths of the layers that run), `error` (all of standard error) and `about`. The
command is `bn-stream --in <file> --out <new file> <options>`.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from bn_stream.hdf5_layers import READ_BY_ALL, create_with, creation_properties, put
from made_files import FIXTURES

X = np.arange(24, dtype="<f4").reshape(8, 3) % 7
GOOD = ["--layer", "/good"]


@dataclass
class Mixed:
    """make: adds to a file that has /good/activations. error: without "warning: " before it and the line's end."""

    name: str
    about: str
    make: Callable[[h5py.File], Any]
    error: str = ""
    options: list[str] = field(default_factory=lambda: GOOD)
    layers: list[str] = field(default_factory=lambda: ["/good"])
    exit_code: int = 0
    damaged: str = ""  # the path of an object whose header gets a wrong byte


def cases() -> Iterator[Mixed]:
    def bad(values: Any, **storage: Any) -> Callable[[h5py.File], Any]:
        return lambda file: put(file.create_group("bad"), "activations", values, **storage)

    def link(path: str, target: h5py.SoftLink | h5py.ExternalLink) -> Callable[[h5py.File], Any]:
        return lambda file: file.__setitem__(path, target)
    other = h5py.ExternalLink("other.h5", "/x")
    yield Mixed("soft_link", "a layer whose activations are a soft link, not selected", link("bad/activations", h5py.SoftLink("/good/activations")))
    yield Mixed("soft_link_root", "a root layer by a soft link", link("activations", h5py.SoftLink("/good/activations")))
    yield Mixed("soft_link_root_run", "both run", link("activations", h5py.SoftLink("/good/activations")), options=[],
                layers=["/", "/good"])
    yield Mixed("soft_link_circle", "soft links in a circle, and one to the root", circle,
                "passed over 2 links to what is not there: /bad/one (/bad/two), /bad/two (/bad/one)")
    yield Mixed("dangling", "soft links that lead nowhere", dangling,
                "passed over 2 links to what is not there: /bad/a (/nowhere), /bad/activations (/good/nowhere)")
    yield Mixed("external", "a layer whose activations lie in another file, not selected", link("bad/activations", other),
                "passed over a link into other files, which are not opened: /bad/activations (other.h5:/x)")
    yield Mixed("external_many", "links to layers in other files", external_many,
                "passed over 5 links into other files, which are not opened: /0 (0.h5:/bn), /1 (1.h5:/bn), /2 (2.h5:/bn) and 2 more",
                options=[])
    yield Mixed("virtual", "a virtual dataset, not selected", virtual)
    yield Mixed("external_storage", "external storage, not selected", external_storage)
    yield Mixed("rank_1", "one axis, not selected", bad(X[0]))
    yield Mixed("compound", "a compound type, not selected", bad(np.zeros((8, 3), [("a", "<f4")])))
    yield Mixed("group", "a group called activations", lambda file: file.create_group("bad/activations"), options=[])
    yield Mixed("named_type", "a type called activations, not selected", link("bad/activations", np.dtype("<f4")))
    yield Mixed("two_names", "gamma and weight in a layer that is not selected", two_names)
    yield Mixed("latin_1_group", "a group without layers whose name is Latin-1", lambda file: h5py.h5g.create(file.id, b"caf\xe9"), options=[])
    yield Mixed("latin_1_layer", "a layer whose name is Latin-1, which nobody selected", latin_1_layer,
                "passed over a layer whose name is not UTF-8: /caf\\xE9/bn; select it with --layer, as shown here, to have it computed",
                options=[])
    yield Mixed("latin_1_selected", "the same by the name that is shown, and a soft link to it", latin_1_layer,
                options=["--layer", "/caf\\xE9/bn", "--layer", "good"], layers=["/caf\\xE9/bn", "/good"])
    yield Mixed("latin_1_pattern", "the same by a pattern", latin_1_layer, options=["--layer", "caf?/*"], layers=["/caf\\xE9/bn"])
    yield Mixed("latin_1_dataset", "datasets whose names are Latin-1, in the layer and beside it", latin_1, options=[])
    yield Mixed("normalization_forms", "one name in two forms of Unicode", normalization_forms, options=[],
                layers=["/cafe\u0301", "/caf\u00e9", "/good"])
    yield Mixed("normalization_form_c", "the one asked for", normalization_forms, options=["--layer", "/caf\u00e9"],
                layers=["/caf\u00e9"])
    yield Mixed("accent_first", "a name that begins with an accent of its own, which Swift sees as one character with the slash",
                lambda file: put(file.create_group("good/\u0301a"), "activations", X), options=[],
                layers=["/good", "/good/\u0301a"])
    yield Mixed("two_hard_links", "a group under two names, found by the second", two_hard_links, options=["--layer", "/second"],
                layers=["/second"])
    yield Mixed("two_hard_links_run", "a group under two names runs once", two_hard_links, options=[], layers=["/first", "/good"])
    yield Mixed("below_two_hard_links", "a layer below such a group, by a pattern", lambda file: two_hard_links(file, "inner/bn"),
                options=["--layer", "second/**"], layers=["/second/inner/bn"])
    yield Mixed("soft_link_group", "a layer found by a soft link to its group", link("by/name", h5py.SoftLink("/good")),
                options=["--layer", "/by/name"], layers=["/by/name"])
    yield Mixed("long_name", "a name of 255 bytes", lambda file: put(file.create_group("n" * 255), "activations", X), options=[],
                layers=["/good", "/" + "n" * 255])
    yield Mixed("deep", "a tree of 200 groups beside the layer", lambda file: file.create_group("/".join("d" * 200)),
                "passed over what lies more than 64 groups deep: " + "/d" * 65, options=[])
    yield Mixed("long_double", "numbers that float64 does not hold exactly", long_double, layers=["/odd"], options=["--layer", "/odd"],
                error="the numbers of /odd/activations (80-bit float of unusual format) "
                "are rounded to float64; convert them yourself for another rounding")
    yield Mixed("external_only", "no layer, a link to one in another file, and datasets", external_only, exit_code=65, layers=[])
    for name, path in {"damaged": "bad/other", "damaged_in_layer": "good/other", "damaged_in_root": "zzz",
                       "damaged_group": "bad"}.items():
        yield Mixed(name, f"an object with a damaged header at /{path}", lambda file, path=path: damaged(file, path),
                    f"passed over a damaged object that the HDF5 library cannot read: /{path}", options=[], damaged=path)


def latin_1_layer(file: h5py.File) -> None:
    layer = h5py.Group(h5py.h5g.create(file.id, b"caf\xe9")).create_group("bn")
    put(layer, "stored", X)
    h5py.h5l.LinkProxy.create_soft(layer.id.links, b"activations", b"/caf\xe9/bn/stored")


def circle(file: h5py.File) -> None:
    file["bad/one"], file["bad/two"], file["bad/root"] = (h5py.SoftLink(path) for path in ("/bad/two", "/bad/one", "/"))


def dangling(file: h5py.File) -> None:
    file["bad/activations"], file["bad/a"] = h5py.SoftLink("/good/nowhere"), h5py.SoftLink("/nowhere")


def external_many(file: h5py.File) -> None:
    for index in range(5):
        file[str(index)] = h5py.ExternalLink(f"{index}.h5", "/bn")


def long_double(file: h5py.File) -> None:
    group = file.create_group("odd")
    kind, space = h5py.h5t.NATIVE_LDOUBLE, h5py.h5s.create_simple(X.shape)
    create_with(group, "activations", kind, space, creation_properties())[...] = X


def external_only(file: h5py.File) -> None:
    del file["good"]
    file["bn1"] = h5py.ExternalLink("part.h5", "/bn1")
    for name, rows in {"big": 20, "sub/small": 4, "sub/wide": 2, "thin": 1}.items():
        put(file, name, np.zeros((rows, 3)))
    put(file, "vector", np.zeros(100))


def virtual(file: h5py.File) -> None:
    properties, space = creation_properties(), h5py.h5s.create_simple(X.shape)
    properties.set_virtual(space, b"elsewhere.h5", b"/x", space)
    create_with(file.create_group("bad"), "activations", h5py.h5t.IEEE_F32LE, space, properties)


def external_storage(file: h5py.File) -> None:
    file.create_dataset("bad/activations", X.shape, "<f4", external=[("raw", 0, h5py.h5f.UNLIMITED)], track_times=False)


def two_names(file: h5py.File) -> None:
    group = file.create_group("bad")
    for name, values in {"activations": X, "gamma": X[0], "weight": X[0]}.items():
        put(group, name, values)


def latin_1(file: h5py.File) -> None:
    for path in ("good", "bad"):
        put(file.require_group(path), b"\xb0C", X)


def normalization_forms(file: h5py.File) -> None:
    for name in ("caf\u00e9", "cafe\u0301"):
        put(file.create_group(name), "activations", X)


def two_hard_links(file: h5py.File, below: str = ".") -> None:
    first = file.create_group("first")
    put(first.require_group(below), "activations", X)
    file["second"] = first


def damaged(file: h5py.File, path: str) -> None:
    if path == "bad":
        file.create_group(path)
    else:
        put(file, path, np.arange(4.0))


def write(folder: pathlib.Path) -> int:
    """Make `folder` anew; how many cases there are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    descriptions = []
    for case in cases():
        path = folder / f"{case.name}.h5"
        with h5py.File(path, "w", libver=READ_BY_ALL) as file:
            put(file.create_group("good"), "activations", X)
            case.make(file)
            address = h5py.h5o.get_info(file[case.damaged].id).addr if case.damaged else 0
        if case.damaged:
            with path.open("r+b") as raw:
                raw.seek(address)
                raw.write(b"\x63")
        if case.exit_code:
            continue  # the tables of messages have it
        descriptions.append({
            "file": path.name, "options": case.options, "exit_code": case.exit_code, "layers": case.layers,
            "error": f"warning: {case.error}\n" if case.error else "", "about": case.about})
    (folder / "cases.json").write_text(json.dumps(descriptions, indent=1) + "\n")
    return len(descriptions)


def main() -> None:
    folder = FIXTURES / "mixed"
    count = write(folder)
    print(f"{count} cases, {sum(path.stat().st_size for path in folder.iterdir())} bytes")


if __name__ == "__main__":
    main()
