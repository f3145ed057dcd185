"""The parts of a world: values that describe how to build it, and that a person can read and replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, NamedTuple

IP = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Protocol = Literal["tcp", "udp"]
State = Literal["listening", "full", "bound", "connected"]

REDIRECT_FROM = 8080
"""The only port that nft redirects. No socket binds it; generate.py has the reason."""
REDIRECT_TO = 9999


class Holding(NamedTuple):
    """An `ip` command that makes addresses local. The kernel decides which; this is for the report.

    exact: the address itself; None for a route to more than one. network: what it may make local.
    certain: False if a later change may remove it.
    """

    command: str
    device: str
    exact: IP | None
    network: Network
    certain: bool = True

    @property
    def is_address(self) -> bool:
        return self.command.startswith("addr add")

    def covers(self, address: IP) -> bool:
        return address == self.exact or (
            address.version == self.network.version and address in self.network
        )


class Socket(NamedTuple):
    """A socket that may or may not serve.

    state: "full" has a full accept queue; "connected" (udp) has only one peer.
    v6only: None leaves the default. device: SO_BINDTODEVICE.
    """

    protocol: Protocol
    address: str
    port: int
    state: State = "listening"
    v6only: bool | None = None
    reuseport: bool = False
    device: str | None = None
    freebind: bool = False
    mptcp: bool = False

    def __str__(self) -> str:
        options = [name for name in ("reuseport", "freebind", "mptcp") if getattr(self, name)]
        options += [] if self.v6only is None else [f"v6only={int(self.v6only)}"]
        options += [] if self.device is None else [f"device={self.device}"]
        where = f"[{self.address}]" if ":" in self.address else self.address
        return " ".join([self.protocol, self.state, f"{where}:{self.port}", *options])


class Redirect(NamedTuple):
    """nft, hook output: tcp to address:REDIRECT_FROM goes to `to` (DNAT), or to this host (REDIRECT)."""

    address: str
    to: str | None

    @property
    def ruleset(self) -> str:
        family = "ip6" if ":" in self.address else "ip"
        target = f"[{self.to}]" if self.to and ":" in self.to else self.to
        action = f"dnat to {target}:{REDIRECT_TO}" if target else f"redirect to :{REDIRECT_TO}"
        return (
            f"table {family} nat {{ chain output {{ type nat hook output priority -100; "
            f"{family} daddr {self.address} tcp dport {REDIRECT_FROM} {action}; }}; }}"
        )


class Named(NamedTuple):
    """A domain: the addresses that it resolves to, and its ports; any_of as in core.policy."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[tuple[int, Protocol], ...]
    any_of: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """A world, built in the order of __str__. `ip` commands are without "ip", and with "-6" if needed.

    steering: routes and rules that lead local addresses away. aftermath: the last changes.
    watched: the interfaces that lowatch watches.
    """

    seed: int
    links: tuple[str, ...] = ()
    holdings: tuple[Holding, ...] = ()
    steering: tuple[str, ...] = ()
    sockets: tuple[Socket, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    aftermath: tuple[str, ...] = ()
    watched: tuple[str, ...] = ("lo",)
    names: tuple[Named, ...] = ()

    @property
    def lo_down(self) -> bool:
        """Whether lo is down at the end."""
        return self.aftermath[-1:] == ("link set lo down",)

    def __str__(self) -> str:
        return "\n".join(f"  {line}" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _commands((*self.links, *(holding.command for holding in self.holdings)))
        yield from self._socket_lines(full=True)
        yield from _commands(self.steering)
        yield from self._socket_lines(full=False)
        yield from (f"nft '{redirect.ruleset}'" for redirect in self.redirects)
        yield from _commands(self.aftermath)
        yield f"lowatch watches {', '.join(self.watched)}"
        for one in self.names:
            ports = " ".join(f"{number}/{protocol}" for number, protocol in one.ports)
            yield f"{one.name} = {', '.join(one.addresses)}; serves {'any of ' * one.any_of}{ports}"

    def _socket_lines(self, *, full: bool) -> Iterator[str]:
        for number, one in enumerate(self.sockets):
            if (one.state == "full") is full:
                yield f"socket {number}: {one}"

    def devices_of(self, address: str) -> frozenset[str]:
        """The devices through which it may be local: those of the longest prefix, as in routing.

        A holding of exactly this address counts as well (on a watched interface even if another interface
        holds it too).
        """
        covering = [
            (128 if target == one.exact else one.network.prefixlen, one)
            for target in (whom(address),)
            for one in (*self.holdings, *_LOOPBACK)
            if one.covers(target)
        ]
        longest = max((length for length, one in covering if one.certain), default=0)
        return frozenset(one.device for length, one in covering if length >= longest)

    def surely_on(self, address: str) -> frozenset[str]:
        """The devices that hold exactly this address, whatever the last change was."""
        target = whom(address)
        return frozenset(one.device for one in self.holdings if one.exact == target and one.certain)


_LOOPBACK = (
    Holding("", "lo", None, ip_network("127.0.0.0/8")),
    Holding("", "lo", ip_address("::1"), ip_network("::1/128")),
)


def _commands(commands: Iterable[str]) -> Iterator[str]:
    return (f"ip {command}" for command in commands)


def whom(address: str) -> IP:
    """The address that connect() reaches. An unspecified one is this host's; ::ffff:a.b.c.d is a.b.c.d."""
    parsed = ip_address(address)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_unspecified:
        return ip_address("127.0.0.1" if parsed.version == 4 else "::1")
    return parsed
