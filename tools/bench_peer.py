"""What tools/bench measures bn-stream beside: the same work with h5py and PyTorch.

    bench_peer.py file --in acts.h5 --out out.h5 [--batch-size 1024] [--threads 2] [--gzip LEVEL | --storage NAME]
    bench_peer.py store --in acts.h5 --out stored.h5 --storage NAME
    bench_peer.py kernels [--threads 1 2] [--seconds 1]
    bench_peer.py create --like template.h5 --out out.h5 [--numbers]
    bench_peer.py decode --in acts.h5
    bench_peer.py encode --like out.h5 --storage NAME
    bench_peer.py statistics --in acts.h5 --with numpy|dask|scikit-learn [--threads 2]

All print JSON. `file` reads each batch with read_direct into memory it keeps, calls native_batch_norm and
native_batch_norm_backward, and writes with write_direct; its seconds do not include the imports. `kernels` gives the seconds of
forward + backward in memory for each shape. `create` creates the groups and empty datasets of another file with h5py alone, and needs
no PyTorch; its seconds do not include the imports, nor looking what there is to create; with --numbers it writes the numbers, too, which it
has read before. `decode` reads all datasets, `encode` writes output and grad_input of a file into a file in memory, in chunks of 256 samples, and `statistics` computes mean and variance of each feature of the activations. `store` copies a layer into chunks of 256
samples with one of the filters in STORAGES, which hdf5plugin has.
"""

import argparse
import json
import time

CHUNK_SAMPLES = 256
# What h5py's create_dataset takes, made when hdf5plugin is there.
STORAGES = {
    "gzip": lambda plugin: dict(compression="gzip", compression_opts=1, shuffle=True),
    "lzf": lambda plugin: dict(compression="lzf", shuffle=True),
    "zstd": lambda plugin: dict(plugin.Zstd(clevel=1), shuffle=True),
    "lz4": lambda plugin: dict(plugin.LZ4(), shuffle=True),
    "bitshuffle-lz4": lambda plugin: dict(plugin.Bitshuffle(cname="lz4")),
    "bitshuffle-zstd": lambda plugin: dict(plugin.Bitshuffle(cname="zstd", clevel=1)),
    "blosc-lz4": lambda plugin: dict(plugin.Blosc(cname="lz4", clevel=5, shuffle=plugin.Blosc.SHUFFLE)),
    "blosc-zstd": lambda plugin: dict(plugin.Blosc(cname="zstd", clevel=1, shuffle=plugin.Blosc.SHUFFLE)),
}
KERNEL_SHAPES = [(4096, 1024), (256, 1024), (65536, 64), (32, 64, 56, 56), (32, 256, 14, 14), (8192, 3)]


def forward_backward(x, dy, gamma, beta):
    """y and dx, as x; mean, invStd, dgamma and dbeta [C] are computed on the way."""
    import torch

    y, mean, inv_std = torch.ops.aten.native_batch_norm(x, gamma, beta, None, None, True, 0.1, 1e-5)
    dx, dgamma, dbeta = torch.ops.aten.native_batch_norm_backward(
        dy, x, gamma, None, None, mean, inv_std, True, 1e-5, [True, True, True])
    return y, dx, dgamma, dbeta


