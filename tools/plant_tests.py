"""Asks the tests of tools/plant's copy whether they notice a flaw."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import typing

if typing.TYPE_CHECKING:
    from plant_catalogue import Flaw
    from plant_copy import Copy

#: The tests of each floor, nearest first; a floor that is not here is asked by all tests.
NEAREST = {
    "Arithmetic": "BatchNormTests", "BaselineKernels": "BatchNormTests", "WideKernels": "BatchNormTests",
    "BatchNorm": "BatchNormTests", "BatchNormReference": "BatchNormReferenceTests", "CSupervision": "CommandTests", "CFile": "JobsTests|CommandTests",
    "ChunkCodec": "ChunkCodecTests", "Configuration": "DocumentTests", "HDF5": "HDF5Tests", "Explain": "ExplainTests",
    "Inspection": "InspectionTests",
    "Jobs": "JobsTests", "LayerFiles": "JobsTests", "Parallel": "ParallelTests", "Report": "ReportTests", "StrictJSON": "DocumentTests",
    "bn-stream": "CommandTests",
}
#: Tests that look at the sources themselves, which in the copy are others.
LEFT_OUT = "ProjectTests"
#: A test that hangs is a test that fails: seconds for tests that the catalogue names, for a floor's, and for all others.
NAMED_SECONDS, NEAR_SECONDS, FAR_SECONDS = 240, 600, 3600
#: Without a flaw the same tests take at most this share of the time.
PATIENCE = 5
#: What failed is said in words first, and then as an event.
SECONDS_TO_WRITE = 0.2

#: What colours the words on a terminal.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FAILURE = re.compile(r"✘ Test (?!run )(.*?)(?: with .*?)? (?:recorded an issue|failed)")


class TestsFail(Exception):
    """The tests cannot judge flaws: the copy does not build, or they fail without one."""


class NotJudged(Exception):
    """A flaw that the tests which were asked do not notice, and no time for the others."""


class NotYet(Exception):
    """A flaw that the tests which were asked do not notice; there are others to ask, after other flaws."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """How tests failed."""

    words: str
    test: str | None = None  #: What chooses the test that failed; None where no single one did.
    is_late: bool = False  #: The tests did not end in time.


class Suite:
    """The tests of a copy. Several threads may ask at the same time."""

    def __init__(self, copy: Copy):
        self.copy = copy
        self._lock = threading.Lock()
        self._sound: dict[tuple[str, ...], threading.Lock | None] = {}

    def notices(self, flaw: Flaw, deadline: float | None = None) -> str | None:
        """What fails with the flaw and not without it; None if all tests pass.

        Raises:
            NotJudged: the nearest tests pass, and `deadline`, a time of the monotonic clock, comes before the end of all others.
        """
        near = flaw.tests or NEAREST.get(flaw.floor)
        if near is None:
            return self._ask_all(flaw, LEFT_OUT, deadline)
        return (self._ask(flaw, NAMED_SECONDS if flaw.tests else NEAR_SECONDS, "--filter", near, "--skip", LEFT_OUT)
                or self._ask_all(flaw, f"{LEFT_OUT}|{near}", deadline))

    def asks(self, flaw: Flaw, limit: float, filter: str) -> str | None:
        """What fails of the tests that the filter chooses, with the flaw and not without it; None if they pass.

        Args:
            limit: seconds after which they are asked how long they take without it.
        """
        return self._ask(flaw, limit, "--filter", filter)

    def _ask_all(self, flaw: Flaw, but: str, deadline: float | None) -> str | None:
        """Asks all tests but some, until the deadline at the latest."""
        if deadline is None:
            return self._ask(flaw, FAR_SECONDS, "--skip", but)
        which = ("--skip", but)
        failure = self._run(flaw, which, max(0.0, deadline - time.monotonic()))
        if failure is not None and failure.is_late:
            raise NotJudged("the nearest tests pass, and there was no time for the others")
        return self._of_the_flaw(failure, which, FAR_SECONDS)

    def _ask(self, flaw: Flaw, limit: float, *which: str) -> str | None:
        failure = self._run(flaw, which, limit)
        if failure is not None and failure.is_late:
            # On a machine that does much else the tests take longer without a flaw, too.
            begin = time.monotonic()
            self._check_soundness(which, PATIENCE * limit)
            enough = PATIENCE * (time.monotonic() - begin)
            if enough > limit:
                failure = self._run(flaw, which, enough)
        return self._of_the_flaw(failure, which, limit)

    def _of_the_flaw(self, failure: Failure | None, which: tuple[str, ...], limit: float) -> str | None:
        """How tests failed, if they pass without the flaw; None if they did not fail."""
        if failure is None:
            return None
        # Once is enough.
        self._check_soundness(("--filter", failure.test) if failure.test else which, limit)
        return failure.words

    def _check_soundness(self, which: tuple[str, ...], limit: float) -> None:
        """Throws if tests fail without a flaw."""
        with self._lock:
            lock = self._sound.setdefault(which, threading.Lock())
        with lock or contextlib.nullcontext():
            if self._sound[which] is None:
                return
            failure = self._run(None, which, limit)
            if failure is not None:
                raise TestsFail(f"without any flaw, {failure.words}")
            self._sound[which] = None

    def _run(self, flaw: Flaw | None, which: tuple[str, ...], limit: float) -> Failure | None:
        """Runs tests until the first fails."""
        from plant_copy import environment
        with tempfile.TemporaryDirectory(prefix="bn-stream-plant-", ignore_cleanup_errors=True) as folder:
            # What tests that are stopped leave goes with it. Some let another user work there.
            os.chmod(folder, 0o1777)
            events = pathlib.Path(folder) / "events"
            # Nobody reads where a flaw made the tests crash, which takes seconds to find out.
            variables = environment(flaw) | {"TMPDIR": folder, "SWIFT_BACKTRACE": "enable=no"}
            process = subprocess.Popen(
                self.copy.tests(events, *which), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                text=True, errors="replace", start_new_session=True, env=variables, cwd=self.copy.package)
            late = threading.Event()
            timer = threading.Timer(limit, lambda: (late.set(), stop(process)))
            timer.start()
            lines: list[str] = []
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(COLOUR.sub("", line.rstrip()))
                    found = FAILURE.search(lines[-1])
                    if found:
                        time.sleep(SECONDS_TO_WRITE)
                        stop(process)
                        return Failure(f"{found.group(1)} fails", failed_test(events))
                code = process.wait()
            finally:
                timer.cancel()
                stop(process)
                process.wait()
        if late.is_set():
            return Failure(f"not finished after {limit:.0f} s", is_late=True)
        if code != 0:
            ends = [line for line in lines if "Fatal error" in line or "error:" in line] or lines[-1:]
            return Failure(f"the tests end with {code}: {ends[0] if ends else ''}"[:200])
        if not any("Test run with" in line and "passed" in line for line in lines) or any(" 0 tests" in line for line in lines):
            raise TestsFail(f"no test ran for {' '.join(which)}")
        return None


def failed_test(events: pathlib.Path) -> str | None:
    """What chooses the first test that failed, of what the tests wrote down as events; None if they did not get so far."""
    if not events.is_file():
        return None
    for line in events.read_text(errors="replace").splitlines():
        if '"issueRecorded"' not in line:
            continue
        try:
            name = json.loads(line)["payload"]["testID"]
        except (ValueError, KeyError):
            continue
        # Behind the test's name is where it stands.
        return "^" + re.escape(re.sub(r"/[^/]*\.swift:\d+:\d+$", "", name)) + "(/|$)"
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
