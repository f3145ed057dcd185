"""Decides which answer applications get: that of DNS, /etc/hosts or getaddrinfo."""
