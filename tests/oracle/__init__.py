"""Compares every verdict with a real connect(), in random worlds in a network namespace."""
