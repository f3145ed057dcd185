"""Where a followed name comes from."""

from __future__ import annotations

from enum import StrEnum


class NameSource(StrEnum):
    """The first of these that gave the name."""

    CONFIGURED = "configured"
    """The configuration, or the command line in its place."""
    FILE = "file"
    """Only a file of domains_from."""
    RESOLVED = "resolved"
    """This host looked it up through systemd-resolved."""
    DNSTAP = "dnstap"
    """This host looked it up through a local resolver that reports by dnstap."""
    ZONE = "zone"
    """Only a zone file, where it leads to an address of this host or may do so."""
    HOSTS = "hosts"
    """It stands beside a held address in /etc/hosts."""
    HOSTNAME = "hostname"
    """The host's own name, with a search domain if it has none, leads to a held address."""
    PTR = "ptr"
    """A held address' PTR record names it, and it leads to a held address."""
    REFUSED = "refused"
    """Local clients were refused at an address that it leads to."""


LOOKUPS = (NameSource.RESOLVED, NameSource.DNSTAP)
"""Those who report lookups, from which names are learned."""
CANDIDATES = (NameSource.HOSTS, NameSource.HOSTNAME, NameSource.PTR)
"""Those who say which names may lead to a held address. Where two do, the first counts."""
LEARNABLE = (*LOOKUPS, *CANDIDATES)
"""All that names may be learned from."""
