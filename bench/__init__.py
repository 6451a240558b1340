"""Measurements by name, ``python -m bench [NAME...]``: one module each, with a ``main``."""
