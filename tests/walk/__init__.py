"""A random walk: the daemon follows random changes of a host, and is compared with clients."""
