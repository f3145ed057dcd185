from __future__ import annotations

import pytest

from lowatch.config.targets import AddressTarget, DomainTarget
from lowatch.core.addresses import Port, parse_address
from tests.unit.cli.conftest import CommandLine, FakeStartError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("www.example.com", DomainTarget("www.example.com")),
        ("www.example.com:53/udp", DomainTarget("www.example.com", Port(53, "udp"))),
        ("192.0.2.10", AddressTarget(parse_address("192.0.2.10"))),
        ("[2001:db8::10]:443", AddressTarget(parse_address("2001:db8::10"), Port(443, "tcp"))),
    ],
)
def test_targets(lowatch: CommandLine, text: str, target: DomainTarget | AddressTarget) -> None:
    code, stdout, stderr = lowatch("explain", text)
    assert (code, stderr, lowatch.wiring.target) == (0, "", target)
    assert stdout.startswith("www.example.com\nweb-17, ")


@pytest.mark.parametrize("text", ["", "192.0.2.0/24", "https://www.example.com", "www.example.com:0"])
def test_a_bad_target(lowatch: CommandLine, text: str) -> None:
    code, stdout, stderr = lowatch("explain", text)
    assert (code, stdout, lowatch.wiring.target) == (2, "", None)
    assert stderr.startswith("lowatch: ")
    assert stderr.count("\n") == 1


def test_one_target_at_a_time(lowatch: CommandLine) -> None:
    assert lowatch("explain").code == 2
    assert lowatch("explain", "a.example", "b.example").code == 2


def test_colour_on_a_terminal(lowatch: CommandLine) -> None:
    assert "\x1b[1m" in lowatch("explain", "a.example", stdout_is_terminal=True).stdout


def test_it_cannot_start(lowatch: CommandLine) -> None:
    lowatch.wiring.raises = FakeStartError("no netlink here")
    assert lowatch("explain", "a.example") == (1, "", "lowatch: no netlink here\n")
