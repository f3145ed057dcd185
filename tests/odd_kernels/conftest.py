"""Kernels that lack something. Each file belongs to one oddity of tests/kernels/oddities.py.

They are collected in a guest that was booted for that oddity only: `make kernels`.
"""

import os

ODDITY = os.environ.get("LOWATCH_ODDITY")
collect_ignore_glob = ["test_*.py"] if ODDITY is None else []
