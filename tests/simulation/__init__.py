"""Runs the whole daemon in one deterministic process, on virtual time, in a world made from a seed.

docs/internals/simulation.md explains how it works, and how to read the output of a failing seed.
"""
