"""orphan-vip: what it says, what it advises, and when it cannot tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.answers import Answer, AnswerStatus, SrvRecord, View
from lowatch.core.findings import Action, Change, Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.held import Held
from lowatch.core.last_served import LastServed
from lowatch.core.listeners import Connect
from lowatch.core.policy import Domain
from lowatch.core.rules.orphan_vip import orphan_vip
from lowatch.core.snapshot import DomainObservation
from lowatch.core.verdicts import judge_endpoints
from tests.unit.core.worlds import (
    BLIND,
    FULL,
    NGINX,
    VIP,
    VIP6,
    WWW,
    Served,
    answer,
    domain,
    held,
    local,
    only_finding,
    ports,
    route,
    rrset,
    seen,
    split,
    view,
)


def judged(www: DomainObservation, of: Domain | None = None) -> list[Finding | Undecided]:
    asked = of or domain(WWW, "80")
    return list(orphan_vip(asked, www, judge_endpoints(asked, www, loopback_up=True)))


def test_the_canonical_case() -> None:
    finding = only_finding(judged(view(local(VIP, *seen(("80", None, Connect.REFUSED))))))
    assert finding.subject == Subject(FindingKind.ORPHAN_VIP, "lo", VIP, WWW, ports("80")[0])
    assert finding.severity is Severity.CRITICAL
    assert finding.message == (
        "www.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on "
        "80/tcp: requests from this host fail"
    )
    assert finding.proposed == Change(Action.REMOVE, held(VIP))
    assert not finding.fix  # which is for core/fixes/offer.py to offer


@pytest.mark.parametrize(
    "serving",
    [(NGINX, None), (FULL, None), (None, Connect.ACCEPTED)],
    ids=["served", "backlogged", "redirected"],
)
def test_nothing_is_said_where_somebody_is_there(serving: tuple[Served, Connect | None]) -> None:
    assert judged(view(local(VIP, *seen(("80", *serving))))) == []


def test_one_finding_for_each_port() -> None:
    """With any-of all of them are silent, and each says so of all."""
    silent = view(local(VIP, *seen(("80", None), ("443", None))))
    for any_of, siblings in ((True, True), (False, False)):
        findings, undecided = split(judged(silent, domain(any_of=any_of)))
        assert [str(one.subject.port) for one in findings] == ["80/tcp", "443/tcp"]
        assert all(("listens there on 80/tcp or 443/tcp:" in one.message) is siblings for one in findings)
        assert {tuple(map(str, one.any_of)) for one in findings} == {
            ("80/tcp", "443/tcp") if siblings else ()
        }
        assert not undecided


def test_the_chain_that_led_here() -> None:
    of = Answer(WWW, rrset(VIP, chain=("www.cdn.example", "edge.cdn.example")), rrset())
    finding = only_finding(judged(view(local(VIP, *seen(("80", None))), of=of)))
    assert (
        "www.example.com -> www.cdn.example -> edge.cdn.example resolves to 192.0.2.10, which is on lo"
        in (finding.message)
    )


def test_the_chain_of_its_own_family() -> None:
    of = Answer(WWW, rrset(VIP, chain=("v4.example",)), rrset(VIP6, chain=("v6.example",)))
    www = view(local(VIP, *seen(("80", NGINX))), local(VIP6, *seen(("80", None))), of=of)
    assert "www.example.com -> v6.example resolves to 2001:db8::10," in only_finding(judged(www)).message


def test_a_service_names_the_target_that_leads_here() -> None:
    """And each of its ports is required, whatever was configured for a name of that kind."""
    xmpp, other = "_xmpp-client._tcp.example.com", parse_address("198.51.100.7")
    records = (
        SrvRecord("a.example.com", ports("5222")[0], (VIP,)),
        SrvRecord("b.example.com", ports("5223")[0], (other, VIP)),
    )
    of = replace(answer(VIP, other, name=xmpp), srv_records=records)
    here = view(local(VIP, *seen(("5222", NGINX), ("5223", None))), of=of)
    for any_of in (False, True):
        finding = only_finding(judged(here, domain(xmpp, "", any_of=any_of)))
        assert finding.message == (
            f"{xmpp} -> b.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on "
            "5223/tcp: requests from this host fail"
        )


def test_who_else_than_dns_leads_here() -> None:
    of = replace(answer(VIP), view=View.HOSTS)
    finding = only_finding(judged(view(local(VIP, *seen(("80", None))), of=of)))
    assert finding.message.startswith(
        "www.example.com resolves to 192.0.2.10 (from /etc/hosts), which is on lo, but "
    )


def test_a_stale_answer_is_reported_as_such() -> None:
    of = Answer(WWW, rrset(VIP, status=AnswerStatus.STALE, stale_since=5.0, reason="SERVFAIL"), rrset())
    finding = only_finding(judged(view(local(VIP, *seen(("80", None))), of=of)))
    assert "192.0.2.10 (stale answer), which is on lo" in finding.message


LOOPBACK = parse_address("127.0.0.1")
WITH_24 = held("192.0.2.1", 24)
V6_64 = held("2001:db8::1", 64)
HOST_ROUTE = route("192.0.2.10/32")
OF_66 = route("192.0.2.10/32", origin="proto 66")
ANYIP, ANYIP6 = route("192.0.0.0/16"), route("2001:db8::/48")


@pytest.mark.parametrize(
    ("address", "held_by", "covering", "where", "change"),
    [
        (VIP, held(VIP), (), "which is on lo", Change(Action.REMOVE, held(VIP))),
        (VIP6, held(VIP6, 64), (), "which is on lo", Change(Action.REMOVE, held(VIP6, 64))),
        (VIP, HOST_ROUTE, (), "which a route through lo makes local", Change(Action.REMOVE, HOST_ROUTE)),
        (VIP, OF_66, (), "which a route (proto 66) through lo makes local", Change(Action.REMOVE, OF_66)),
        (VIP, None, (ANYIP,), "which a wider prefix on lo makes local", Change(Action.REMOVE, ANYIP)),
        (VIP, None, (WITH_24,), "which a wider prefix on lo makes local", Change(Action.NARROW, WITH_24)),
        (
            VIP,
            None,
            (ANYIP, WITH_24),
            "which a wider prefix on lo makes local",
            Change(Action.NARROW, WITH_24),
        ),
        (
            VIP6,
            None,
            (V6_64, ANYIP6),
            "which a wider prefix on lo makes local",
            Change(Action.REMOVE, ANYIP6),
        ),
        (LOOPBACK, held("127.0.0.1", 8), (), "which is on lo", None),
        (
            parse_address("127.0.0.2"),
            None,
            (held("127.0.0.1", 8),),
            "which is a loopback address on lo",
            None,
        ),
        (parse_address("::1"), held("::1"), (), "which is on lo", None),
    ],
)
def test_where_it_is_and_what_would_take_it_away(
    address: bytes, held_by: Held | None, covering: tuple[Held, ...], where: str, change: Change | None
) -> None:
    """A loopback address is every host's: the answer is wrong, and no removal is proposed."""
    www = view(local(address, *seen(("80", None)), held=held_by, covering=covering))  # type: ignore[arg-type]
    finding = only_finding(judged(www))
    assert f", {where}, but nothing" in finding.message
    assert finding.proposed == change


