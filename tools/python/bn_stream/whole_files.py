"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from bn_stream.errors import ToolError


def refuse_existing(path: str, force: bool, how: str = "--force") -> None:
    """ToolError if the file is there and must not be replaced."""
    if os.path.lexists(path) and not force:
        raise ToolError(f"{path} exists; choose another name, or replace it with {how}")


def write_whole(path: str, write: Callable[[str], None], force: bool = False) -> None:
    """Let `write` write a file beside `path`, which then takes its name; an error leaves what was there."""
    refuse_existing(path, force)
    folder, name = os.path.split(path)
    # The ending stays: what writes models looks at it.
    partial = os.path.join(folder, f".{os.getpid()}.partial.{name}")
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise ToolError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)
