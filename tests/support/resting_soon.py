"""python resting_soon.py python -m lowatch ARGUMENTS...: names may rest without minutes of patience.

It runs lowatch in this process, and is a program of its own.
"""

import runpy
import sys

from lowatch.resolve.records import far_slots

if __name__ == "__main__":
    far_slots.SETTLED_AFTER_START = far_slots.SETTLED_AFTER_ADDRESS = 0.0
    sys.argv = ["lowatch", *sys.argv[4:]]
    runpy.run_module("lowatch", run_name="__main__", alter_sys=True)
