"""The use cases, check and daemon, written against small Protocols."""
