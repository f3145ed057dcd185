"""nsswitch.conf(5): whether /etc/hosts or DNS decides what a name's addresses are.

Each service of the `hosts` database in turn says SUCCESS, NOTFOUND, UNAVAIL or TRYAGAIN, and its actions
say whether the next one is asked. What glibc really does: see kernel_behaviour/test_name_service.py.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lowatch.core.answers import Answer, Status

NSSWITCH_CONF = Path("/etc/nsswitch.conf")

_DATABASE = re.compile(r"\s*([^\s:]+)[\s:]*(.*)", re.DOTALL)
_SERVICE = re.compile(r"\s*([^\s\[]+)\s*(?:\[([^\]]*)(\])?)?")
_ACTION = re.compile(r"\s*(!?)\s*([a-z]+)\s*=\s*([a-z]+)(?=\s|!|$)", re.IGNORECASE)

_STATUSES = ("SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN")
_DEFAULT_ACTIONS = {"SUCCESS": "RETURN"}  # and CONTINUE for all others


class Decider(Enum):
    """Whose word on a name applications get."""

    HOSTS = "hosts"
    DNS = "dns"
    NOBODY = "nobody"
    """There is no answer at all, whatever the others say of it."""


class Order(NamedTuple):
    """Who decides about a name that /etc/hosts has, by what DNS says of it."""

    found: Decider = Decider.HOSTS
    denied: Decider = Decider.HOSTS
    failed: Decider = Decider.HOSTS

    def decider(self, dns: Answer) -> Decider:
        """dns: what DNS says. An answer that was good once stands, stale or not: see state.py."""
        if dns.addresses:
            return self.found
        return self.denied if dns.status in (Status.NXDOMAIN, Status.NODATA) else self.failed


class NameServiceSwitch(NamedTuple):
    """order: see there. broken: why the C library resolves nothing at all by this file; "" otherwise.

    With a list that names no service glibc 2.36 does not even fail: it ends the process (SIGSEGV).
    """

    order: Order = Order()
    broken: str = ""


_NOTHING = Order(Decider.NOBODY, Decider.NOBODY, Decider.NOBODY)
_Service = tuple[str, dict[str, str]]


def parse_nsswitch(text: str, source: str = str(NSSWITCH_CONF)) -> NameServiceSwitch:
    """Read the `hosts` line; the last one counts. Without any it is `files dns`, as without the file."""
    found = NameServiceSwitch()
    for number, line in enumerate(text.split("\n"), 1):
        matched = _DATABASE.match(line.partition("#")[0].partition("\0")[0])
        if matched is None or matched[1] != "hosts":
            continue
        try:
            found = NameServiceSwitch(_order(_parse_services(matched[2])))
        except ValueError as error:
            found = NameServiceSwitch(_NOTHING, f"{source}:{number}: {error}: it resolves no name")
    return found


def _parse_services(text: str) -> list[_Service]:
    """Raises ValueError for what makes glibc give up the whole list."""
    services: list[_Service] = []
    place = 0
    while matched := _SERVICE.match(text, place):
        name, actions, closed = matched.groups()
        if actions is not None and closed is None:
            raise ValueError(f"the actions of {name!r} have no closing bracket")
        services.append((name, _DEFAULT_ACTIONS if actions is None else _parse_actions(actions)))
        place = matched.end()
    if not services:
        raise ValueError("the hosts line names no service")
    return services


def _parse_actions(text: str) -> dict[str, str]:
    actions = dict(_DEFAULT_ACTIONS)
    place = 0
    while matched := _ACTION.match(text, place):
        negated, status, action = matched[1], matched[2].upper(), matched[3].upper()
        if status not in _STATUSES or action not in ("RETURN", "CONTINUE", "MERGE"):
            break
        named = [other for other in _STATUSES if other != status] if negated else [status]
        actions.update(dict.fromkeys(named, action))
        place = matched.end()
    if text[place:].strip() or not place:
        raise ValueError(f"[{text}] is no list of actions")
    return actions


def _order(services: list[_Service]) -> Order:
    """Glibc's getaddrinfo takes a failure of DNS, of whatever kind, for UNAVAIL."""
    return Order(*(_decider(services, dns) for dns in ("SUCCESS", "NOTFOUND", "UNAVAIL")))


def _decider(services: list[_Service], dns: str) -> Decider:
    """Ask one service after the other about a name that /etc/hosts has, and of which DNS says `dns`.

    `resolve` (systemd-resolved) reads /etc/hosts itself, and decides by it. Of all others (mdns4_minimal,
    myhostname, sss and so on) it is assumed that they do not know the name; getaddrinfo tells.
    """
    last = Decider.NOBODY
    for name, actions in services:
        status, last = _said(name, dns)
        action = actions.get(status, "CONTINUE")
        if action == "MERGE" and status == "SUCCESS":
            return Decider.NOBODY  # not supported for hosts: the lookup fails
        if action == "RETURN":
            break
    return last


def _said(service: str, dns: str) -> tuple[str, Decider]:
    if service in ("files", "resolve"):
        return "SUCCESS", Decider.HOSTS
    return (dns, Decider.DNS) if service == "dns" else ("UNAVAIL", Decider.NOBODY)
