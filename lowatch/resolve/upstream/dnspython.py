"""Imports dnspython in half the memory and half the time.

It asks importlib.metadata which optional packages there are: for IDNA, DNSSEC, DNS over HTTPS. That imports
`email`, `zipfile` and forty more modules, 2 MiB. Reading a response needs none of those packages.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_NAME = "importlib.metadata"


@contextmanager
def without_optional_packages() -> Iterator[None]:
    """In this block, importlib.metadata is empty, unless it or dnspython was imported before.

    Without it dnspython takes every optional package for absent.
    """
    if _NAME in sys.modules or "dns" in sys.modules:
        yield
        return
    empty = ModuleType(_NAME)
    sys.modules[_NAME] = empty
    vars(importlib)["metadata"] = empty
    try:
        yield
    finally:
        del sys.modules[_NAME]
        del vars(importlib)["metadata"]
