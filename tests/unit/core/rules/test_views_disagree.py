"""views-disagree: when it is said, what it says, and when it cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from lowatch.core.addresses import Address, format_address, parse_address
from lowatch.core.answers import Answer, AnswerStatus, OtherView, View
from lowatch.core.findings import Finding, FindingKind, Severity, Subject, Undecided
from lowatch.core.judgement import judge_domain
from lowatch.core.known import Unknown
from lowatch.core.rules.views_disagree import views_disagree
from lowatch.core.snapshot import DomainObservation, OtherViewAddress
from lowatch.core.views import addresses_of
from tests.unit.core.worlds import (
    DEAF,
    NGINX,
    VIP,
    VIP6,
    WWW,
    answer,
    domain,
    local,
    only_finding,
    rrset,
    seen,
    view,
)

ELSEWHERE, LOOPBACK = parse_address("198.51.100.7"), parse_address("127.0.0.1")
OWN = parse_address("127.0.1.1")
HERE = frozenset({VIP, VIP6, LOOPBACK, OWN})
SILENT = OtherView(View.DNS, None, "timed out")


def judged(
    of: Answer,
    *others: OtherView,
    by: View = View.HOSTS,
    here: Iterable[Address] = HERE,
    unasked: Iterable[Address] = (),
    own_name: bool = False,
    from_hosts: bool = False,
) -> list[Finding | Undecided]:
    """As collected on a host that holds what is `here`."""
    whole = replace(of, view=by, others=others)
    held = tuple(local(one, *seen(("80", NGINX))) for one in of.addresses if one in set(here))
    aside_ones = [one for one in addresses_of(whole) if one not in of.addresses]
    places: dict[Address, str | Unknown] = dict.fromkeys(here, "lo") | dict.fromkeys(unasked, DEAF)
    in_other_views = tuple(OtherViewAddress(one, places[one]) for one in aside_ones if one in places)
    undecided = tuple((one, "netlink: overrun") for one in of.addresses if one in set(unasked))
    collected = DomainObservation(whole, held, undecided, in_other_views, own_name)
    named = replace(domain(of.domain), from_hosts=from_hosts)
    return list(views_disagree(named, collected, ()))


def dns(*addresses: Address) -> OtherView:
    return OtherView(View.DNS, addresses)


def test_dns_leads_here_and_etc_hosts_does_not() -> None:
    """Nothing that applications get is local: nobody else would say anything."""
    finding = only_finding(judged(answer(ELSEWHERE), dns(VIP)))
    assert finding.subject == Subject(FindingKind.VIEWS_DISAGREE, "lo", VIP, WWW)
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "www.example.com: /etc/hosts gives 198.51.100.7, DNS gives 192.0.2.10; 192.0.2.10 is local here, "
        "on lo, and applications on this host use /etc/hosts"
    )
    assert finding.fix == ()


def test_a_name_that_etc_hosts_cuts_short() -> None:
    finding = only_finding(judged(answer(LOOPBACK), dns(ELSEWHERE)))
    assert finding.subject.address == LOOPBACK
    assert finding.message.startswith(
        "www.example.com: /etc/hosts gives 127.0.0.1, DNS gives 198.51.100.7; "
    )


def test_getaddrinfo_is_what_applications_call() -> None:
    finding = only_finding(judged(answer(ELSEWHERE), OtherView(View.GETADDRINFO, (VIP,)), by=View.DNS))
    assert finding.message == (
        "www.example.com: DNS gives 198.51.100.7, getaddrinfo gives 192.0.2.10; 192.0.2.10 is local here, "
        "on lo, and applications on this host use getaddrinfo"
    )


def test_a_view_without_any_address() -> None:
    finding = only_finding(judged(answer(VIP), dns()))
    assert "www.example.com: /etc/hosts gives 192.0.2.10, DNS gives no address; " in finding.message


def test_of_many_addresses_a_few_are_named() -> None:
    many = [parse_address(f"198.51.100.{n}") for n in range(1, 6)]
    finding = only_finding(judged(answer(*many), dns(VIP)))
    assert " gives 198.51.100.1, 198.51.100.2, 198.51.100.3 and 2 more, DNS gives " in finding.message


def test_one_for_each_address_that_is_here() -> None:
    found = judged(answer(VIP, ELSEWHERE), dns(VIP6), OtherView(View.GETADDRINFO, (VIP6,)))
    assert [one.subject.key for one in found if isinstance(one, Finding)] == [
        "views-disagree/lo/192.0.2.10/www.example.com",
        "views-disagree/lo/2001:db8::10/www.example.com",
    ]


@pytest.mark.parametrize(
    ("of", "others"),
    [
        (answer(VIP), []),
        (answer(VIP), [dns(VIP)]),
        (answer(VIP, ELSEWHERE), [dns(VIP)]),
        (answer(ELSEWHERE), [dns()]),
        (answer(VIP, VIP6), [OtherView(View.GETADDRINFO, (VIP,))]),
    ],
    ids=["one view", "agreed", "elsewhere differs", "nothing is here", "a part of a rotating answer"],
)
def test_what_is_no_disagreement_here(of: Answer, others: list[OtherView]) -> None:
    assert judged(of, *others) == []


@pytest.mark.parametrize(
    ("name", "own_name", "address", "in_dns", "said"),
    [
        (WWW, False, LOOPBACK, False, True),
        (WWW, False, OWN, False, True),
        (WWW, False, LOOPBACK, True, True),
        ("web-17.example.com", True, OWN, False, False),
        ("web-17.example.com", True, LOOPBACK, False, False),
        ("web-17.example.com", True, OWN, True, True),
        ("web-17.example.com", True, VIP, False, True),
        ("localhost", False, LOOPBACK, False, False),
        ("localhost", False, LOOPBACK, True, False),
        ("www.localhost", False, LOOPBACK, False, False),
        ("localhost.localdomain", False, LOOPBACK, False, False),
        ("mylocalhost", False, LOOPBACK, False, True),
    ],
)
def test_loopback_by_custom(name: str, own_name: bool, address: Address, in_dns: bool, said: bool) -> None:
    """Of the host's own name, and of localhost, nobody wants to hear; of a short cut one does."""
    hosts, others = answer(address, name=name), dns(ELSEWHERE)
    if in_dns:
        hosts, others = answer(ELSEWHERE, name=name), dns(address)
    assert bool(judged(hosts, others, own_name=own_name)) is said, format_address(address)


