"""How a domain came to an endpoint, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lowatch.core.addresses import parse_port
from lowatch.core.answers import Answer, SrvRecord, View
from lowatch.core.rules.resolution import resolution_of
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.unit.core.worlds import VIP, WWW, answer, rrset, view

ENDPOINT = JudgedEndpoint(WWW, VIP, "lo", parse_port("80"), Verdict.ORPHAN, None, "", View.DNS)
SRV_RECORDS = (
    SrvRecord("a.example.net", parse_port("80"), (VIP,)),
    SrvRecord("b.example.net", parse_port("80"), (VIP,)),
)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (answer(VIP), f"{WWW} resolves to 192.0.2.10"),
        (
            replace(answer(VIP), a=rrset(VIP, chain=("lb.example.net",))),
            f"{WWW} -> lb.example.net resolves to 192.0.2.10",
        ),
        (
            replace(answer(VIP), a=rrset(VIP, stale_since=1.0)),
            f"{WWW} resolves to 192.0.2.10 (stale answer)",
        ),
        (replace(answer(VIP), view=View.HOSTS), f"{WWW} resolves to 192.0.2.10 (from /etc/hosts)"),
        (
            replace(answer(VIP), srv_records=SRV_RECORDS),
            f"{WWW} -> a.example.net resolves to 192.0.2.10",
        ),
    ],
)
def test_in_words(of: Answer, words: str) -> None:
    assert resolution_of(view(of=of))(ENDPOINT) == words