def run_file(options):
    import h5py
    import numpy as np
    import torch

    torch.set_num_threads(options.threads)
    storages = named_storages(options)
    start = time.perf_counter()
    with h5py.File(options.input, "r") as source, h5py.File(options.output, "w") as target:
        activations, gradients = source["activations"], source["grad_output"]
        samples, features = activations.shape
        gamma = torch.from_numpy(source["gamma"][:])
        beta = torch.from_numpy(source["beta"][:])
        storage = {}
        if options.gzip:
            storage = dict(chunks=(CHUNK_SAMPLES, features), compression="gzip", compression_opts=options.gzip, shuffle=True)
        if options.storage:
            storage = dict(storages(options.storage), chunks=(CHUNK_SAMPLES, features))
        output = target.create_dataset("output", activations.shape, "f4", **storage)
        grad_input = target.create_dataset("grad_input", activations.shape, "f4", **storage)
        x = np.empty((options.batch_size, features), "f4")
        dy = np.empty_like(x)
        dgamma = np.zeros(features)
        dbeta = np.zeros(features)
        for first in range(0, samples, options.batch_size):
            count = min(options.batch_size, samples - first)
            here, there = np.s_[:count], np.s_[first:first + count]
            activations.read_direct(x, there, here)
            gradients.read_direct(dy, there, here)
            y, dx, batch_dgamma, batch_dbeta = forward_backward(
                torch.from_numpy(x[:count]), torch.from_numpy(dy[:count]), gamma, beta)
            dgamma += batch_dgamma.numpy()
            dbeta += batch_dbeta.numpy()
            output.write_direct(y.numpy(), here, there)
            grad_input.write_direct(dx.numpy(), here, there)
        target["grad_gamma"] = dgamma
        target["grad_beta"] = dbeta
    return {"seconds": time.perf_counter() - start, "torch": torch.__version__, "h5py": h5py.__version__}


def named_storages(options):
    """What gives a storage by its name; where none is named, readers need the plugins all the same if the input has filters."""
    try:
        import hdf5plugin
    except ImportError:
        if options.storage:
            raise
        return None
    return lambda name: STORAGES[name](hdf5plugin)


def run_store(options):
    import h5py

    storage = named_storages(options)(options.storage)
    with h5py.File(options.input, "r") as source, h5py.File(options.output, "w") as target:
        for name, dataset in source.items():
            if dataset.ndim == 1:
                target[name] = dataset[:]
                continue
            chunks = (CHUNK_SAMPLES, *dataset.shape[1:])
            stored = target.create_dataset(name, dataset.shape, dataset.dtype, **storage, chunks=chunks)
            for first in range(0, len(dataset), CHUNK_SAMPLES):
                stored[first:first + CHUNK_SAMPLES] = dataset[first:first + CHUNK_SAMPLES]
    return {"h5py": h5py.__version__}


