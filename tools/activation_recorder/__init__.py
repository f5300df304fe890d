"""Records what enters the BatchNorm layers of a PyTorch model; ../dump_activations.py says how it is used and what it writes.

`recorder.py` attaches hooks and makes the file, `recorded_layer.py` is one layer's part of it, `expected.py` adds PyTorch's own
results.
"""
