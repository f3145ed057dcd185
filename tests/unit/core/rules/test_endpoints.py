"""What is unknown about a domain's endpoints, for any kind."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.answers import AnswerStatus
from lowatch.core.findings import FindingKind, Subject, Undecided
from lowatch.core.rules.endpoints import subject_of, undecided_addresses, undecided_endpoint
from lowatch.core.verdicts import judge_endpoints
from tests.unit.core.worlds import BLIND, VIP, VIP6, WWW, answer, domain, local, ports, rrset, seen, view

KIND = FindingKind.FILTERED_VIP


def test_a_family_and_an_address() -> None:
    failed = answer(VIP)
    failed = replace(failed, aaaa=rrset(status=AnswerStatus.UNKNOWN, reason="timed out"))
    observed = view(of=failed, undecided=[(VIP6, "no answer")])
    assert list(undecided_addresses(KIND, domain(), observed)) == [
        Undecided(KIND, reason, domain=WWW, family="ipv6") for reason in failed.unknowns.values()
    ] + [Undecided(KIND, "no answer", domain=WWW, address=VIP6)]
    assert list(failed.unknowns) == ["ipv6"]


def test_an_endpoint() -> None:
    of = domain(WWW, "80")
    [endpoint] = judge_endpoints(of, view(local(VIP, *seen(("80", BLIND)))), loopback_up=True)
    [port] = ports("80")
    assert undecided_endpoint(KIND, of, endpoint, "why") == Undecided(
        KIND, "why", domain=WWW, address=VIP, port=port
    )
    assert subject_of(KIND, of, endpoint) == Subject(KIND, "lo", VIP, WWW, port)
