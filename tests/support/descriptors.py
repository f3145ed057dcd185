"""Want of file descriptors, as a leak elsewhere in the process or a low limit brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from resource import RLIMIT_NOFILE, getrlimit, setrlimit


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process can open nothing; what is open stays so."""
    before = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_NOFILE, before)
