"""What tools/bench can measure: a function a row, whose first line of text is what --help says of it."""

import json
import math
import os
import shutil
import statistics

from bench_measure import Contender, Failed, ratios, run, say
from bench_sides import BUILD, FEATURES, GIB, TOOLS

COMPRESSED = {"layout": "chunked", "chunk_samples": 256, "gzip": 1, "shuffle": True}
# What bench_peer.py calls a storage, and bn-stream's keys for it.
OUTPUTS = (("zstd", {"zstd": 1, "shuffle": True}), ("lz4", {"lz4": True, "shuffle": True}),
           ("bitshuffle-lz4", {"lz4": True, "bitshuffle": True}), ("bitshuffle-zstd", {"zstd": 1, "bitshuffle": True}))


def scaled(bench, samples):
    """A number of samples at this scale, a multiple of 4096."""
    return max(4096, int(samples * bench.options.scale) // 4096 * 4096)


def row_copy(bench):
    """whole job, not waiting for the disk, beside cp: batches of 1024, 256, 4096, and all"""
    source = bench.input(scaled(bench, 262144))
    of_batches = 0.6 if bench.is_wide() else 0.95
    for size, target in ((1024, of_batches), (256, of_batches), (4096, of_batches), ("all", 1.2)):
        bench.compare(f"whole job, batch {size}, sync off", bench.ours(source, {"batch_size": size}), bench.copy(source),
                      target=target)


def row_durable(bench):
    """whole job as it is by default, waiting for the disk, beside cp and sync"""
    source = bench.input(scaled(bench, 262144))
    bench.compare("whole job, batch 1024, sync on", bench.ours(source, {"batch_size": 1024, "sync": True}),
                  bench.copy(source, durable=True))


def row_torch(bench):
    """whole job beside h5py and torch"""
    source = bench.input(scaled(bench, 262144))
    bench.compare("whole job, batch 1024, sync off", bench.ours(source, {"batch_size": 1024}), bench.peer(source),
                  faster=True, target=4, stretch=6)


def row_gzip(bench):
    """gzip 4 + shuffle input, outputs uncompressed and gzip 1 + shuffle, beside h5py and torch"""
    source = bench.input(scaled(bench, 65536), gzip=4)
    bench.compare("gzip input, output uncompressed", bench.ours(source, {"batch_size": 1024}), bench.peer(source),
                  faster=True, target=4, stretch=6)
    bench.compare("gzip input, output gzip 1 + shuffle",
                  bench.ours(source, {"batch_size": 1024, "output_storage": COMPRESSED}), bench.peer(source, "--gzip", "1"),
                  faster=True, target=4, stretch=6)


def row_filters(bench):
    """inputs with lzf, zstd, lz4, bitshuffle and blosc, and outputs with zstd and lz4, beside h5py with hdf5plugin and torch"""
    plain = bench.input(scaled(bench, 65536))
    for storage in ("lzf", "zstd", "lz4", "bitshuffle-lz4", "bitshuffle-zstd", "blosc-lz4", "blosc-zstd"):
        source = bench.stored(plain, storage)
        bench.compare(f"{storage} input, output uncompressed", bench.ours(source, {"batch_size": 1024}), bench.peer(source),
                      faster=True, target=4)
    source = bench.stored(plain, "lz4")
    for storage, keys in OUTPUTS:
        ours = bench.ours(source, {"batch_size": 1024, "output_storage": {"layout": "chunked", "chunk_samples": 256, **keys}})
        peer = bench.peer(source, "--storage", storage)
        bench.measure([ours, peer])
        bench.add(f"lz4 input, output {storage}", peer.name, ratios(peer.times, ours.times), True, ours=ours, peer=peer,
                  note=f"size: {ours.output_size / peer.output_size:.3f} of the peer's")


def row_threads(bench):
    """gzip case with 1 and 2 threads"""
    if bench.cores < 2:
        raise Failed("there is one core only")
    source = bench.input(scaled(bench, 65536), gzip=4)
    for words, settings in (("uncompressed", {}), ("gzip 1 + shuffle", {"output_storage": COMPRESSED})):
        one, two = (bench.ours(source, {"batch_size": 1024, **settings}, "--threads", str(n), name=f"{n} threads")
                    for n in (1, 2))
        one.name = "1 thread"
        bench.compare(f"2 threads, gzip input, output {words}", two, one, faster=True, target=1.8)


def row_codec(bench):
    """inputs beside what their codec alone takes, h5py decoding all on one thread, divided among the cores; outputs beside encoding"""
    plain = bench.input(scaled(bench, 65536))
    for storage in ("gzip", "lzf", "zstd", "lz4", "bitshuffle-lz4", "blosc-lz4", "blosc-zstd"):
        source = bench.input(scaled(bench, 65536), gzip=4) if storage == "gzip" else bench.stored(plain, storage)
        ours, decoding = bench.ours(source, {"batch_size": 1024}), bench.decoding(source)
        contiguous = bench.ours(plain, {"batch_size": 1024}, name="contiguous")
        beside_codec(bench, f"{storage} input, output uncompressed", ours, decoding, contiguous)
    contiguous = bench.ours(plain, {"batch_size": 1024}, name="contiguous")
    for storage, keys in (("gzip", {"gzip": 1, "shuffle": True}), *OUTPUTS):
        ours = bench.ours(plain, {"batch_size": 1024, "output_storage": {"layout": "chunked", "chunk_samples": 256, **keys}})
        beside_codec(bench, f"contiguous input, output {storage}", ours, bench.encoding(contiguous, storage), contiguous)


def beside_codec(bench, what, ours, codec, contiguous):
    """A row beside the larger of what the codec takes on all cores and what the contiguous job takes; with both together, which no program on as
    many cores can do in less."""
    bench.measure([ours, codec, contiguous])
    least = [max(alone / bench.cores, job) for alone, job in zip(codec.processor_times, contiguous.times)]
    work = [(one + other) / bench.cores for one, other in zip(codec.processor_times, contiguous.processor_times)]
    bench.add(what, "max(codec / cores, contiguous job)", ratios(ours.times, least), False, target=1.15, ours=ours, peer=codec,
              note=f"contiguous {statistics.median(contiguous.times):.3f} s; both, on all cores, {statistics.median(work):.3f} s")


def row_cold(bench):
    """input that is not in the page cache, beside dd reading it while another dd writes as much as the output is"""
    source = bench.input(scaled(bench, 262144))
    for size in (1024, "all"):
        ours = bench.ours(source, {"batch_size": size})
        moved = bench.moving_bytes(source)
        for side in (ours, moved):
            side.prepare = lambda: drop_from_cache(source)
        bench.compare(f"cold input, batch {size}, sync off", ours, moved, target=1.1)


def drop_from_cache(path):
    """Takes a file out of the page cache, so that the next reader waits for the disk; its pages must be on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def row_statistics(bench):
    """statistics only, without large outputs, beside numpy over the mapped file, dask, and scikit-learn's partial_fit"""
    source = bench.input(scaled(bench, 262144))
    ours = bench.ours(source, {"batch_size": 4096, "outputs": ["population"]})
    peers = [bench.statistics_peer(source, name) for name in ("numpy", "dask", "scikit-learn") if bench.has_statistics(name)]
    if not peers:
        raise Failed(f"{bench.options.python} has no h5py; name one that has with --python")
    bench.measure([ours, *peers])
    best = min(peers, key=lambda peer: statistics.median(peer.times))
    for peer in peers:
        bench.add("population statistics of the activations", peer.name, ratios(peer.times, ours.times), True, ours=ours,
                  peer=peer, **({"target": 3} if peer is best else {}))


def row_batches(bench):
    """10⁶ batches of 2 samples beside 10³ of them, by time per batch, and beside creating and writing the same datasets with h5py"""
    if not bench.has_h5py():
        raise Failed(f"{bench.options.python} has no h5py; name one that has with --python")
    count = max(1000, int(1_000_000 * bench.options.scale))
    many, few = bench.input(2 * count, 16), bench.input(2000, 16)
    ours, thousand = (bench.ours(source, {"batch_size": 2}, name=name) for source, name in ((many, "many"), (few, "10³ batches")))
    start = bench.ours(bench.input(2, 16), {"batch_size": 2}, name="one batch")
    peer = bench.writing(ours)
    bench.measure([ours, thousand, start, peer])
    bench.add(f"{count} batches of [2, 16]", peer.name, ratios(ours.times, peer.times), False, target=2, ours=ours, peer=peer)
    # Of 10³ batches nearly all is the process's start, which is taken off by what one batch takes.
    each = [many / count for many in ours.processor_times]
    first = [max(1e-9, (a - b) / 999) for a, b in zip(thousand.processor_times, start.processor_times)]
    bench.add("processor time per batch", "per batch of 10³", ratios(each, first), False, target=1.1,
              note=f"{1e6 * statistics.median(each):.2f} µs a batch")


def row_shards(bench):
    """four shards at once, one thread each, beside one process"""
    source = bench.input(scaled(bench, 262144))
    bench.compare("4 shards at once, 1 thread each, batch 1024, sync off", bench.shards(source, 4),
                  bench.ours(source, {"batch_size": 1024}, name="one process"), target=1.1)


def available_memory():
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except OSError:
        return 16 * GIB


def row_sizes(bench):
    """time per row and peak memory at input sizes from 0.25 to 6 GiB, as far as space and memory allow"""
    memory = available_memory()
    sizes = [size for size in (0.25, 1, 2, 4, 6) if size <= 6 * bench.options.scale]
    sides = []
    for size in sizes:
        need = size * GIB
        if 2 * need > 0.85 * memory or 2.05 * need > shutil.disk_usage(bench.folder).free:
            say(f"sizes: {size} GiB is left out: input and output would not fit in the free memory or on the disk")
            continue
        samples = int(size * GIB) // (8 * FEATURES)
        source = bench.input(samples)
        sides.append((size, samples, bench.ours(source, {"batch_size": 1024}, name=f"{size} GiB"), bench.copy(source)))
    if len(sides) < 2:
        raise Failed("fewer than two sizes fit")
    bench.measure([side for _, _, ours, copied in sides for side in (ours, copied)])
    _, first_samples, first, first_copy = sides[0]
    per_row = [t / first_samples for t in first.times]
    for size, samples, ours, plain in sides[1:]:
        copied = ratios([t / samples for t in plain.times], [t / first_samples for t in first_copy.times])
        bench.add(f"time per row at {size} GiB", f"at {sides[0][0]} GiB",
                  ratios([t / samples for t in ours.times], per_row), False, target=1.1, ours=ours, peer=first,
                  note=f"cp: {copied[1]:.2f}")
    for size, _, ours, _ in sides[1:]:
        quotient = ours.peak_memory / first.peak_memory
        bench.add(f"peak memory at {size} GiB", f"at {sides[0][0]} GiB", (quotient,) * 3, False, target=1.05,
                  note=mebibytes(ours.peak_memory), after=ours)


def row_layers(bench):
    """5,000 tiny layers beside creating the same datasets with h5py alone: processor time, peak memory; 1,000 of [64, 16] beside writing"""
    if not bench.has_h5py():
        raise Failed(f"{bench.options.python} has no h5py; name one that has with --python")
    count = max(10, int(5000 * bench.options.scale))
    source = bench.input(4, 8, layers=count)
    ours = bench.ours(source, {"batch_size": 2})
    # What the peer creates is what is in an output.
    template = bench.path("out-template.h5")
    run([template if word == ours.output else word for word in ours.command])
    output = bench.path("out-peer.h5")
    peer = Contender("h5py, creating", [bench.options.python, os.path.join(TOOLS, "bench_peer.py"), "create", "--like",
                                        template, "--out", output], output, own_time=True)
    bench.measure([ours, peer])
    each = statistics.median(ours.processor_times) / count
    # The other row: layers with something in them, and the peer writes all numbers.
    filled = max(10, int(1000 * bench.options.scale))
    some = bench.ours(bench.input(64, 16, layers=filled), {"batch_size": 16}, name="some")
    writing = bench.writing(some)
    bench.measure([some, writing])
    bench.add(f"{filled} layers of [64, 16]", writing.name, ratios(some.times, writing.times), False, target=2, ours=some,
              peer=writing)
    bench.add(f"processor time of {count} layers", peer.name, ratios(ours.processor_times, peer.processor_times), False,
              ours=ours, peer=peer, note=f"{1e6 * each:.0f} µs a layer; peak memory {mebibytes(ours.peak_memory)}")


def row_wide(bench):
    """few samples of very many features: [16, 1048576] in 256 MiB and in 8 GiB, [4, 10000000] and [2, 200704, 9] beside cp"""
    def wide(samples, features, plane=1):
        return bench.input(samples, max(64, int(features * bench.options.scale) // 64 * 64), plane=plane)

    def words(source):
        return "[" + os.path.basename(source)[3:-3].replace("x", ", ") + "]"

    source = wide(16, 1 << 20)
    little, ample = (bench.ours(source, {"memory": memory}, name=name)
                     for memory, name in (("256MiB", "256 MiB"), ("8GiB", "8 GiB")))
    bench.measure([little, ample, plain := bench.copy(source)])
    for ours, peer in ((little, ample), (little, plain), (ample, plain)):
        bench.add(f"{words(source)}, memory limit {ours.name}", f"limit {peer.name}" if peer is ample else peer.name,
                  ratios(ours.times, peer.times), False, ours=ours, peer=peer,
                  note=f"peak memory {mebibytes(ours.peak_memory)}")
    for source in (wide(4, 10_000_000), wide(2, 200_704, 9)):
        ours, plain = bench.ours(source, {}), bench.copy(source)
        bench.measure([ours, plain])
        bench.add(f"{words(source)}, by default", plain.name, ratios(ours.times, plain.times), False, ours=ours, peer=plain,
                  note=f"peak memory {mebibytes(ours.peak_memory)}")


def mebibytes(byte_count):
    return f"{byte_count / (1 << 20):.1f} MiB"


def row_tiny(bench):
    """a whole process for 1000 x 64 beside Python's imports"""
    bench.need_peer()
    source = bench.input(1000, 64)
    imports = Contender("python3 -c 'import torch, h5py'", [bench.options.python, "-c", "import torch, h5py"])
    bench.compare("whole process, [1000, 64], sync off", bench.ours(source, {}), imports, faster=True, target=40)


def row_debug(bench):
    """the debug build beside the release build"""
    bench.build("debug")
    source = bench.input(scaled(bench, 262144))
    debug = bench.ours(source, {"batch_size": 1024}, name="debug", program=os.path.join(BUILD, "debug", "bn-stream"))
    bench.compare("debug build, batch 1024, sync off", debug, bench.ours(source, {"batch_size": 1024}, name="release"),
                  target=1.3)


def row_kernels(bench):
    """kernels in memory beside torch's, and how near they come to a triad's bandwidth"""
    package = os.path.join(TOOLS, "kernel-benchmarks")
    say("building the kernel benchmarks")
    build = os.path.join(package, ".build")
    run(["swift", "build", "--package-path", package, "--scratch-path", build, "-c", "release"])
    measured = [*bench.kernels(), "swift", "package", "--package-path", package, "--scratch-path", build, "benchmark", "run", "--format", "jmh",
                "--path", "stdout", "--no-progress", "--quiet"]
    if not bench.has_peer():
        say(f"{bench.options.python} has no torch: kernels are shown beside the triad only")
    # Median seconds, one for each round, by (shape, threads, where results go), and by (shape, threads).
    ours, theirs = {}, {}
    for _ in range(min(3, bench.options.runs)):
        for key, seconds in kernel_times(run(measured)):
            ours.setdefault(key, []).append(seconds)
        threads = [str(threads) for threads in sorted({threads for _, threads, _ in ours})]
        if bench.has_peer():
            peer = json.loads(run([bench.options.python, os.path.join(TOOLS, "bench_peer.py"), "kernels", "--threads",
                                   *threads]))
            for kernel in peer["kernels"]:
                key = "x".join(map(str, kernel["shape"])), kernel["threads"]
                theirs.setdefault(key, []).append(kernel["median"])
    for (shape, threads, place), times in sorted(ours.items(), key=lambda item: (item[0][2], item[0][1], item[0][0].count("x"))):
        if shape == "triad":
            continue
        bytes_moved = 16 * math.prod(map(int, shape.split("x")))
        best = min(times)
        bandwidth, triad = bytes_moved / best, 12 * (16 << 20) / min(ours["triad", threads, "in place"])
        note = f"{1e6 * best:.0f} µs, {bandwidth / 1e9:.1f} GB/s, {100 * bandwidth / triad:.0f} % of the triad"
        what = f"kernels [{shape.replace('x', ', ')}], {place}, {threads} thread{'s' if threads > 1 else ''}"
        if (shape, threads) in theirs:
            target = {"target": kernel_target(bench, shape)} if place == "in place" else {}
            bench.add(what, "torch", ratios(theirs[shape, threads], times), True, note=note, **target)
        else:
            bench.add(what, "triad", (bandwidth / triad,) * 3, True, note=note)


def kernel_target(bench, shape):
    """How many times faster than torch: without AVX-512 it stays what it was, as the code is near its limit there."""
    is_plane = shape.count("x") == 3
    if not bench.is_wide():
        return 2.1 if is_plane else 1
    if 8 * math.prod(map(int, shape.split("x"))) > bench.last_cache():
        return 1.2
    return 3 if is_plane else 1.5


def kernel_times(text):
    """((shape, threads, where results go), median seconds) from what the benchmark plugin prints: a JSON array beside lines of the package manager."""
    for element in json.loads(text[text.index("[{"):text.rindex("]") + 1]):
        shape, *place, threads = element["benchmark"].split(".")[-1].split("_")
        # Microseconds, whatever the benchmark's own unit.
        yield (shape, int(threads), "apart" if place else "in place"), element["secondaryMetrics"]["Time (wall clock)"]["scorePercentiles"]["50.0"] / 1e6


ROWS = {name[4:]: function for name, function in list(globals().items()) if name.startswith("row_")}
