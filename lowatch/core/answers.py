"""What DNS said about a domain, and what may be concluded from it.

RFC 9499's words: NXDOMAIN, NODATA and failure are three things, and never merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from .addresses import Address, Port


class AnswerStatus(StrEnum):
    """The `status` label of lowatch_domains."""

    RESOLVED = "resolved"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    STALE = "stale"
    """The last good answer, kept because a newer one could not be had."""
    UNKNOWN = "unknown"
    """Never answered, or stale for longer than the configured time."""


class View(StrEnum):
    """Whose word a name's addresses are: the `view` of an endpoint."""

    DNS = "dns"
    HOSTS = "hosts"
    """/etc/hosts, where nsswitch.conf has it decide before DNS."""
    GETADDRINFO = "getaddrinfo"
    """The C library, as applications ask it: whatever nsswitch.conf and its modules come to."""


class SrvRecord(NamedTuple):
    """What one SRV record (RFC 2782) names. target: lower case. addresses: the target's, sorted."""

    target: str
    port: Port
    addresses: tuple[Address, ...] = ()


class OtherView(NamedTuple):
    """What another view says: one that applications do not get, or that was asked to compare.

    addresses: sorted; None if there is no answer, and then the reason says why, in one line.
    With both, the addresses are kept from before, and the reason says why there are no newer ones.
    """

    view: View
    addresses: tuple[Address, ...] | None
    reason: str = ""


# A domain is as uncertain as the worse of its two families; where both are certain, any address wins.
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
    more: how many addresses it has besides these, which are ignored: see resolve/records/answer_limits.py.
    synthesised: what a DNS64 (RFC 6147) made from the A addresses; not among `addresses`. It leads to a
    translator, unless this host has the address itself.
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
    """All that is known about one domain. Replaced as a whole, so that identity means "nothing changed".

    a, aaaa: what applications get, by `view`. For an SRV name: those of its targets, taken together.
    srv_records: what its SRV records name; None if it is not an SRV name.
    others: what the other views say, if they were asked.
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
    def given(self) -> tuple[Address, ...]:
        """`addresses`, and what a DNS64 made, which leads elsewhere unless this host has it itself."""
        made = self.a.synthesised + self.aaaa.synthesised
        return self.addresses + made if made else self.addresses

    @property
    def more(self) -> int:
        """How many addresses or SRV records are ignored."""
        return self.a.more + self.aaaa.more

    def ports_at(self, address: Address, ports: tuple[Port, ...]) -> tuple[Port, ...]:
        """What should be served there: `ports`, or for an SRV name those of its records."""
        if self.srv_records is None:
            return ports
        return tuple(dict.fromkeys(s.port for s in self.srv_records if address in s.addresses))

    def expected(self, ports: tuple[Port, ...]) -> list[tuple[Address, tuple[Port, ...]]]:
        """Each address `given`, and what ports_at() has for it: all of them in one go."""
        if self.srv_records is None:
            return [(address, ports) for address in self.given]
        named: dict[Address, dict[Port, None]] = {address: {} for address in self.given}
        for record in self.srv_records:
            for address in record.addresses:
                if address in named:
                    named[address][record.port] = None
        return [(address, tuple(found)) for address, found in named.items()]

    @property
    def status(self) -> AnswerStatus:
        return worse(self.a.status, self.aaaa.status)

    @property
    def unknown(self) -> str | None:
        """Why the set of addresses is not known to be complete; None if it is."""
        if self.a.status is AnswerStatus.UNKNOWN:
            return f"A: {self.a.reason}"
        if self.aaaa.status is AnswerStatus.UNKNOWN:
            return f"AAAA: {self.aaaa.reason}"
        return None

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
    """Is told by a Resolver when it has a new answer for a domain."""

    def answer_changed(self, domain: str) -> None:
        """Called by the event loop, with nothing else under way: it may call back, or raise."""
