"""ONNX: the BatchNormalization nodes of a graph, whose statistics are initializers or constants."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from bn_stream.errors import LoadError
from bn_stream.models.stored import StoredLayer

#: Places among a node's inputs: X, scale, B, input_mean, input_var.
MEAN, VARIANCE = 3, 4


def nodes_of(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """BatchNormalization nodes by path: their names, or those of their first outputs, as groups. In the graph's order, which is that of depth."""
    found: dict[str, onnx.NodeProto] = {}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization" and node.domain in ("", "ai.onnx"):
            path = "/" + (node.name or node.output[0]).strip("/")
            if path in found:
                path = "/" + node.output[0].strip("/")
            found[path] = node
    return found


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((onnx.helper.get_attribute_value(item) for item in node.attribute if item.name == name), default)


class OnnxModel:
    """A graph in memory, changed in place."""

    kind = "ONNX"

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._tensors: dict[str, onnx.TensorProto] = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and any(item.name == "value" for item in node.attribute):
                self._tensors[node.output[0]] = next(item.t for item in node.attribute if item.name == "value")
        for node in model.graph.node:  # in topological order
            if node.op_type == "Identity" and node.input[0] in self._tensors:
                self._tensors[node.output[0]] = self._tensors[node.input[0]]

    def vector(self, path: str, node: onnx.NodeProto, place: int) -> np.ndarray:
        """An input of a node [C]. Raises LoadError where the graph computes it."""
        name = node.input[place]
        if name not in self._tensors:
            raise LoadError(
                f"{path}: its input {name} is computed by the graph, and is no constant; fold constants first, as onnxruntime or onnxsim do"
            )
        return numpy_helper.to_array(self._tensors[name])

    def layers(self) -> list[StoredLayer]:
        found = []
        for path, node in nodes_of(self.model).items():
            mean, variance = (self.vector(path, node, place) for place in (MEAN, VARIANCE))
            limit = float(np.finfo(mean.dtype).max) if mean.dtype.kind == "f" else float(np.finfo(np.float32).max)
            found.append(
                StoredLayer(
                    path,
                    path,
                    mean.astype(np.float64),
                    variance.astype(np.float64),
                    float(attribute(node, "epsilon", 1e-5)),
                    mean.dtype.name,
                    limit,
                )
            )
        return found

    def put(self, name: str, mean: np.ndarray, variance: np.ndarray) -> None:
        node = nodes_of(self.model)[name]
        for place, values in ((MEAN, mean), (VARIANCE, variance)):
            old = node.input[place]
            tensor = self._tensors[old]
            new = numpy_helper.from_array(values.astype(numpy_helper.to_array(tensor).dtype).reshape(tuple(tensor.dims)), tensor.name)
            if self._uses(tensor) > 1:
                # Others have the same numbers, and keep them.
                new.name = f"{(node.name or node.output[0])}_{'mean' if place == MEAN else 'var'}_bn_stream"
                node.input[place] = new.name
                self.model.graph.initializer.append(new)
                self._tensors[new.name] = self.model.graph.initializer[-1]
            else:
                tensor.CopyFrom(new)

    def _uses(self, tensor: onnx.TensorProto) -> int:
        names = {name for name, other in self._tensors.items() if other is tensor}
        return sum(given in names for node in self.model.graph.node if node.op_type != "Identity" for given in node.input)

    def digest(self) -> str:
        return hashlib.sha256(self.model.SerializeToString(deterministic=True)).hexdigest()

    def save(self, path: str) -> None:
        try:
            onnx.save_model(self.model, path)
        except ValueError as error:  # more than 2 GiB
            raise LoadError(f"{path}: {error}") from error


class OnnxFile(OnnxModel):
    """A graph of a file, with what it has in files beside it; it is written as one file."""

    def __init__(self, path: str) -> None:
        try:
            super().__init__(onnx.load(path))
        except LoadError:
            raise
        except Exception as error:  # of protobuf, of files beside it
            raise LoadError(f"{path}: cannot be read as ONNX: {error}") from error
