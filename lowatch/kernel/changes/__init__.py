"""Changes addresses and routes, with pyroute2's messages. It is no part of the daemon."""
