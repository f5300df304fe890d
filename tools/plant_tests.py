"""Asks the tests of tools/plant's copy whether they notice a flaw."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import typing

if typing.TYPE_CHECKING:
    from plant_catalogue import Flaw
    from plant_copy import Copy

#: The tests of each floor, nearest first; a floor that is not here is asked by all tests.
NEAREST = {
    "Arithmetic": "BatchNormTests", "BaselineKernels": "BatchNormTests", "WideKernels": "BatchNormTests",
    "BatchNorm": "BatchNormTests", "BatchNormReference": "BatchNormReferenceTests", "CFile": "JobsTests|CommandTests",
    "ChunkCodec": "ChunkCodecTests", "Configuration": "DocumentTests", "HDF5": "HDF5Tests", "Explain": "ExplainTests",
    "Inspection": "InspectionTests",
    "Jobs": "JobsTests", "LayerFiles": "JobsTests", "Parallel": "ParallelTests", "StrictJSON": "DocumentTests",
    "bn-stream": "CommandTests",
}
#: Tests that look at the sources themselves, which in the copy are others.
LEFT_OUT = "ProjectTests"
#: A test that hangs is a test that fails; without a flaw the same tests take at most a fifth of that.
PATIENCE = 5
LEAST_SECONDS = 120

FAILURE = re.compile(r"✘ Test (?!run )(.*?)(?: with .*?)? (?:recorded an issue|failed)")


class TestsFail(Exception):
    """The tests cannot judge flaws: the copy does not build, or they fail without one."""


class Suite:
    """The tests of a copy."""

    def __init__(self, copy: Copy):
        self.copy = copy
        self._seconds: dict[tuple[str, ...], float] = {}

    @property
    def longest(self) -> float:
        """Seconds that a flaw takes which nothing notices, as far as is known."""
        return sum(self._seconds.values(), 0.0) if len(self._seconds) > 1 else 180

    def notices(self, flaw: Flaw) -> str | None:
        """The name of a test that fails with the flaw; None if all pass."""
        near = flaw.tests or NEAREST.get(flaw.floor)
        if near is None:
            return self._ask(flaw, "--skip", LEFT_OUT)
        return self._ask(flaw, "--filter", near, "--skip", LEFT_OUT) or self._ask(flaw, "--skip", f"{LEFT_OUT}|{near}")

    def _ask(self, flaw: Flaw, *which: str) -> str | None:
        if which not in self._seconds:
            begin = time.monotonic()
            failure = self._run(None, which, 3600)
            if failure is not None:
                raise TestsFail(f"without any flaw, {failure}")
            self._seconds[which] = time.monotonic() - begin
        return self._run(flaw, which, max(LEAST_SECONDS, PATIENCE * self._seconds[which]))

    def _run(self, flaw: Flaw | None, which: tuple[str, ...], limit: float) -> str | None:
        """Runs tests until the first fails."""
        from plant_copy import environment
        process = subprocess.Popen(
            self.copy.command("test", "--disable-xctest", "--skip-build", *which), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True, errors="replace", start_new_session=True, env=environment(flaw))
        late = threading.Event()
        timer = threading.Timer(limit, lambda: (late.set(), stop(process)))
        timer.start()
        lines: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                found = FAILURE.search(line)
                if found:
                    stop(process)
                    return f"{found.group(1)} fails"
            code = process.wait()
        finally:
            timer.cancel()
            stop(process)
            process.wait()
        if late.is_set():
            return f"not finished after {limit:.0f} s"
        if code != 0:
            ends = [line for line in lines if "Fatal error" in line or "error:" in line] or lines[-1:]
            return f"the tests end with {code}: {ends[0] if ends else ''}"[:200]
        if not any("Test run with" in line and "passed" in line for line in lines) or any(" 0 tests" in line for line in lines):
            raise TestsFail(f"no test ran for {' '.join(which)}")
        return None


def stop(process: subprocess.Popen) -> None:
    """Ends the tests and what they started: all that is in the session that began with them, whatever groups it has."""
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; the session is the fourth field after it.
            session = int(entry.read_text().rpartition(")")[2].split()[3])
            if session == process.pid:
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            continue  # It has ended meanwhile.
    if process.poll() is None:
        process.kill()
