"""What the views say about a domain: statuses, RRsets, and the Answer made of them.

RFC 9499's words: NXDOMAIN, NODATA and failure are three things, and never merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from typing import NamedTuple, Protocol

from .addresses import Address, Port


class AnswerStatus(StrEnum):
    """The `status` label of lowatch_domains."""

    RESOLVED = "resolved"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    STALE = "stale"
    """The last good answer, kept because a newer one could not be obtained."""
    UNKNOWN = "unknown"
    """Never answered, or stale for longer than the configured time."""


class View(StrEnum):
    """Where a name's addresses come from: the `view` of an endpoint."""

    DNS = "dns"
    HOSTS = "hosts"
    """/etc/hosts, if nsswitch.conf puts it before DNS."""
    GETADDRINFO = "getaddrinfo"
    """The C library, as applications call it, with all modules in nsswitch.conf."""


class SrvRecord(NamedTuple):
    """One SRV record (RFC 2782) with the addresses of its target, sorted. target: lower case."""

    target: str
    port: Port
    addresses: tuple[Address, ...] = ()


class OtherView(NamedTuple):
    """The result of a view that applications do not get, or that was queried to compare.

    addresses: sorted; None if there is no answer. reason: one line, why there is no answer, or why the
    addresses are old; "" if they are fresh.
    """

    view: View
    addresses: tuple[Address, ...] | None
    reason: str = ""


# The less certain family decides the status of a domain. If both are certain, any address wins.
_UNKNOWN = AnswerStatus.UNKNOWN  # reading it from the class takes six times as long
_PRECEDENCE = (
    AnswerStatus.UNKNOWN,
    AnswerStatus.STALE,
    AnswerStatus.RESOLVED,
    AnswerStatus.NXDOMAIN,
    AnswerStatus.NODATA,
)


def worse(one: AnswerStatus, other: AnswerStatus) -> AnswerStatus:
    """The status of two answers that both matter: the A and the AAAA, or the targets of an SRV name."""
    return one if _PRECEDENCE.index(one) < _PRECEDENCE.index(other) else other


@dataclass(frozen=True, slots=True)
class RRset:
    """The A or the AAAA answer for a name, after following its CNAME chain.

    addresses: sorted; kept through STALE and UNKNOWN (a failure removes nothing).
    chain: the CNAME targets passed through, in order.
    ttl: seconds, the minimum along the chain, before clamping; for a negative answer min(SOA TTL, MINIMUM).
    reason: why it is STALE or UNKNOWN, one line; "" otherwise.
    stale_since: monotonic seconds of the first failure since the last good answer; None when fresh.
    server: the nameserver that gave the last answer, as configured; "" if none did.
    more: how many further addresses are ignored: see resolve/records/answer_limits.py.
    synthesised: the addresses that a DNS64 (RFC 6147) made from A records; not among `addresses`. They lead
    to a translator, unless this host holds the address.
    """

    status: AnswerStatus
    addresses: tuple[Address, ...] = ()
    chain: tuple[str, ...] = ()
    ttl: int = 0
    reason: str = ""
    stale_since: float | None = None
    server: str = ""
    synthesised: tuple[Address, ...] = ()
    more: int = 0


NOT_ASKED = RRset(AnswerStatus.UNKNOWN, reason="not asked yet")


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known about one domain. It is replaced as a whole: the same object means no change.

    a, aaaa: what applications get, according to `view`. For an SRV name: the RRsets of its targets, merged.
    srv_records: None if it is not an SRV name. others: the other views, if they were queried.
    """

    domain: str
    a: RRset = NOT_ASKED
    aaaa: RRset = NOT_ASKED
    view: View = View.DNS
    srv_records: tuple[SrvRecord, ...] | None = None
    others: tuple[OtherView, ...] = ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self.a.addresses + self.aaaa.addresses

    @property
    def with_synthesised(self) -> tuple[Address, ...]:
        """`addresses`, and those synthesised by a DNS64, which lead elsewhere unless held by this host."""
        a, aaaa = self.a, self.aaaa
        addresses = a.addresses + aaaa.addresses
        if a.synthesised or aaaa.synthesised:
            return addresses + a.synthesised + aaaa.synthesised
        return addresses

    @property
    def more(self) -> int:
        """How many addresses or SRV records are ignored."""
        return self.a.more + self.aaaa.more

    def ports_at(self, address: Address, ports: tuple[Port, ...]) -> tuple[Port, ...]:
        """The ports that should be served there: `ports`, or for an SRV name those of its records."""
        if self.srv_records is None:
            return ports
        return tuple(dict.fromkeys(s.port for s in self.srv_records if address in s.addresses))

    def expected(self, ports: tuple[Port, ...]) -> Iterator[tuple[Address, tuple[Port, ...]]]:
        """Each address in `with_synthesised`, and ports_at() for it."""
        if self.srv_records is None:
            return zip(self.with_synthesised, repeat(ports), strict=False)
        named: dict[Address, dict[Port, None]] = {address: {} for address in self.with_synthesised}
        for record in self.srv_records:
            for address in record.addresses:
                if address in named:
                    named[address][record.port] = None
        return ((address, tuple(found)) for address, found in named.items())

    @property
    def status(self) -> AnswerStatus:
        return worse(self.a.status, self.aaaa.status)

    @property
    def is_complete(self) -> bool:
        """Whether the set of addresses is known to be complete."""
        return self.a.status is not _UNKNOWN and self.aaaa.status is not _UNKNOWN

    @property
    def unknown(self) -> str | None:
        """Why the set of addresses is not known to be complete; None if it is."""
        if self.is_complete:
            return None
        return f"A: {self.a.reason}" if self.a.status is _UNKNOWN else f"AAAA: {self.aaaa.reason}"

    @property
    def unknown_reasons(self) -> tuple[str, str]:
        """Why the A and the AAAA are unknown; "" if they are not."""
        a, aaaa = (
            rrset.reason if rrset.status is AnswerStatus.UNKNOWN else "" for rrset in (self.a, self.aaaa)
        )
        return a, aaaa

    @property
    def unknowns(self) -> Mapping[str, str]:
        """The families whose addresses are not known to be complete ("ipv4", "ipv6"), and why."""
        families = (("ipv4", "A", self.a), ("ipv6", "AAAA", self.aaaa))
        return {
            family: f"{kind}: {rrset.reason}"
            for family, kind, rrset in families
            if rrset.status is AnswerStatus.UNKNOWN
        }


class AnswerListener(Protocol):
    """Notified by a Resolver when it has a new answer for a domain."""

    def answer_changed(self, domain: str) -> None:
        """Called by the event loop directly, so it may call back, or raise."""