def test_the_first_advice_is_to_bring_the_service_back() -> None:
    silent = view(local(VIP, *seen(("80", None), ("443", None))))
    findings, _ = split(judged(silent, domain()))
    assert {one.advice for one in findings} == {"start the service for 80/tcp or 443/tcp on 192.0.2.10"}
    findings, _ = split(judged(silent, domain(any_of=False)))
    assert [one.advice for one in findings] == [
        "start the service for 80/tcp and 443/tcp on 192.0.2.10",
        "start the service for 80/tcp and 443/tcp on 192.0.2.10",
    ]
    loopback = view(local(LOOPBACK, *seen(("80", None)), held=held("127.0.0.1", 8)))
    assert only_finding(judged(loopback)).advice == (
        "start the service for 80/tcp on 127.0.0.1, or correct what the domain resolves to: every host has "
        "this address"
    )


def test_unknown_endpoint_is_undecided() -> None:
    www = view(local(VIP, *seen(("80", BLIND))))
    assert judged(www) == [
        Undecided(
            FindingKind.ORPHAN_VIP,
            "sock_diag: Operation not permitted",
            domain=WWW,
            address=VIP,
            port=ports("80")[0],
        )
    ]


def test_unconfirmed_orphan_is_undecided() -> None:
    findings, undecided = split(judged(view(local(VIP, *seen(("80", None, BLIND))))))
    assert (findings, len(undecided)) == ([], 1)


