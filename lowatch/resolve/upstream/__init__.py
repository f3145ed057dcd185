"""How a nameserver is asked: over UDP, TCP or TLS, at its pace, as its health allows."""
