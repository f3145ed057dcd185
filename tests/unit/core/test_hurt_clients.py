"""Which ports' clients a finding concerns. With counts: tests/unit/app/test_victims.py."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Port
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.hurt_clients import hurt_ports

HTTP, HTTPS, DNS, UNKNOWN = Port(80, "tcp"), Port(443, "tcp"), Port(53, "udp"), Port(0, "tcp")


@pytest.mark.parametrize(
    ("kind", "port", "any_of", "ports"),
    [
        (FindingKind.ORPHAN_VIP, HTTP, (), (HTTP, UNKNOWN)),
        (FindingKind.ORPHAN_VIP, HTTP, (HTTP, HTTPS), (HTTP, HTTPS, UNKNOWN)),
        (FindingKind.ORPHAN_VIP, DNS, (), (DNS,)),
        (FindingKind.FILTERED_VIP, HTTP, (), (HTTP, UNKNOWN)),
        (FindingKind.BACKLOGGED_VIP, HTTP, (), (HTTP, UNKNOWN)),
        (FindingKind.CAPTURED_VIP, HTTP, (), ()),
        (FindingKind.IDLE_VIP, None, (), ()),
    ],
)
def test_ports(
    kind: FindingKind, port: Port | None, any_of: tuple[Port, ...], ports: tuple[Port, ...]
) -> None:
    assert tuple(hurt_ports(Finding(Subject(kind, "lo", port=port), "why", any_of=any_of))) == ports
