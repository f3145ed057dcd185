"""nsswitch.conf(5): whether /etc/hosts or DNS decides a name's addresses, or neither does.

The services of the `hosts` database are asked in order. Each returns SUCCESS, NOTFOUND, UNAVAIL or
TRYAGAIN, and its actions decide whether the next one is asked. foreign_behaviour/test_name_service.py
tests what glibc really does.

Only getaddrinfo shows the results of other services (sss, ldap, mdns, mymachines...); here they know no
name. nss-resolve(8) works if systemd-resolved runs, and is UNAVAIL otherwise.
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
    """Which source decides the answer that applications get."""

    HOSTS = "hosts"
    DNS = "dns"
    NOBODY = "nobody"
    """There is no answer at all, whatever the other sources have."""


class Order(NamedTuple):
    """Who decides about a name if DNS has found it, denied it or failed."""

    found: Decider
    denied: Decider
    failed: Decider

    def decider(self, dns: Answer) -> Decider:
        """dns: the answer of DNS. A stale answer counts as found (see records/slot_state.py)."""
        if dns.addresses:
            return self.found
        return self.denied if dns.status in (AnswerStatus.NXDOMAIN, AnswerStatus.NODATA) else self.failed


_FILES_DNS = (("files", _DEFAULT_ACTIONS), ("dns", _DEFAULT_ACTIONS))


class NameServiceSwitch(NamedTuple):
    """listed: who decides about names in /etc/hosts. absent: who decides about all others.

    services: in order. resolved: whether systemd-resolved, instead of the `dns` service, queries DNS for
    applications. broken: why the C library resolves nothing at all with this file; "" otherwise.
    If the list has no service, glibc 2.36 does not just fail: it crashes the process (SIGSEGV).
    """

    listed: Order
    absent: Order
    services: tuple[str, ...] = ()
    resolved: bool = False
    broken: str = ""

    def follows(self, name: str, hostname: str) -> bool:
        """Whether /etc/hosts and DNS alone determine what getaddrinfo returns for this name."""
        return not self.broken and all(_is_predictable(one, name, hostname) for one in self.services)


_Service = tuple[str, dict[str, str]]


def parse_nsswitch(
    text: str, source: str = str(NSSWITCH_CONF), *, resolved_runs: bool = True
) -> NameServiceSwitch:
    """Parse the `hosts` line; the last one counts. Without one, or without the file: `files dns`."""
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
    """Raises ValueError for an error that makes glibc reject the whole list."""
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
    """The getaddrinfo of glibc treats any failure of DNS as UNAVAIL."""
    listed, absent = (
        Order(*(_decider(services, dns, has_it, resolved_runs) for dns in _DNS_SAYS))
        for has_it in (True, False)
    )
    names = tuple(name for name, _ in services)
    asks_dns = next((name for name in names if name == "dns" or (name == "resolve" and resolved_runs)), "")
    return NameServiceSwitch(listed, absent, names, asks_dns == "resolve")


def _decider(services: list[_Service], dns: str, hosts: bool, resolved_runs: bool) -> Decider:
    """Ask one service after the other about a name. dns: the status that DNS returns for it.

    hosts: whether /etc/hosts has it. The last service asked that knows anything decides. An answer is lost
    if another service is asked after it.
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
    """systemd-resolved reads /etc/hosts itself, and prefers it. It returns a failure of DNS as NOTFOUND."""
    if service == "resolve" and resolved_runs:
        if hosts:
            return "SUCCESS", Decider.HOSTS
        return ("SUCCESS" if dns == "SUCCESS" else "NOTFOUND"), Decider.DNS
    if service == "files":
        return ("SUCCESS", Decider.HOSTS) if hosts else ("NOTFOUND", Decider.NOBODY)
    return (dns, Decider.DNS) if service == "dns" else ("UNAVAIL", Decider.NOBODY)


def _is_predictable(service: str, name: str, hostname: str) -> bool:
    """Whether it is known what a service returns for a name.

    mdns*_minimal handles only names in .local (nss-mdns), myhostname only the host's own, localhost and two
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
