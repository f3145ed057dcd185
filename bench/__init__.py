"""Measurements against peers in the same run, each in a network namespace of its own (docs/bench.md)."""
