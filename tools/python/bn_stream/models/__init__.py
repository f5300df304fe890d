"""Models that hold statistics: what each has for its layers, and how new ones are put into it.

`stored.py` says what all of them can do; a module a framework does it.
"""
