"""The two sides of a row of tools/bench: builds, inputs and commands, and the row that comes of timing them."""

import copy
import json
import os
import shutil
import statistics

from bench_measure import Contender, Failed, in_turn, processor, ratios, run, say

TOOLS = os.path.dirname(os.path.realpath(__file__))
PROJECT = os.path.dirname(TOOLS)
BUILD = os.path.join(PROJECT, ".build-bench")
GIB = 1 << 30
FEATURES = 1024


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


class Bench:
    """What rows share: programs, inputs, peers."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.result = []
        self.program = os.path.join(BUILD, "release", "bn-stream")
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.peer_is_there = None

    def path(self, name):
        return os.path.join(self.folder, name)

    # What is measured

    def build(self, configuration):
        say(f"building for {configuration}")
        run(["swift", "build", "--package-path", PROJECT, "--scratch-path", BUILD, "-c", configuration,
             "--product", "bn-stream"])
        if shutil.which("objdump"):
            run([os.path.join(TOOLS, "check-machine-code"), os.path.join(BUILD, configuration, "bn-stream")])

    def input(self, samples, features=FEATURES, gzip=0, plane=1, layers=1):
        """An input of that shape, made unless it is there, and read once so that it is in the page cache."""
        shape = f"{samples}x{features}" + (f"x{plane}" if plane > 1 else "")
        path = self.path(f"in-{shape}{'-gzip' if gzip else ''}{f'-{layers}' if layers > 1 else ''}.h5")
        if not os.path.exists(path):
            self.need(layers * samples * features * plane * 8)
            maker = self.path("bench_inputs")
            flags = run(["pkg-config", "--cflags", "--libs", "hdf5"]).split()
            compiler = next((c for c in ("cc", "clang", "gcc") if shutil.which(c)), None)
            if not compiler:
                raise Failed("no C compiler (cc, clang, gcc) to build tools/bench_inputs.c with")
            run([compiler, "-O2", os.path.join(TOOLS, "bench_inputs.c"), "-o", maker, *flags])
            say(f"making {path}")
            run([maker, path + ".part", str(layers), str(samples), str(features), str(plane),
                 *([str(gzip), "256"] if gzip else [])])
            os.rename(path + ".part", path)
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass
        return path

    def need(self, size):
        free = shutil.disk_usage(self.folder).free
        if size * 1.02 > free:
            raise Failed(f"{self.folder} has {free / GIB:.1f} GiB free, and this needs {size / GIB:.1f} GiB")

    def ours(self, source, settings, *arguments, name="bn-stream", program=None):
        """A run of bn-stream with a configuration; it does not wait for the disk unless the settings say so."""
        self.need(os.path.getsize(source) * (4 if os.path.basename(source).count("-") > 1 else 1))
        settings = {"sync": False, **settings}
        words = "-".join(str(value) for value in settings.values() if not isinstance(value, dict))
        storage = "-".join(f"{key}-{value}" for key, value in settings.get("output_storage", {}).items())
        configuration = self.path(f"configuration-{words}-{storage or 'plain'}.json")
        with open(configuration, "w") as file:
            json.dump(settings, file)
        output = self.path("out-ours.h5")
        command = [*self.kernels(), program or self.program, "--in", source, "--out", output, "--config", configuration,
                   "--progress", "never", "--json", *arguments]
        return Contender(name, command, output)

    def kernels(self):
        """What stands before a command that computes, if it is not to use the best kernels of this processor."""
        return [] if self.options.kernels == "best" else ["env", f"BN_STREAM_KERNELS={self.options.kernels}"]

    def is_wide(self):
        """Whether the kernels use AVX-512."""
        return self.options.kernels == "best" and " avx512f" in text_of("/proc/cpuinfo")

    def last_cache(self):
        """Bytes of the last cache; 32 MiB where nobody says."""
        size = text_of("/sys/devices/system/cpu/cpu0/cache/index3/size").strip()
        return int(size[:-1]) << 10 if size.endswith("K") else 32 << 20

    def shards(self, source, count):
        """The same job as shards that run at the same time."""
        whole = self.ours(source, {"batch_size": 1024}, "--threads", "1", "--wait")
        script = "".join(f'"$@" --shard {index}/{count} >/dev/null & ' for index in range(count)) + 'wait; test -e "$0"'
        return Contender(f"{count} shards", ["sh", "-c", script, whole.output, *whole.command], whole.output)

    def copy(self, source, durable=False):
        output = self.path("out-copy.h5")
        # Where a file system can share blocks between files, cp would copy nothing.
        plain = "--reflink=never"
        if durable:
            return Contender("cp, sync", ["sh", "-c", f'cp {plain} "$1" "$2" && sync "$2"', "sh", source, output], output)
        return Contender("cp", ["cp", plain, source, output], output)

    def peer(self, source, *arguments):
        self.need_peer()
        output = self.path("out-peer.h5")
        return Contender(
            "h5py + torch", [self.options.python, os.path.join(TOOLS, "bench_peer.py"), "file", "--in", source,
                             "--out", output, "--threads", str(self.cores), *arguments], output, own_time=True)

    def writing(self, ours):
        """h5py alone creating and writing the datasets that a run of bn-stream wrote, whose numbers it has in memory."""
        template = self.path("template-" + os.path.basename(ours.command[ours.command.index("--in") + 1]))
        run([template if word == ours.output else word for word in ours.command] + ["--force"])
        output = self.path("out-peer.h5")
        return Contender("h5py, writing the same", [
            self.options.python, os.path.join(TOOLS, "bench_peer.py"), "create", "--like", template, "--out", output,
            "--numbers"], output, own_time=True)

    def decoding(self, source):
        """h5py reading the whole input on one thread, and nothing else."""
        return Contender("h5py, decoding", [self.options.python, os.path.join(TOOLS, "bench_peer.py"), "decode", "--in", source],
                         own_time=True)

    def encoding(self, ours, storage):
        """h5py compressing what a run of bn-stream wrote on one thread into memory, and nothing else."""
        template = self.path("template-" + os.path.basename(ours.command[ours.command.index("--in") + 1]))
        run([template if word == ours.output else word for word in ours.command] + ["--force"])
        return Contender("h5py, encoding", [self.options.python, os.path.join(TOOLS, "bench_peer.py"), "encode", "--like", template,
                                            "--storage", storage], own_time=True)

    def moving_bytes(self, source):
        """One dd that reads the input while another writes as many bytes."""
        output = self.path("out-copy.h5")
        blocks = os.path.getsize(source) >> 20
        return Contender("dd reading, dd writing", [
            "sh", "-c", f'dd if="$1" of=/dev/null bs=1M 2>/dev/null & dd if=/dev/zero of="$2" bs=1M count={blocks} 2>/dev/null; wait',
            "sh", source, output], output)

    def has_statistics(self, name):
        return self.imports({"numpy": "h5py, numpy", "dask": "h5py, dask.array", "scikit-learn": "h5py, sklearn"}[name])

    def statistics_peer(self, source, name):
        return Contender(name, [self.options.python, os.path.join(TOOLS, "bench_peer.py"), "statistics", "--in", source,
                                "--with", name, "--threads", str(self.cores)], own_time=True)

    def need_peer(self):
        if not self.has_peer():
            raise Failed(f"{self.options.python} has no torch and h5py; name one that has with --python")

    def has_peer(self):
        if self.peer_is_there is None:
            self.peer_is_there = self.imports("torch, h5py")
        return self.peer_is_there

    def has_h5py(self):
        return self.imports("h5py")

    def imports(self, modules):
        try:
            run([self.options.python, "-c", f"import {modules}"])
            return True
        except (Failed, OSError):
            return False

    def stored(self, source, storage):
        """The same input in chunks with a filter that hdf5plugin has, read once so that it is in the page cache."""
        path = source.removesuffix(".h5") + f"-{storage}.h5"
        if not os.path.exists(path):
            if not self.imports("hdf5plugin"):
                raise Failed(f"{self.options.python} has no hdf5plugin; name one that has with --python")
            self.need(os.path.getsize(source))
            say(f"making {path}")
            run([self.options.python, os.path.join(TOOLS, "bench_peer.py"), "store", "--in", source, "--out", path + ".part",
                 "--storage", storage])
            os.rename(path + ".part", path)
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass
        return path

    # What is reported

    def measure(self, contenders):
        """Measures contenders in turn, and right beside each run of this build one of the other build, if there is one."""
        sides = []
        for contender in contenders:
            sides.append(contender)
            if self.options.before and self.program in contender.command:
                contender.before = copy.copy(contender)
                contender.before.command = [self.options.before if word == self.program else word for word in contender.command]
                contender.before.forget()
                contender.before.may_fail = True
                sides.append(contender.before)
        in_turn(sides, self.options.runs)

    def compare(self, what, ours, peer, faster=False, **targets):
        """Measures two contenders; `faster`: how many times the peer's time is ours, instead of ours to the peer's."""
        self.measure([ours, peer])
        found = ratios(peer.times, ours.times) if faster else ratios(ours.times, peer.times)
        self.add(what, peer.name, found, faster, ours=ours, peer=peer, **targets)

    def add(self, what, beside, found, faster, target=None, stretch=None, ours=None, peer=None, note="", after=None):
        row = {"what": what, "beside": beside, "minimum": found[0], "median": found[1], "maximum": found[2],
               "relation": "≥" if faster else "≤", "target": target, "stretch": stretch, "note": note,
               "processor": processor(), "kernels": self.options.kernels}
        for side, contender in (("ours", ours), ("peer", peer)):
            if contender:
                row[side] = {"seconds": contender.times, "processor_seconds": contender.processor_times,
                             "stages": contender.spent}
        after = next((side for side in (ours, peer, after) if side and side.before), None)
        if after:
            row["before"] = beside_before(after)
        self.result.append(row)
        say(f"{what}: {found[0]:.3g} {found[1]:.3g} {found[2]:.3g}")


def beside_before(after):
    """Medians of a contender by those of the other build."""
    before = after.before
    if before.failure:
        return {"failure": before.failure}

    def quotient(a, b):
        return statistics.median(a) / statistics.median(b)

    found = {"time": quotient(after.times, before.times),
             "processor_time": quotient(after.processor_times, before.processor_times)}
    if after.peak_memory and before.peak_memory:
        found["peak_memory"] = after.peak_memory / before.peak_memory
    return found
