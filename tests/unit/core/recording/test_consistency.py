from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.arp import ArpSettings, Nic
from lowatch.core.policy import Policy
from lowatch.core.recording.consistency import CHECKS
from tests.unit.core.worlds import VIP, VIP6, answer, domain, held, rrset, snapshot, view

from .samples import MAIL, recording

NIC = Nic("eth0", ArpSettings(0, 0), (VIP,), (parse_prefix("192.0.2.0/24"),))


@pytest.mark.parametrize(
    "value",
    [held("192.0.2.10"), held("::1", 128), NIC, view(), snapshot(), Policy(), recording()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_right(value: Any) -> None:
    assert CHECKS[type(value)](value) == ""


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (held("192.0.2.10", 33), "33 is not a prefix length of its address"),
        (held("192.0.2.10", -1), "-1 is not a prefix length of its address"),
        (held("::1", peer=VIP), "the peer is of another family than the address"),
        (NIC._replace(addresses=(VIP6,)), "ARP is for IPv4 only"),
        (NIC._replace(networks=(parse_prefix("2001:db8::/64"),)), "ARP is for IPv4 only"),
        (
            view(of=replace(answer(), a=rrset(parse_address("::1")))),
            "an address is in the answer of the other family",
        ),
        (snapshot(at=-1.0), "-1.0 is not a time"),
        (snapshot(at=1e15), "1000000000000000.0 is not a time"),
        (snapshot(domains={MAIL: view()}), "the answer of 'mail.example.com' is of another name"),
        (Policy(domains={MAIL: domain()}), "the domain 'mail.example.com' has another name"),
        (replace(recording(), policy=Policy(domains={MAIL: domain(MAIL)})), "the policy lacks 'www.exampl"),
    ],
)
def test_what_is_not(value: Any, fault: str) -> None:
    assert CHECKS[type(value)](value).startswith(fault)
