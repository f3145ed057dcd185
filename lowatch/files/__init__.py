"""Reads and watches files that others control, and runs blocking work in threads."""
