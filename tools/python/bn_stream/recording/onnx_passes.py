"""A recording of an ONNX model: what enters its BatchNormalization nodes, by ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx

from bn_stream.errors import RecorderError, needed
from bn_stream.models.onnx_model import OnnxModel, attribute, nodes_of
from bn_stream.recording.array_layer import ArrayLayer, chosen_paths
from bn_stream.recording.recording_file import RecordingFile, check_gzip
from bn_stream.whole_files import refuse_existing


def record_passes(
    model: onnx.ModelProto,
    batches: Iterable[Any],
    path: str,
    layers: Any = None,
    limit: int | None = None,
    element_type: str | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    gzip: int = 0,
    force: bool = True,
    statistics: str = "running",
) -> None:
    """Run the model over `batches`: arrays for its only input, tuples whose first is one, or dictionaries by the inputs' names.

    A node is a layer by its name. `forward` is not for ONNX: a session is run on what the batches are. Nor are `statistics` other than
    "running": ONNX Runtime normalizes with what the graph has.
    """
    if statistics != "running":
        raise RecorderError("ONNX Runtime does not normalize with a batch's own statistics; start with the model's, or sweep")
    if forward is not None:
        raise RecorderError("forward= is for PyTorch and Keras; give batches of an ONNX model as dictionaries of its inputs")
    refuse_existing(path, force)
    check_gzip(gzip)
    runtime = needed("onnxruntime", "recording an ONNX model")
    nodes = nodes_of(model)
    if not nodes:
        raise RecorderError("the graph has no BatchNormalization node; were they folded into convolutions?")
    stored = OnnxModel(model)
    chosen = chosen_paths(list(nodes), layers, "graph")
    recorded = [ArrayLayer(name, name, limit, element_type, gzip) for name in chosen]
    heads = [_head(stored, name, nodes[name], list(nodes).index(name)) for name in chosen]
    session = _session(runtime, model, [nodes[name] for name in chosen])
    inputs = [entry.name for entry in session.get_inputs()]
    wanted = [nodes[name].input[0] for name in chosen]
    asked = [name for name in dict.fromkeys(wanted) if name not in inputs]
    file = RecordingFile(path, repack=not gzip)
    try:
        for item in batches:
            if recorded and all(layer.is_full for layer in recorded):
                break
            feed = _feed(item, inputs)
            try:
                values = session.run(asked, feed)
            except Exception as error:  # onnxruntime has classes of its own for each status
                raise RecorderError(f"ONNX Runtime does not run the model on this batch: {' '.join(str(error).split())[:300]}") from error
            by_name = feed | dict(zip(asked, values))
            for layer, name, (vectors, attributes) in zip(recorded, wanted, heads):
                layer.take(file.root, by_name[name], vectors, attributes, ())
        if len(recorded[0].offsets) == 1:
            raise RecorderError("nothing was recorded: there was no batch")
        for layer in recorded:
            layer.finish(file.root)
        file.repack()
        file.finish()
    except BaseException:
        file.drop()
        raise


def _head(stored: OnnxModel, path: str, node: onnx.NodeProto, depth: int) -> tuple[dict[str, np.ndarray | None], dict[str, Any]]:
    if attribute(node, "training_mode", 0):
        raise RecorderError(f"{path} is in training mode, in which ONNX keeps no statistics; export the model for inference")
    keys = ("gamma", "beta", "running_mean", "running_var")
    vectors = {key: stored.vector(path, node, place) for place, key in enumerate(keys, 1)}
    return vectors, {
        "epsilon": float(attribute(node, "epsilon", 1e-5)),
        "momentum": 1 - float(attribute(node, "momentum", 0.9)),
        "running_variance": "biased",
        "feature_axis": 1,
        "statistics": "running",
        "depth": depth,
        "framework": f"ONNX {onnx.__version__}",
    }


def _session(runtime: Any, model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> Any:
    """A session of a copy of the model that gives, beside its outputs, what enters the nodes."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    there = {output.name for output in extended.graph.output} | {entry.name for entry in extended.graph.input}
    for name in dict.fromkeys(node.input[0] for node in nodes):
        if name not in there:
            extended.graph.output.append(onnx.ValueInfoProto(name=name))
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Of a node that is folded into a convolution, what enters it would be computed for itself, in another order.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if "OMP_NUM_THREADS" in os.environ:
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    try:
        return runtime.InferenceSession(extended.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise RecorderError(f"ONNX Runtime does not take the model: {' '.join(str(error).split())[:300]}") from error


def _feed(item: Any, inputs: list[str]) -> dict[str, np.ndarray]:
    if isinstance(item, dict):
        return {name: np.asarray(value) for name, value in item.items()}
    first = item[0] if isinstance(item, (tuple, list)) else item
    if len(inputs) != 1:
        raise RecorderError(f"the model has the inputs {', '.join(inputs)}; give batches as dictionaries of them")
    return {inputs[0]: np.asarray(first)}
