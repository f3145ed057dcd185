"""nsswitch.conf(5): whether /etc/hosts or DNS decides what a name's addresses are, or neither does.

Each service of the `hosts` database in turn says SUCCESS, NOTFOUND, UNAVAIL or TRYAGAIN, and its actions
say whether the next one is asked. What glibc really does: see foreign_behaviour/test_name_service.py.

What other services say (sss, ldap, mdns, mymachines...) only getaddrinfo tells; here they know no name.
nss-resolve(8) is there where systemd-resolved runs, and UNAVAIL where it does not.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lowatch.core.answers import Answer, AnswerStatus

NSSWITCH_CONF = Path("/etc/nsswitch.conf")

_DATABASE = re.compile(r"\s*([^\s:]+)[\s:]*(.*)", re.DOTALL)
_SERVICE = re.compile(r"\s*([^\s\[]+)\s*(?:\[([^\]]*)(\])?)?")
_ACTION = re.compile(r"\s*(!?)\s*([a-z]+)\s*=\s*([a-z]+)(?=\s|!|$)", re.IGNORECASE)

_STATUSES = ("SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN")
_DEFAULT_ACTIONS = {"SUCCESS": "RETURN"}  # and CONTINUE for all others
_DNS_SAYS = ("SUCCESS", "NOTFOUND", "UNAVAIL")
_MDNS_MINIMAL = frozenset({"mdns_minimal", "mdns4_minimal", "mdns6_minimal"})
_MYHOSTNAMES = frozenset({"localhost", "localhost.localdomain", "_gateway", "_outbound"})


class Decider(Enum):
    """Whose word on a name applications get."""

    HOSTS = "hosts"
    DNS = "dns"
    NOBODY = "nobody"
    """There is no answer at all, whatever the others say of it."""


class Order(NamedTuple):
    """Who decides about a name, by what DNS says of it."""

    found: Decider
    denied: Decider
    failed: Decider

    def decider(self, dns: Answer) -> Decider:
        """dns: what DNS says. An answer that was good once stands, stale or not: records/slot_state.py."""
        if dns.addresses:
            return self.found
        return self.denied if dns.status in (AnswerStatus.NXDOMAIN, AnswerStatus.NODATA) else self.failed


_FILES_DNS = (("files", _DEFAULT_ACTIONS), ("dns", _DEFAULT_ACTIONS))


class NameServiceSwitch(NamedTuple):
    """listed: who decides about a name that /etc/hosts has. absent: about all others.

    services: in their order. resolved: whether systemd-resolved asks DNS for applications, and not the
    `dns` service. broken: why the C library resolves nothing at all by this file; "" otherwise.
    With a list that names no service glibc 2.36 does not even fail: it ends the process (SIGSEGV).
    """

    listed: Order
    absent: Order
    services: tuple[str, ...] = ()
    resolved: bool = False
    broken: str = ""

    def follows(self, name: str, hostname: str) -> bool:
        """Whether /etc/hosts and DNS tell all of this name that getaddrinfo says, whatever it may be."""
        return not self.broken and all(_is_predictable(one, name, hostname) for one in self.services)


_Service = tuple[str, dict[str, str]]


def parse_nsswitch(
    text: str, source: str = str(NSSWITCH_CONF), *, resolved_runs: bool = True
) -> NameServiceSwitch:
    """Read the `hosts` line; the last one counts. Without any it is `files dns`, as without the file."""
    found = _switch(list(_FILES_DNS), resolved_runs=resolved_runs)
    for number, line in enumerate(text.split("\n"), 1):
        matched = _DATABASE.match(line.partition("#")[0].partition("\0")[0])
        if matched is None or matched[1] != "hosts":
            continue
        try:
            found = _switch(_parse_services(matched[2]), resolved_runs=resolved_runs)
        except ValueError as error:
            found = found._replace(broken=f"{source}:{number}: {error}: no name can be resolved")
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
        raise ValueError("the hosts line has no service")
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
        raise ValueError(f"[{text}] is not a list of actions")
    return actions


def _switch(services: list[_Service], *, resolved_runs: bool) -> NameServiceSwitch:
    """Glibc's getaddrinfo takes a failure of DNS, of whatever kind, for UNAVAIL."""
    listed, absent = (
        Order(*(_decider(services, dns, has_it, resolved_runs) for dns in _DNS_SAYS))
        for has_it in (True, False)
    )
    names = tuple(name for name, _ in services)
    asks_dns = next((name for name in names if name == "dns" or (name == "resolve" and resolved_runs)), "")
    return NameServiceSwitch(listed, absent, names, asks_dns == "resolve")


def _decider(services: list[_Service], dns: str, hosts: bool, resolved_runs: bool) -> Decider:
    """Ask one service after the other about a name of which DNS says `dns`.

    hosts: whether /etc/hosts has it. Who was asked last decides, of those that know anything; an answer
    that others are asked behind is lost.
    """
    decider, lost = Decider.NOBODY, False
    for name, actions in services:
        status, its = _said(name, dns, hosts, resolved_runs)
        if its is not Decider.NOBODY or lost:
            decider, lost = its, status == "SUCCESS"
        action = actions.get(status, "CONTINUE")
        if action == "MERGE" and status == "SUCCESS":
            return Decider.NOBODY  # not supported for hosts: the lookup fails
        if action == "RETURN":
            break
    return decider


def _said(service: str, dns: str, hosts: bool, resolved_runs: bool) -> tuple[str, Decider]:
    """Resolved reads /etc/hosts itself, and decides by it; a failure of DNS it passes on as NOTFOUND."""
    if service == "resolve" and resolved_runs:
        if hosts:
            return "SUCCESS", Decider.HOSTS
        return ("SUCCESS" if dns == "SUCCESS" else "NOTFOUND"), Decider.DNS
    if service == "files":
        return ("SUCCESS", Decider.HOSTS) if hosts else ("NOTFOUND", Decider.NOBODY)
    return (dns, Decider.DNS) if service == "dns" else ("UNAVAIL", Decider.NOBODY)


def _is_predictable(service: str, name: str, hostname: str) -> bool:
    """Whether it is known what a service says of a name.

    mdns*_minimal takes names in .local alone (nss-mdns); myhostname the host's own, localhost and two
    more (nss-myhostname(8)).
    """
    if service in ("files", "dns"):
        return True
    if service in _MDNS_MINIMAL:
        return not (name == "local" or name.endswith(".local"))
    if service != "myhostname":
        return False
    own = name.partition(".")[0] == hostname.lower().partition(".")[0]
    return not (own or name in _MYHOSTNAMES or name.endswith((".localhost", ".localhost.localdomain")))
