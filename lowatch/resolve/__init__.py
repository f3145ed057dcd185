"""The DNS engine: an answer for each domain, as fresh as its TTL, and kind to the nameservers."""
