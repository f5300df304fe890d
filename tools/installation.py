"""What an installed bn-stream consists of, and what it needs: shared by tools/install and tools/package."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable

import manual

PROJECT = pathlib.Path(__file__).resolve().parent.parent
BUILD = PROJECT / ".build-install"


class Refused(Exception):
    """Something is missing or wrong; the message says what to do."""


def run(*command: object, **more: object) -> str:
    """What a command prints; a Refused with its last words where it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, **more)
    except OSError as error:
        raise Refused(f"{words[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Refused(f"{' '.join(words)} failed ({done.returncode}): {said[-1] if said else 'it said nothing'}")
    return done.stdout


def built(jobs: int | None) -> pathlib.Path:
    """The program built for release, with Swift's libraries in it, so that it runs where there is no Swift."""
    if not shutil.which("swift"):
        raise Refused("there is no swift here; install Swift 6.1 or later, or give a built program with --program")
    options = ["--package-path", PROJECT, "--scratch-path", BUILD, "-c", "release", "--static-swift-stdlib", "--product", "bn-stream"]
    print("building for release, which takes some minutes", file=sys.stderr, flush=True)
    run("swift", "build", *options, *(["--jobs", jobs] if jobs else []))
    return BUILD / "release" / "bn-stream"


# What is installed

@dataclasses.dataclass(frozen=True)
class Layout:
    """Where files go below the prefix; shells look in other folders for what a package brings than for what a user installs."""

    zsh: str = "share/zsh/site-functions"
    compresses_pages: bool = False


@dataclasses.dataclass(frozen=True)
class Installed:
    """A file to be: its path below the prefix, its bytes, and whether it is a program."""

    path: str
    content: bytes
    is_program: bool = False


def contents(program: pathlib.Path, layout: Layout) -> list[Installed]:
    """Everything that is installed. Manual pages and completions come from the program's own table of options."""
    version = version_of(program)
    files = [Installed("bin/bn-stream", stripped(program), True)]
    date = datetime.datetime.fromtimestamp(source_time(program), datetime.timezone.utc).date().isoformat()
    for name, page in sorted(manual.pages(manual.described(str(program)), version, date).items()):
        path = f"share/man/man1/{name}"
        files.append(Installed(path + ".gz", compressed(page)) if layout.compresses_pages else Installed(path, page.encode()))
    for shell, path in (("bash", "share/bash-completion/completions/bn-stream"), ("zsh", f"{layout.zsh}/_bn-stream"),
                        ("fish", "share/fish/vendor_completions.d/bn-stream.fish")):
        files.append(Installed(path, run(program, "--generate-completion-script", shell).encode()))
    folder = "share/doc/bn-stream"
    documents = ["README.md", "CHANGELOG.md", "LICENSE", "BENCHMARKS.md"]
    documents += sorted(str(path.relative_to(PROJECT)) for name in ("docs", "configs") for path in (PROJECT / name).rglob("*") if path.is_file())
    files += [Installed(f"{folder}/{name}", (PROJECT / name).read_bytes()) for name in documents]
    files += [Installed(f"share/bn-stream/slurm/{name}", (PROJECT / "tools/slurm" / name).read_bytes(), True)
              for name in ("bn-stream-array", "shard-of-array")]
    return files


def version_of(program: pathlib.Path) -> str:
    return run(program, "--version").strip()


def stripped(program: pathlib.Path) -> bytes:
    """The program without what only a debugger reads, where there is a strip."""
    if not shutil.which("strip"):
        return program.read_bytes()
    with tempfile.TemporaryDirectory(prefix="bn-stream-strip-") as folder:
        copy = pathlib.Path(folder) / "bn-stream"
        run("strip", "-o", copy, program)
        return copy.read_bytes()


def commit_of(program: pathlib.Path) -> tuple[str | None, bool]:
    """The commit that the program was built from, if it knows, and whether the sources differed from it."""
    facts = json.loads(run(program, "--version", "--verbose", "--json"))
    return facts.get("commit"), facts["has_changes"]


def source_time(program: pathlib.Path) -> int:
    """The time of the sources, in seconds: SOURCE_DATE_EPOCH, or that of the program's commit, or of the newest change noted."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    try:
        return int(run("git", "-C", PROJECT, "show", "--no-patch", "--format=%ct", commit_of(program)[0] or "HEAD"))
    except Refused:
        return int((PROJECT / "CHANGELOG.md").stat().st_mtime)


def compressed(text: str) -> bytes:
    return gzip.compress(text.encode(), 9, mtime=0)


def lay(files: Iterable[Installed], prefix: pathlib.Path) -> None:
    """Writes the files. One that is there, and may be running, is replaced as a whole."""
    for file in files:
        path = prefix / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(file.content)
        part.chmod(0o755 if file.is_program else 0o644)
        os.replace(part, path)


# What it needs

@dataclasses.dataclass(frozen=True)
class Library:
    """A shared library that the program names: where the loader finds it, and which package brings it; None if none does."""

    name: str
    path: str | None
    package: str | None


def libraries(program: pathlib.Path) -> list[Library]:
    """What the program itself names, in its order; not what these libraries need in turn."""
    found = {}
    for line in run("ldd", program).splitlines():
        if match := re.match(r"\s*(\S+) => (/\S+|not found)", line):
            found[match[1]] = None if match[2] == "not found" else match[2]
    named = re.findall(r"^\s*NEEDED\s+(\S+)", run("objdump", "-p", program), re.MULTILINE)
    # The loader itself is no library.
    return [Library(name, found.get(name), package_of(found.get(name))) for name in named if not name.startswith("ld-linux")]


def package_of(path: str | None) -> str | None:
    """The Debian package that a file came with; None without dpkg, too."""
    if not path or not shutil.which("dpkg-query"):
        return None
    for name in dict.fromkeys((path, os.path.realpath(path), f"/usr{path}", path.removeprefix("/usr"))):
        done = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    return None
