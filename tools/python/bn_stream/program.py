"""The program bn-stream itself, which computes what the package only moves about."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from bn_stream.errors import ToolError


def find_program(given: str | os.PathLike[str] | None = None) -> str:
    """What is given, else $BN_STREAM, else bn-stream on the PATH. Raises ToolError where there is none."""
    name = os.fspath(given) if given else os.environ.get("BN_STREAM") or "bn-stream"
    found = shutil.which(name)
    if not found:
        raise ToolError(f"{name} is not there to run; put bn-stream on the PATH, or its path into the environment variable BN_STREAM")
    return found


def compute(program: str, recorded: str, result: str, configuration: Mapping[str, Any]) -> None:
    """Let bn-stream compute the results of the file `recorded`. Raises ToolError with its own words where it fails."""
    path = result + ".configuration.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(dict(configuration), file)
    command = [program, "--in", recorded, "--out", result, "--config", path, "--quiet", "--force"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise ToolError(done.stderr.strip().removeprefix("bn-stream: ") or f"{program} ended with exit code {done.returncode}")
