"""A world in a seed: the whole daemon in one deterministic process, on virtual time.

docs/internals/simulation.md says how it works, and how to read what a failing seed prints.
"""
