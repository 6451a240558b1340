"""Measurements by name, ``python -m bench [NAME...]``: one module each, with a ``main``."""

import os

# The threads of a linear algebra library would compute on the cores that solvers are measured on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
