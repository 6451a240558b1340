"""Bilevel problems that are built in, each a module that a reader can take as a model for one of their own."""
