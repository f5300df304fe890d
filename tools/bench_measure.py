"""Times commands in turn, and ratios of such times; for tools/bench."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time


def say(text):
    print(f"tools/bench: {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """A command did not work; the row that needed it is left out."""


def run(command, quiet=True):
    """Runs a command to its end; its standard output."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else sys.stderr,
        stderr=subprocess.PIPE if quiet else None, text=True)
    if done.returncode != 0:
        words = " ".join(map(str, command))
        raise Failed(f"'{words}' ended with {done.returncode}: {(done.stderr or '').strip()[-400:]}")
    return done.stdout


class Contender:
    """One side of a comparison: a command, and the output that it makes anew each time.

    A command that prints an object with "seconds" and perhaps "processor_seconds" of its own is believed, if `own_time` says
    so. Of one that prints "peak_memory_bytes", the largest is kept. One that `may_fail` is not run again after it did.
    """

    def __init__(self, name, command, output=None, own_time=False):
        self.name, self.command, self.output, self.own_time = name, command, output, own_time
        self.before, self.may_fail, self.failure = None, False, None
        # Called before each run, outside of its time.
        self.prepare = None
        self.forget()

    def forget(self):
        """Has measured nothing yet."""
        self.times, self.processor_times, self.peak_memory, self.spent = [], [], 0, {}
        self.output_size = 0

    def measure(self, counts=True):
        if self.failure:
            return
        try:
            self.run(counts)
        except Failed as failure:
            if not self.may_fail:
                raise
            self.failure = str(failure)
            say(f"left out from here on: {failure}")

    def run(self, counts):
        if self.output:
            remove(self.output)
        # What earlier runs left to be written must not slow this one down.
        os.sync()
        if self.prepare:
            self.prepare()
        before = processor_seconds()
        start = time.perf_counter()
        text = run(self.command)
        seconds = time.perf_counter() - start
        processor = processor_seconds() - before
        report = json.loads(text) if text.startswith("{") else {}
        if self.own_time:
            seconds = report["seconds"]
            processor = report.get("processor_seconds", processor)
        if self.output:
            self.output_size = os.path.getsize(self.output) if os.path.exists(self.output) else 0
            remove(self.output)
        if counts:
            self.times.append(seconds)
            self.processor_times.append(processor)
            self.peak_memory = max(self.peak_memory, report.get("peak_memory_bytes", 0))
            for stage, spent in report.get("time", {}).items():
                self.spent.setdefault(stage, []).append(spent)


def processor_seconds():
    """User and system time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def in_turn(contenders, runs, warmups=1):
    """Each contender `runs` times, in turn; the order turns around from round to round, so that none always goes first."""
    for round in range(-warmups, runs):
        for contender in contenders if round % 2 == 0 else reversed(contenders):
            contender.measure(counts=round >= 0)


def ratios(over, under):
    """Minimum, median and maximum of the quotients of times that were measured in the same round."""
    quotients = [a / b for a, b in zip(over, under)]
    return min(quotients), statistics.median(quotients), max(quotients)


def processor():
    """The processor's name and what tells its kind, as far as the system says it."""
    fields = {}
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                name, _, value = line.partition(":")
                fields.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    words = [fields.get("model name") or platform.processor() or platform.machine()]
    if "cpu family" in fields:
        words.append(f"family {fields['cpu family']}, model {fields.get('model', '?')}")
    flags = fields.get("flags", "").split()
    words.extend(name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags)
    return f"{', '.join(words[:3])}, {os.cpu_count()} cores"
