"""Which tests come to which flaws' places, found by running each suite once: what no test comes to, no test notices."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile
import time

from plant_catalogue import Flaw
from plant_copy import Copy, environment
from plant_tests import LEFT_OUT, NotYet, Suite, stop

#: As many bytes as there may be flaws.
MARKS = 1 << 20
#: A suite that does not end within this many seconds is left out.
SUITE_SECONDS = 900
#: Suites are asked together, this many seconds of them: few at first, for most flaws are noticed by the nearest.
TOGETHER = (10, 60, 150, 300)
#: With a flaw, suites may take this many times longer than alone, and this many seconds more.
PATIENCE, START_SECONDS = 4, 30


@dataclasses.dataclass(frozen=True)
class Reach:
    """A suite: the numbers of the flaws that it comes to, and how long it takes."""

    suite: str
    numbers: frozenset[int]
    seconds: float

    @property
    def filter(self) -> str:
        return f"^{re.escape(self.suite)}(/|$)"


def suites(copy: Copy) -> list[str]:
    """The names of all suites, as Target.Suite."""
    listed = subprocess.run(copy.command("test", "list", "--skip-build"), capture_output=True, text=True, check=True).stdout
    names = {line.split("/")[0] for line in listed.splitlines() if "/" in line}
    return sorted(name for name in names if LEFT_OUT not in name)


def reach(copy: Copy, names: list[str], jobs: int) -> list[Reach]:
    """Runs each suite once without a flaw."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return [each for each in pool.map(lambda name: one(copy, name), names) if each is not None]


def one(copy: Copy, name: str) -> Reach | None:
    with tempfile.TemporaryDirectory(prefix="bn-stream-plant-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o1777)
        marks = pathlib.Path(folder) / "marks"
        marks.write_bytes(bytes(MARKS))
        # Some tests let another user work.
        marks.chmod(0o666)
        variables = environment(None) | {"TMPDIR": folder, "BN_STREAM_PLANT_MARKS": str(marks)}
        begin = time.monotonic()
        process = subprocess.Popen(
            copy.tests(pathlib.Path(folder) / "events", "--filter", f"^{re.escape(name)}(/|$)"), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True, env=variables, cwd=copy.package)
        try:
            code = process.wait(SUITE_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop(process)
            process.wait()
        seconds = time.monotonic() - begin
        print(f"reached {name} {seconds:.0f} s, exit {code}", flush=True)
        contents = marks.read_bytes()
    numbers = frozenset(match.start() for match in re.finditer(b"\x01", contents))
    return Reach(name, numbers, seconds) if code == 0 else None


def nearest(flaw: Flaw, reaches: list[Reach]) -> list[Reach]:
    """The suites that come to a flaw, those first that are about little else and take little time."""
    there = [each for each in reaches if flaw.number in each.numbers]
    return sorted(there, key=lambda each: len(each.numbers) * (1 + each.seconds))


def together(reaches: list[Reach]) -> list[list[Reach]]:
    """The same suites in the same order, in groups to be asked at once."""
    groups: list[list[Reach]] = []
    seconds = float("inf")
    for each in reaches:
        if seconds + each.seconds > TOGETHER[min(len(groups), len(TOGETHER)) - 1]:
            groups.append([])
            seconds = 0
        groups[-1].append(each)
        seconds += each.seconds
    return groups


class ReachingSuites:
    """Asks the suites that come to a flaw's place, the nearest first, a group at a time. Several threads may ask, each of another flaw."""

    def __init__(self, suite: Suite, reaches: list[Reach]):
        self.suite = suite
        self.reaches = reaches
        self._asked: dict[int, int] = {}  #: How many groups pass with a flaw, by its number.

    def notices(self, flaw: Flaw, deadline: float | None = None) -> str | None:
        """What fails with the flaw and not without it; None if all pass that come to it, or none does.

        Raises:
            NotYet: the group that was asked passes, and the next call asks another.
        """
        groups = together(nearest(flaw, self.reaches))
        if not groups:
            return None
        asked = self._asked.get(flaw.number, 0)
        limit = START_SECONDS + PATIENCE * sum(each.seconds for each in groups[asked])
        failed = self.suite.asks(flaw, limit, "|".join(each.filter for each in groups[asked]))
        self._asked[flaw.number] = asked + 1
        if failed is None and asked + 1 < len(groups):
            raise NotYet(f"the nearest {sum(map(len, groups[:asked + 1]))} of {sum(map(len, groups))} suites pass")
        return failed
