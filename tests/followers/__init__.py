"""Followers that misbehave in every way the executor has to survive, and one honest one that tells on itself.

Each is an adapter as `tuner.ports.Solver` has it, executed in real processes.
"""