def test_a_view_that_is_not_known_decides_nothing() -> None:
    """Whatever the others say."""
    expected = [Undecided(FindingKind.VIEWS_DISAGREE, "DNS: timed out", domain=WWW)]
    assert judged(answer(VIP), SILENT) == expected
    assert judged(answer(VIP), OtherView(View.GETADDRINFO, (ELSEWHERE,)), SILENT) == expected
    assert judged(answer(VIP), SILENT._replace(addresses=(ELSEWHERE,))) == expected, "kept from before"


@pytest.mark.parametrize("status", [AnswerStatus.STALE, AnswerStatus.UNKNOWN])
def test_what_dns_does_not_say_now_decides_nothing_of_that_family(status: AnswerStatus) -> None:
    of = Answer(WWW, rrset(ELSEWHERE, status=status, reason="timed out"), rrset())
    found = judged(of, OtherView(View.GETADDRINFO, (VIP, VIP6)), by=View.DNS)
    assert found[0] == Undecided(FindingKind.VIEWS_DISAGREE, "A: timed out", domain=WWW, family="ipv4")
    assert [one.subject.address for one in found[1:] if isinstance(one, Finding)] == [VIP6]


@pytest.mark.parametrize(("of", "other"), [(answer(VIP), dns(ELSEWHERE)), (answer(ELSEWHERE), dns(VIP))])
def test_an_address_that_could_not_be_asked_about(of: Answer, other: OtherView) -> None:
    (undecided,) = judged(of, other, here=(), unasked=[VIP])
    assert isinstance(undecided, Undecided)
    assert (undecided.kind, undecided.domain, undecided.address) == (FindingKind.VIEWS_DISAGREE, WWW, VIP)
    assert undecided.reason.startswith("netlink: ")


def test_it_is_judged_beside_what_is_served() -> None:
    """The short way for domains of which nothing need be said is not for those of several views."""
    of = replace(answer(VIP), view=View.HOSTS, others=(dns(ELSEWHERE),))
    here = view(local(VIP, *seen(("80", NGINX))), of=of)
    served = judge_domain(domain(WWW, "80"), here, loopback_up=True)
    assert [(one.verdict, one.view) for one in served.endpoints] == [("served", "hosts")]
    assert [one.subject.kind for one in served.findings] == [FindingKind.VIEWS_DISAGREE]


def test_a_name_that_only_etc_hosts_has_is_no_disagreement_if_nobody_configured_it() -> None:
    assert judged(answer(VIP), dns(), from_hosts=True) == []
    assert only_finding(judged(answer(VIP), dns())).subject.address == VIP
    assert only_finding(judged(answer(VIP), dns(ELSEWHERE), from_hosts=True)).subject.address == VIP