def run_kernels(options):
    import torch

    results = []
    for shape in KERNEL_SHAPES:
        x, dy = torch.randn(shape), torch.randn(shape)
        gamma, beta = torch.ones(shape[1]), torch.zeros(shape[1])
        for threads in options.threads:
            torch.set_num_threads(threads)
            for _ in range(5):
                forward_backward(x, dy, gamma, beta)
            times = []
            end = time.perf_counter() + options.seconds
            while time.perf_counter() < end:
                start = time.perf_counter()
                forward_backward(x, dy, gamma, beta)
                times.append(time.perf_counter() - start)
            times.sort()
            results.append({
                "shape": list(shape), "threads": threads, "minimum": times[0],
                "median": times[len(times) // 2], "maximum": times[-1]})
    return {"torch": torch.__version__, "kernels": results}


def run_create(options):
    import h5py

    groups = []
    with h5py.File(options.like, "r") as source:
        def visit(name, item):
            if isinstance(item, h5py.Group):
                groups.append((name, []))

        source.visititems(visit)
        for name, datasets in groups:
            datasets.extend((key, item.shape, item.dtype, item[()] if options.numbers else None)
                            for key, item in source[name].items() if isinstance(item, h5py.Dataset))
    start, processor_start = time.perf_counter(), time.process_time()
    with h5py.File(options.out, "w") as target:
        for name, datasets in groups:
            group = target.require_group(name)
            for key, shape, dtype, numbers in datasets:
                group.create_dataset(key, shape, dtype, data=numbers)
    return {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor_start,
            "h5py": h5py.__version__}


def run_decode(options):
    import h5py

    named_storages(argparse.Namespace(storage=None))
    start, processor_start = time.perf_counter(), time.process_time()
    with h5py.File(options.input, "r") as source:
        for dataset in source.values():
            for first in range(0, len(dataset), CHUNK_SAMPLES):
                dataset[first:first + CHUNK_SAMPLES]
    return {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor_start}


def run_encode(options):
    import h5py

    storage = named_storages(options)(options.storage)
    with h5py.File(options.like, "r") as source:
        arrays = {name: source[name][:] for name in ("output", "grad_input")}
    start, processor_start = time.perf_counter(), time.process_time()
    with h5py.File("memory", "w", driver="core", backing_store=False) as target:
        for name, array in arrays.items():
            dataset = target.create_dataset(name, array.shape, array.dtype, **storage, chunks=(CHUNK_SAMPLES, *array.shape[1:]))
            for first in range(0, len(array), CHUNK_SAMPLES):
                dataset[first:first + CHUNK_SAMPLES] = array[first:first + CHUNK_SAMPLES]
    return {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor_start}


def run_statistics(options):
    import h5py
    import numpy as np

    with h5py.File(options.input, "r") as source:
        dataset = source["activations"]
        shape, offset = dataset.shape, dataset.id.get_offset()
    mapped = np.memmap(options.input, "f4", "r", offset, shape)
    if options.peer == "dask":
        import dask
        import dask.array

        dask.config.set(scheduler="threads", num_workers=options.threads)
    elif options.peer == "scikit-learn":
        from sklearn.preprocessing import StandardScaler
    start, processor_start = time.perf_counter(), time.process_time()
    if options.peer == "numpy":
        mean, variance = mapped.mean(0, "f8"), mapped.var(0, "f8")
    elif options.peer == "dask":
        array = dask.array.from_array(mapped, chunks=(4096, -1)).astype("f8")
        mean, variance = dask.compute(array.mean(0), array.var(0))
    else:
        scaler = StandardScaler()
        for first in range(0, len(mapped), 4096):
            scaler.partial_fit(mapped[first:first + 4096])
        mean, variance = scaler.mean_, scaler.var_
    return {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor_start,
            "mean": float(mean.mean()), "variance": float(variance.mean())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    file = commands.add_parser("file")
    file.add_argument("--in", dest="input", required=True)
    file.add_argument("--out", dest="output", required=True)
    file.add_argument("--batch-size", type=int, default=1024)
    file.add_argument("--threads", type=int, default=2)
    file.add_argument("--gzip", type=int, default=0)
    file.add_argument("--storage", choices=STORAGES)
    file.set_defaults(run=run_file)
    store = commands.add_parser("store")
    store.add_argument("--in", dest="input", required=True)
    store.add_argument("--out", dest="output", required=True)
    store.add_argument("--storage", choices=STORAGES, required=True)
    store.set_defaults(run=run_store)
    kernels = commands.add_parser("kernels")
    kernels.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    kernels.add_argument("--seconds", type=float, default=1)
    kernels.set_defaults(run=run_kernels)
    create = commands.add_parser("create")
    create.add_argument("--like", required=True)
    create.add_argument("--out", required=True)
    create.add_argument("--numbers", action="store_true")
    create.set_defaults(run=run_create)
    decode = commands.add_parser("decode")
    decode.add_argument("--in", dest="input", required=True)
    decode.set_defaults(run=run_decode)
    encode = commands.add_parser("encode")
    encode.add_argument("--like", required=True)
    encode.add_argument("--storage", choices=STORAGES, required=True)
    encode.set_defaults(run=run_encode)
    statistics = commands.add_parser("statistics")
    statistics.add_argument("--in", dest="input", required=True)
    statistics.add_argument("--with", dest="peer", choices=["numpy", "dask", "scikit-learn"], required=True)
    statistics.add_argument("--threads", type=int, default=2)
    statistics.set_defaults(run=run_statistics)
    options = parser.parse_args()
    print(json.dumps(options.run(options)))


if __name__ == "__main__":
    main()
