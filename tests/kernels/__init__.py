"""Debian's kernels, booted under qemu over this host's own files, with the tests inside."""
