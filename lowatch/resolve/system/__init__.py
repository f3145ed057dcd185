"""What this host says about name resolution: resolv.conf, hosts, nsswitch.conf, getaddrinfo."""
