"""Measurements, by name: ``python -m bench [NAME...]``. Each module has a ``main`` and says in its docstring what it tells."""
