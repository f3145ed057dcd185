"""Which names lead to held addresses, by /etc/hosts, the host's own name and PTR records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from lowatch.core.addresses import Address, format_address, is_link_local
from lowatch.core.answers import NOT_ASKED, Answer, AnswerListener
from lowatch.core.candidate_names import Sources, leads, led_by_ptr
from lowatch.core.limits.names import PTR_ADDRESSES
from lowatch.core.name_sources import NameSource
from lowatch.core.reverse_names import reverse_name

_SHOWN = 3
"""Failures that are shown one by one."""
_AT_ONCE = 64
"""Addresses whose names are looked at before the loop runs: 2 ms the first time."""
_KNOWN = ("", "")
_NO_FAILURE = ("", NOT_ASKED.reason)


class FoundInFile(Protocol):
    """names: None if they are unknown. problem: why names may be missing; "" if none are."""

    @property
    def names(self) -> Collection[str] | None: ...

    @property
    def problem(self) -> str: ...


class OwnNames(Protocol):
    """The files of this host. Blocks as read(2) does."""

    def seen(self) -> object:
        """Differs once a file may have changed."""

    def in_hosts(self, held: Collection[Address]) -> FoundInFile:
        """The names beside these addresses in /etc/hosts."""

    def of_host(self, hostname: str) -> FoundInFile:
        """The names of the host itself."""


class UpstreamDns(Protocol):
    """The DNS beyond any stub: reverse names are asked for PTR records, other names for addresses."""

    def answer(self, domain: str) -> Answer: ...

    def unresolved(self) -> Mapping[str, tuple[str, str]]: ...

    def over_limit(self) -> Mapping[str, int]: ...

    @property
    def problems(self) -> Iterable[str]: ...

    async def run(self, listener: AnswerListener) -> None: ...

    async def settled(self) -> None: ...

    def replace_domains(self, domains: Iterable[str]) -> None: ...


class Read(NamedTuple):
    """What the files say. hosts, own: names; None if unknown. problems: one line each."""

    hosts: Collection[str] | None
    own: Collection[str] | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """What is to be asked. dns: None if only files are."""

    learn: Collection[NameSource]
    files: OwnNames
    dns: UpstreamDns | None
    hostname: Callable[[], str]


class Candidates:
    """Asks one place after the other. ask() says for which addresses; leading() is what is known so far."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._held: Collection[Address] = ()
        self._asked: tuple[Address, ...] = ()
        self._left = 0
        self._hosts: Collection[str] = ()
        self._own: Collection[str] = ()
        self._known: set[NameSource] = set()
        self._problems: tuple[str, ...] = ()

    def seen(self) -> object:
        """Differs once read() may return something else for the same addresses."""
        return self._places.files.seen(), self._places.hostname()

    def read(self, held: Collection[Address]) -> Read:
        """What the files say. Blocks."""
        learn, files = self._places.learn, self._places.files
        hosts = files.in_hosts(held) if NameSource.HOSTS in learn else None
        own = files.of_host(self._places.hostname()) if NameSource.HOSTNAME in learn else None
        problems = (
            f"names.learn: {one.problem}" for one in (hosts, own) if one is not None and one.problem
        )
        return Read(_names(hosts), _names(own), tuple(problems))

    def ask(self, held: Collection[Address], read: Read) -> None:
        """Ask about these addresses from now on. What could not be read stays what it was."""
        self._held, self._problems = held, read.problems
        if read.hosts is not None:
            self._hosts = read.hosts
            self._known.add(NameSource.HOSTS)
        if read.own is not None:
            self._own = read.own
        if NameSource.PTR in self._places.learn:
            wanted = sorted(
                (one for one in held if not is_link_local(one)), key=lambda one: (len(one), one)
            )
            self._asked = tuple(wanted[: PTR_ADDRESSES.value])
            self._left = len(wanted) - len(self._asked)
            if self._left:
                PTR_ADDRESSES.reached()
        if self._places.dns is not None:
            self._places.dns.replace_domains([*map(reverse_name, self._asked), *self._own])

    def leading(self) -> Generator[None, None, Sources]:
        """The names that lead to a held address, as far as it is known. See breaks.with_breaks."""
        dns, held = self._places.dns, self._held
        if dns is None:
            return {NameSource.HOSTS: self._hosts}
        by_ptr: set[str] = set()
        asked = self._asked
        for start in range(0, len(asked), _AT_ONCE):
            by_ptr |= led_by_ptr(held, asked[start : start + _AT_ONCE], dns.answer)
            yield
        return {
            NameSource.HOSTS: self._hosts,
            NameSource.HOSTNAME: {name for name in self._own if leads(dns.answer(name).addresses, held)},
            NameSource.PTR: by_ptr,
        }

    @property
    def answered(self) -> Collection[NameSource]:
        """The sources of which everything is known."""
        dns = self._places.dns
        if dns is None or dns.unresolved():
            return self._known
        return self._known | {NameSource.HOSTNAME, NameSource.PTR}

    @property
    def problem(self) -> str:
        """Why names may be missing, in one line; "" if none are."""
        return "; ".join((*self._problems, *self._of_dns()))

    def _of_dns(self) -> Iterable[str]:
        dns = self._places.dns
        if dns is None:
            return
        if broken := tuple(dns.problems):
            yield f"names.learn: {broken[-1]}"
        unresolved = dns.unresolved()
        asked = {
            **{reverse_name(one): format_address(one) for one in self._asked},
            **{n: n for n in self._own},
        }
        failed = [name for name in asked if _reason(unresolved.get(name, _KNOWN)) not in _NO_FAILURE]
        if failed:
            shown = (f"{asked[name]}: {_reason(unresolved[name])}" for name in islice(failed, _SHOWN))
            more = f"; and {len(failed) - _SHOWN:,} more" if len(failed) > _SHOWN else ""
            yield f"names of this host's addresses: {'; '.join(shown)}{more}"
        over = {name: count for name, count in dns.over_limit().items() if name in asked}
        if over:
            name, count = next(iter(over.items()))
            more = f", and of {len(over) - 1:,} other names" if len(over) > 1 else ""
            yield f"{count:,} more PTR records of {asked[name]}{more} are not looked at"
        if self._left:
            yield f"the PTR records of {self._left:,} more addresses are not asked for"


def _names(found: FoundInFile | None) -> Collection[str] | None:
    return None if found is None else found.names


def _reason(reasons: tuple[str, str]) -> str:
    return next(filter(None, reasons), "")
