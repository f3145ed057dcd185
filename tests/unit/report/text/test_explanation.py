from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import parse_address, parse_port, parse_prefix
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.core.boot import BootFiles, Configured, Effect, compare
from lowatch.core.explanation import (
    AddressEvidence,
    Explanation,
    RouteAnswer,
)
from lowatch.core.findings import FindingKind
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Listener
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import Verdict
from lowatch.report.text.explanation import render
from tests.unit.report.audit_worlds import NGINX, NOW, UPTIME, endpoint, held, tracked
from tests.unit.report.text.explained import ANSWER, ELSEWHERE, VIP

HELD_VIP = AddressEvidence(
    VIP,
    RouteAnswer(local=True, prefix=parse_prefix("192.0.2.10/32"), interface="lo"),
    held=(held("192.0.2.10", label="lo:vip", flags=("permanent",), created=UPTIME - 11520),),
    endpoints=(
        endpoint("www.example.com", "192.0.2.10", "80/tcp", Verdict.ORPHAN),
        endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED, NGINX),
    ),
    connects={parse_port("80/tcp"): Connect.REFUSED},
)
REMOTE = AddressEvidence(
    ELSEWHERE, RouteAnswer(local=False, prefix=parse_prefix("0.0.0.0/0"), interface="eth0")
)
ORPHANED = Explanation(
    target="www.example.com",
    host="web-17",
    at=NOW,
    uptime=UPTIME,
    answer=ANSWER,
    addresses=(HELD_VIP, REMOTE),
    findings=(
        tracked(
            FindingKind.ORPHAN_VIP,
            "nothing listens on 80/tcp",
            "ip address del 192.0.2.10/32 dev lo",
            domain="www.example.com",
            address="192.0.2.10",
            port="80/tcp",
        ),
    ),
)
EVIDENCE = """\
www.example.com
web-17, 2026-11-23T03:12:07Z

  dns A       192.0.2.10 and 198.51.100.7; via lb.example.net; from 192.0.2.53, TTL 300 s
  dns AAAA    nodata; from 192.0.2.53, TTL 60 s

192.0.2.10
  route       local: 192.0.2.10/32 on lo
  held        192.0.2.10/32 on lo, label lo:vip, permanent, for 3 h 12 min
  80/tcp      orphan: no listener; a connect was refused
  443/tcp     served: nginx.service (uid 33, inode 48213) listens on 0.0.0.0
              it listens on all addresses, and serves nothing else of this name: if another unit
              should serve it, say so in lowatch.toml (unit)

198.51.100.7
  route       not local: routed by 0.0.0.0/0 on eth0

CRITICAL  orphan-vip: www.example.com at 192.0.2.10 on lo, 80/tcp
    why    nothing listens on 80/tcp
    state  firing
    fix    ip address del 192.0.2.10/32 dev lo
"""
NOTHING = Explanation("www.example.com", "web-17", NOW, UPTIME, monotonic=5000.0)


def text(explanation: Explanation, *, width: int = 100) -> str:
    return render(explanation, colour=False, width=width)


def of(evidence: AddressEvidence) -> str:
    return text(replace(NOTHING, addresses=(evidence,)))


def test_the_chain_of_evidence() -> None:
    assert text(ORPHANED) == EVIDENCE


def test_it_keeps_to_the_width() -> None:
    lines = text(ORPHANED, width=50).splitlines()
    assert max(len(line) for line in lines if "ip address" not in line) <= 50


def test_colour_changes_nothing_else() -> None:
    coloured = render(ORPHANED, colour=True, width=100)
    assert "\x1b[1;31m80/tcp\x1b[0m" in coloured
    for code in ("0", "1", "2", "1;31", "1;32"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == text(ORPHANED)


def test_an_address_asked_about_by_itself() -> None:
    explanation = replace(
        ORPHANED,
        target="192.0.2.10",
        answer=None,
        addresses=(HELD_VIP,),
        names=("www.example.com", "api.example.com"),
    )
    assert text(explanation).startswith(
        "192.0.2.10\nweb-17, 2026-11-23T03:12:07Z\n  resolved by www.example.com and api.example.com\n"
    )


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (RouteAnswer(local=False, prefix=None, interface=""), "none: unreachable from this host"),
        (Unknown("netlink", "timed out"), "unknown: netlink: timed out"),
        (
            RouteAnswer(local=True, prefix=parse_prefix("192.0.2.0/24"), interface="eth0", watched=False),
            "local: 192.0.2.0/24 on eth0, which is not watched",
        ),
    ],
)
def test_routes(route: RouteAnswer | Unknown, said: str) -> None:
    assert f"  route       {said}\n" in of(AddressEvidence(VIP, route))


def test_a_local_prefix_that_no_address_accounts_for() -> None:
    local = RouteAnswer(local=True, prefix=parse_prefix("192.0.2.0/24"), interface="lo")
    assert "  held        on no watched interface\n" in of(AddressEvidence(VIP, local))


def test_a_local_route_without_an_address() -> None:
    route = held("192.0.2.10", by="route", table=255, origin="proto 66")
    said = "no address, but the local route 192.0.2.10/32 on lo, table local, from proto 66"
    assert f"  held        {said}\n" in of(replace(HELD_VIP, held=(route,)))


