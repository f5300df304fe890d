"""Records what enters the BatchNorm layers of a PyTorch model; docs/python.md says how it is used and what it writes.

`recorder.py` attaches to the model and makes the file, `recorded_layer.py` is one layer's part of it, `expected.py` adds PyTorch's own
results.
"""
