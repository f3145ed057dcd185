"""Values are named tuples. Where ten thousand are made at a time, calling the class takes too long."""

from __future__ import annotations

new = tuple.__new__
"""new(Endpoint, (address, port)) is Endpoint(address, port) in two thirds of the time.

The tuple has all fields, in order: there are no defaults, and mypy checks neither their number nor types.
"""