def test_where_an_address_is_configured() -> None:
    entry = Configured(VIP, 32, "lo", "/etc/x", 3, "x", Effect.MAY_ADD, "on demand")
    boot = compare(BootFiles((entry,), files=1), lambda _: False)
    shown = text(replace(NOTHING, addresses=(HELD_VIP,), boot=boot))
    assert "  boot        configured in /etc/x:3 (x), on demand\n  80/tcp" in shown
    shown = text(replace(NOTHING, addresses=(replace(REMOTE, address=VIP), REMOTE), boot=boot))
    assert (
        "  boot        configured in /etc/x:3 (x) for lo, on demand\n  boot        not held now\n" in shown
    )
    assert shown.count("boot  ") == 2


def test_an_address_that_no_file_explains() -> None:
    shown = text(replace(NOTHING, addresses=(HELD_VIP, REMOTE), boot=compare(BootFiles(), None)))
    assert "  boot        added at run time: no configuration file adds it (0 read)\n" in shown
    assert shown.count("boot  ") == 1


def test_another_network_namespace() -> None:
    """The files that bring addresses back are not about it."""
    shown = text(replace(NOTHING, addresses=(HELD_VIP,), netns="blue"))
    assert shown.splitlines()[1].startswith("web-17 (network namespace blue), 2026-")
    assert (
        "boot        unknown: configuration files are read for the first network namespace only\n" in shown
    )


def test_a_peer() -> None:
    peer = held("192.0.2.10", 24, peer=parse_address("198.51.100.1"))
    said = "192.0.2.10/24 on lo, peer 198.51.100.1"
    assert f"  held        {said}\n" in of(replace(HELD_VIP, held=(peer,)))


@pytest.mark.parametrize(
    ("verdict", "listener", "reason", "connect", "said"),
    [
        (Verdict.UNKNOWN, None, "sock_diag: timed out", None, "unknown: sock_diag: timed out"),
        (Verdict.UNKNOWN, None, "", None, "unknown"),
        (
            Verdict.REDIRECTED,
            None,
            "",
            Connect.ACCEPTED,
            "redirected: no listener; a connect was accepted; NAT, TPROXY or IPVS, unknown which",
        ),
        (
            Verdict.BACKLOGGED,
            Listener(VIP, 7, 0, queued=129, backlog=128),
            "",
            None,
            "backlogged: uid 0, inode 7 listens on 192.0.2.10, accept queue full (129 of 128)",
        ),
        (Verdict.UNUSED, None, "", None, "unused: no listener"),
    ],
)
def test_endpoints(
    verdict: Verdict, listener: Listener | None, reason: str, connect: Connect | None, said: str
) -> None:
    row = endpoint("", "192.0.2.10", "80/tcp", verdict, listener, reason)
    connects = {} if connect is None else {row.port: connect}
    assert f"  80/tcp      {said}\n" in of(replace(HELD_VIP, endpoints=(row,), connects=connects))


def test_a_udp_socket_is_taken_at_the_lookups_word() -> None:
    row = endpoint("", "192.0.2.10", "53/udp", Verdict.SERVED, Listener(VIP, 7, 0, protocol="udp"))
    said = "served: uid 0, inode 7 listens on 192.0.2.10; no connect can confirm UDP"
    assert f"  53/udp      {said}\n" in of(replace(HELD_VIP, endpoints=(row,), connects={}))


def test_nothing_is_said_to_be_well_that_is_not() -> None:
    fine = replace(HELD_VIP, endpoints=HELD_VIP.endpoints[1:], connects={})
    unknown = replace(fine, endpoints=(fine.endpoints[0]._replace(verdict=Verdict.UNKNOWN),))
    assert of(fine).endswith("\nNo problem found.\n")
    assert of(REMOTE).endswith("\nIt does not lead to this host.\n")
    assert of(replace(HELD_VIP)).endswith("listens on 0.0.0.0\n")  # an orphan speaks for itself
    assert of(unknown).endswith("\nNot everything could be observed.\n")


def test_a_name_that_does_not_resolve_is_not_said_to_lead_elsewhere() -> None:
    denied = RRset(AnswerStatus.NXDOMAIN, server="192.0.2.53")
    shown = text(replace(NOTHING, answer=Answer("wwww.example.com", denied, denied)))
    assert shown.endswith("\nIt does not resolve: the name does not exist, according to 192.0.2.53.\n")


@pytest.mark.parametrize(
    "explanation",
    [
        replace(NOTHING, problems=(Problem("dns", "no nameserver"),)),
        replace(NOTHING, answer=Answer("www.example.com")),
        replace(NOTHING, addresses=(AddressEvidence(VIP, Unknown("netlink", "refused")),)),
    ],
)
def test_the_unknown_is_never_complete(explanation: Explanation) -> None:
    assert not explanation.complete
    assert text(explanation).endswith("Not everything could be observed.\n")


def test_names_from_outside_cannot_move_the_cursor() -> None:
    answer = replace(ANSWER, a=replace(ANSWER.a, chain=("evil\x1b[2J\n.example",)))
    shown = text(replace(ORPHANED, answer=answer, names=("a\x1b\n",), target="\x1b[2J"))
    assert "\x1b" not in shown
    assert all(" " <= character <= "~" for line in shown.splitlines() for character in line)
