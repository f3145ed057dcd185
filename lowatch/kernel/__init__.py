"""Asking the kernel, and hearing from it: netlink sockets, locality, listeners, events, probes."""
