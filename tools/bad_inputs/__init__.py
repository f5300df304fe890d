"""The cases of Tests/Fixtures/bad by theme; ../make_bad_inputs.py says what they are for, and writes them.

`case.py` is what a case is, `making.py` makes its file. Every other module is a theme: a function of the module's name that
yields the cases.
"""
