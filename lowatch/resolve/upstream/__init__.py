"""Queries nameservers over UDP, TCP or TLS, within their rate limits and as their health allows."""