def test_unknown_locality_leaves_all_ports_of_that_address_undecided() -> None:
    www = view(undecided=[(VIP, "netlink: overrun")])
    assert judged(www) == [Undecided(FindingKind.ORPHAN_VIP, "netlink: overrun", domain=WWW, address=VIP)]


def test_what_is_known_is_said_beside_what_is_not() -> None:
    www = view(local(VIP, *seen(("80", None), ("443", BLIND))), undecided=[(VIP6, "netlink: overrun")])
    findings, undecided = split(judged(www, domain(any_of=False)))
    assert [str(one.subject.port) for one in findings] == ["80/tcp"]
    assert {(one.address, str(one.port)) for one in undecided} == {(VIP, "443/tcp"), (VIP6, "None")}


def test_who_served_it_last_is_in_the_message_with_the_time() -> None:
    """Not with the age, with which the message would be another one at each audit."""
    (port,) = seen(("80", None, Connect.REFUSED))
    last = LastServed("nginx.service", 1795403527.25)
    finding = only_finding(judged(view(local(VIP, port._replace(last_served=last)))))
    assert finding.last_served is last
    assert finding.message == (
        "www.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on "
        "80/tcp: requests from this host fail; served by nginx.service until 2026-11-23T03:12:07Z"
    )
    assert finding.reason == finding.message.partition("; served")[0]


def test_of_an_any_of_set_the_last_of_all_is_in_each_finding() -> None:
    """The finding of the first port is announced for all, even if only another one was ever served."""
    http, https = seen(("80", None), ("443", None))
    last = LastServed("nginx.service", 5.0)
    silent = view(local(VIP, http, https._replace(last_served=last)))
    for any_of, expected in ((True, [last, last]), (False, [None, last])):
        findings, _ = split(judged(silent, domain(any_of=any_of)))
        assert [finding.last_served for finding in findings] == expected


def test_what_can_be_done_the_best_first() -> None:
    """A removal is added once it is shown to be harmless."""
    finding = only_finding(judged(view(local(VIP, *seen(("80", None))))))
    assert [(one.action, one.summary, one.commands, one.persist) for one in finding.fixes] == [
        (Action.START, "start the service for 80/tcp on 192.0.2.10", (), None),
        (Action.MOVE, "if it is served elsewhere, change what www.example.com resolves to", (), None),
    ]


@pytest.mark.parametrize(
    ("unit", "commands"),
    [
        ("nginx.service", ("systemctl start nginx.service",)),
        (r"my\x2dapp@1.socket", (r"systemctl start 'my\x2dapp@1.socket'",)),
        ("docker-0123.scope", ()),
        ("user@1000.service", ()),
    ],
)
def test_the_unit_that_served_it_last_is_started(unit: str, commands: tuple[str, ...]) -> None:
    (port,) = seen(("80", None, Connect.REFUSED))
    known = port._replace(last_served=LastServed(unit, 1795403527.25))
    finding = only_finding(judged(view(local(VIP, known))))
    assert finding.fixes[0].commands == finding.fix == commands
    who = unit if commands else "the service"
    assert finding.advice == finding.fixes[0].summary == f"start {who} for 80/tcp on 192.0.2.10"


def test_ports_that_are_only_guessed_are_information() -> None:
    """The name was learned, and nothing shows yet what it should serve."""
    finding = only_finding(
        judged(
            view(local(VIP, *seen(("80", None, Connect.REFUSED)))), Domain(WWW, ports("80"), guessed=True)
        )
    )
    assert finding.severity is Severity.INFO
    assert finding.message == (
        "www.example.com resolves to 192.0.2.10, which is on lo, but nothing listens there on 80/tcp: "
        "the name was not configured, and nothing has shown yet which port it should serve"
    )
