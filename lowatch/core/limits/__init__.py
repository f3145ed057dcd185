"""Every bound on what others can make grow: what it counts, how many, what lies beyond, and why.

Code that reaches a limit calls its `reached()`, which counts for `lowatch_limit_reached_total{limit}`; the
daemon logs it (app/limits_log.py). Below a limit, costs grow linearly. A test keeps docs/limits.md equal to
these tables. How much a report shows to a person (rows of a page, examples in a line) is not a limit: the
report counts the rest.
"""
