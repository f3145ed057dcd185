"""Finds virtual IPs left behind on lo: names that resolve into the host, with nobody listening."""

__version__ = "0.1.0"

GC_THRESHOLDS = (50_000, 20, 100)
"""When the collector of reference cycles looks: seldom, because hardly anything here is one."""
