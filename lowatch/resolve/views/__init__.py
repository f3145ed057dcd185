"""Which answer counts: that of DNS, of /etc/hosts or of getaddrinfo, as applications get it."""
