"""arp-leak: an IPv4 VIP is held on an interface without ARP, but a NIC reveals it.

The NIC answers requests for it (arp_ignore), or uses it as the sender of its own (arp_announce). LVS direct
routing needs 1 and 2. Sources: docs/internals/kernel.md (ARP), docs/internals/cases.md
14 to 17, core/arp.py.

Not checked, because they need privileges or are independent of these settings: filters (arptables, nft),
arp_filter, and arp_announce = 2 on a NIC without an address, which then uses lo's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lowatch.core.addresses import Address, Prefix, format_address, is_loopback, is_v4
from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.findings import Action, Change, Finding, FindingKind, Subject, Undecided
from lowatch.core.held import SCOPE_HOST, Held
from lowatch.core.known import Unknown
from lowatch.core.policy import Policy
from lowatch.core.printable import shell_word
from lowatch.core.snapshot import Snapshot

_ANSWERS_OWN = 1
_TIGHT = frozenset({_ANSWERS_OWN, 2, 8})
"""arp_ignore: only for the NIC's own addresses (2: and to its own subnet), or for none."""
_ANSWERS_BUT_FOR_SCOPE_HOST = 3
_NAMES_OWN_SUBNET = 1
_NAMES_ITS_OWN = 2
_ADVICE = "if neighbours are meant to find it by ARP, acknowledge this"
_NICS_SHOWN = 3
_SET_AT_MOST = 2 * _NICS_SHOWN
"""Settings in one command."""


def arp_leak(snapshot: Snapshot, _policy: Policy) -> Iterable[Finding | Undecided]:
    """One finding for each address or local route. It names a few of the NICs.

    A NIC should answer for its own addresses. The addresses of a watched interface with ARP are not hidden
    either, so this rule leaves them out.
    """
    for observed in (snapshot.held, snapshot.arp):
        if isinstance(observed, Unknown):
            yield Undecided(FindingKind.ARP_LEAK, observed.reason)
            return
    assert not isinstance(snapshot.held, Unknown)
    assert not isinstance(snapshot.arp, Unknown)
    links = () if isinstance(snapshot.links, Unknown) else snapshot.links.value
    leaks = _Leaks(snapshot.arp.value, {link.name: link.vrf for link in links if link.vrf})
    if not leaks.possible:
        return
    reported: set[Subject] = set()
    for held in snapshot.held.value:
        if not is_v4(held.address) or held.interface in leaks.speakers:
            continue
        leak = leaks.of(held)
        if leak is not None and not is_loopback(held.address):
            wide = held.by == "route" and not held.prefix.is_host
            subject = Subject(
                FindingKind.ARP_LEAK,
                held.interface,
                held.address,
                prefixlen=held.prefixlen if wide else None,
            )
            if subject not in reported:
                reported.add(subject)
                yield Finding(
                    subject,
                    f"{_named(held)} {leak.reason}",
                    leak.fix,
                    advice=_ADVICE,
                    proposed=Change(Action.HUSH, held),
                )


def _named(held: Held) -> str:
    if held.by == "route":
        return f"the local route {held.prefix} through {held.interface}"
    length = "" if held.prefixlen == 32 else f"/{held.prefixlen}"
    return f"{format_address(held.address)}{length} on {held.interface}"


class _Leak(NamedTuple):
    reason: str
    fix: tuple[str, ...]


class _Way(NamedTuple):
    """What determines the NICs by which an address leaks: ten thousand addresses share one or two of these.

    visible: whether its scope is not host. in_subnets: the NICs in whose subnets it is, if that matters.
    at_home: the NICs that hold it themselves. vrf: the VRF that it is in: only NICs of that know of it. An
    address in none (0) is known to all, because table local comes before those of VRFs (vrf.rst).
    """

    visible: bool
    in_subnets: tuple[str, ...]
    at_home: tuple[str, ...]
    vrf: int


