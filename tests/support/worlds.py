"""Seeds of random worlds."""

from __future__ import annotations

import os
import random


def first_seed() -> int:
    """The same in CI, where no change may fail by a fault that it did not bring; else always another one.

    pytest-randomly seeds `random` for each run, and prints the seed.
    """
    return 1 if os.environ.get("CI") else random.randrange(10**9)
