"""Finds virtual IPs left behind on lo: names that resolve into the host, with nobody listening."""

__version__ = "0.1.0"
