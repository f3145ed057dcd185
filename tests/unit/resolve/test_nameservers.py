"""Which addresses are those of the host's own nameservers."""

from __future__ import annotations

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.core.addresses import parse_address
from lowatch.resolve.system.resolv_conf import (
    NameserverSource,
    parse_resolv_conf,
)


@pytest.mark.parametrize(
    ("servers", "stubs"),
    [
        (["192.0.2.53", "fe80::1%eth0"], ["192.0.2.53", "fe80::1"]),
        (["127.0.0.53"], ["127.0.0.53", "127.0.0.54"]),
        (["127.0.0.1"], ["127.0.0.1"]),
    ],
)
def test_stub_addresses(servers: list[str], stubs: list[str]) -> None:
    found = parse_resolv_conf("".join(f"nameserver {server}\n" for server in servers))
    assert found.stub_addresses == set(map(parse_address, stubs))


def test_a_nameserver_elsewhere_than_port_53_does_not_explain_that_port() -> None:
    settings = DnsSettings(nameservers=(Nameserver("127.0.0.1", 5353), Nameserver("127.0.0.2")))
    assert NameserverSource(settings).current.stub_addresses == {parse_address("127.0.0.2")}
