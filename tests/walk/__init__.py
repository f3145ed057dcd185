"""A random walk: the daemon lives through what may happen to a host, and is compared with clients."""
