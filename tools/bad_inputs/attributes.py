"""Attributes of a layer's group whose values are not allowed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bad_inputs.case import BadInput
from bad_inputs.making import layer

VALUES = {
    "epsilon_nan": ("epsilon", np.nan), "epsilon_negative": ("epsilon", -1e-5), "epsilon_string": ("epsilon", np.bytes_("small")),
    "epsilon_vector": ("epsilon", np.full(2, 1e-5)), "momentum_range": ("momentum", 1.5),
    "feature_axis_range": ("feature_axis", np.int64(2)), "feature_axis_0": ("feature_axis", np.int64(0)),
    "batch_size_0": ("batch_size", np.int64(0))}


def attributes() -> Iterator[BadInput]:
    for name, (attribute, value) in VALUES.items():
        yield BadInput(f"attribute_{name}", f"the layer's attribute {attribute} is {value}", layer(**{attribute: value}),
                       ["/layer", attribute])
