"""Name resolution of this host: resolv.conf, hosts, nsswitch.conf, getaddrinfo."""