class _Leaks:
    def __init__(self, arp: Arp, vrfs: Mapping[str, int]) -> None:
        """vrfs: those of the interfaces that are in one."""
        self._every = arp.conf_all
        self._vrfs = vrfs
        self._nics = [(nic, arp.conf_all.combined(nic.own)) for nic in arp.nics]
        self.speakers = {nic.name for nic in arp.nics}
        self._subnets: dict[Prefix, tuple[str, ...]] = {}
        for nic, effect in self._nics:
            for network in nic.networks if effect.announce == _NAMES_OWN_SUBNET else ():
                self._subnets[network] = (*self._subnets.get(network, ()), nic.name)
        self._by_spare_bits: dict[int, dict[int, tuple[str, ...]]] = {}
        for network, names in self._subnets.items():
            spare = 32 - network.length
            by_number = self._by_spare_bits.setdefault(spare, {})
            by_number[int.from_bytes(network.address, "big") >> spare] = names
        self._holders: dict[Address, tuple[str, ...]] = {}
        for nic in arp.nics:
            for address in nic.addresses:
                self._holders[address] = (*self._holders.get(address, ()), nic.name)
        self._known: dict[tuple[object, ...], _Leak | None] = {}

    @property
    def possible(self) -> bool:
        """Whether an address might leak: not if all settings are right."""
        return any(
            effect.ignore not in _TIGHT or effect.announce != _NAMES_ITS_OWN for _, effect in self._nics
        )

    def of(self, held: Held) -> _Leak | None:
        by_address = held.by == "address"
        way = (
            by_address and held.scope < SCOPE_HOST,
            self._in_subnets(held),
            self._holders.get(held.address, ()) if by_address or held.prefix.is_host else (),
            self._vrfs.get(held.interface, 0),
        )
        if way not in self._known:
            self._known[way] = self._leak(_Way(*way))
        return self._known[way]

    def _in_subnets(self, held: Held) -> tuple[str, ...]:
        """The NICs whose subnets include an address it makes local; with noprefixroute, its own."""
        if (held.prefixlen == 32 and held.peer is None) or "noprefixroute" in held.flags:
            number = int.from_bytes(held.address, "big")
            found: tuple[str, ...] = ()
            for spare, by_number in self._by_spare_bits.items():
                found += by_number.get(number >> spare, ())
            return found
        prefix, itself = held.prefix, held.address
        inside = [
            network
            for network in self._subnets
            if network.covers(itself) or network.covers(prefix.address) or prefix.covers(network.address)
        ]
        return tuple(name for network in inside for name in self._subnets[network])

    def _leak(self, way: _Way) -> _Leak | None:
        nics = [
            (nic, effect)
            for nic, effect in self._nics
            if nic.name not in way.at_home and way.vrf in (0, nic.vrf)
        ]
        answering = [(nic, effect.ignore) for nic, effect in nics if _answers(effect.ignore, way)]
        naming = [(nic, effect.announce) for nic, effect in nics if _names(effect.announce, nic, way)]
        if not answering and not naming:
            return None
        ways = []
        if answering:
            ways.append(f"requests for it are answered on {_listed('arp_ignore', answering)}")
        if naming:
            ways.append(f"it is sent as the source of requests on {_listed('arp_announce', naming)}")
        effect = "neighbours may send its traffic here, bypassing a load balancer"
        return _Leak(
            f"leaks by ARP: {', and '.join(ways)}; {effect}",
            _fix(self._every, [nic for nic, _ in answering], [nic for nic, _ in naming]),
        )


def _answers(ignore: int, way: _Way) -> bool:
    if ignore == _ANSWERS_BUT_FOR_SCOPE_HOST:
        return way.visible
    return ignore not in _TIGHT


def _names(announce: int, nic: Nic, way: _Way) -> bool:
    if announce == _NAMES_OWN_SUBNET:
        return nic.name in way.in_subnets
    return announce != _NAMES_ITS_OWN


def _listed(setting: str, nics: Sequence[tuple[Nic, int]]) -> str:
    """As in: eth0, eth1, eth2 and 197 more (arp_ignore 0)."""
    more = f" and {len(nics) - _NICS_SHOWN:,} more" if len(nics) > _NICS_SHOWN else ""
    numbers = dict.fromkeys(str(number) for _, number in nics[:_NICS_SHOWN])
    return f"{', '.join(nic.name for nic, _ in nics[:_NICS_SHOWN])}{more} ({setting} {', '.join(numbers)})"


def _fix(every: ArpSettings, answering: Sequence[Nic], naming: Sequence[Nic]) -> tuple[str, ...]:
    """The fix for these NICs alone, if they are few, and the one for all, including future ones."""
    ignore = every.ignore if every.ignore in _TIGHT else _ANSWERS_OWN
    first = _change("arp_ignore", ignore, every.ignore, {nic.name: nic.own.ignore for nic in answering})
    then = _change(
        "arp_announce", _NAMES_ITS_OWN, every.announce, {nic.name: nic.own.announce for nic in naming}
    )
    offers = (first.alone + then.alone, first.for_all + then.for_all)
    return tuple(
        dict.fromkeys(f"sysctl -w {' '.join(offer)}" for offer in offers if len(offer) <= _SET_AT_MOST)
    )


class _Change(NamedTuple):
    alone: list[str]
    for_all: list[str]


def _change(setting: str, best: int, every: int, own: dict[str, int]) -> _Change:
    """The settings for these NICs, and for all. own: the setting of each NIC itself.

    The kernel uses the greater of the two, so one that is too great has to be lowered.
    """
    if not own:
        return _Change([], [])
    for_all = [_set("all", setting, best)]
    for_all += [_set(name, setting, best) for name, number in own.items() if number > best]
    return _Change(for_all if every > best else [_set(name, setting, best) for name in own], for_all)


def _set(interface: str, setting: str, value: int) -> str:
    """The sysctl command. sysctl(8) reads a dot as a separator unless the first separator is a slash."""
    separator = "/" if "." in interface else "."
    return shell_word(separator.join(("net", "ipv4", "conf", interface, setting)) + f"={value}")
