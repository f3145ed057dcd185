"""Asks the kernel and reads its events: netlink sockets, locality, listeners, probes."""
