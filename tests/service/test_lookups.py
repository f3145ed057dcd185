"""`lowatch setup dnstap` on a booted machine: what unbound and BIND answer reaches the hardened daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import dns.message
import dns.query
import pytest

from tests.support.booted import Machine
from tests.support.booted_unit import Unit, settings
from tests.support.dns_server import Knot

SHOP = "shop.example.com"
VIP, ALT = "192.0.2.10", 8080
INSTALLED = ("/etc", "/run/systemd/system", "/run/lowatch")
UNBOUND = "/etc/unbound/unbound.conf.d/test.conf"
OPTIONS = "/etc/bind/named.conf.options"
BY_HAND = f"by hand: BIND: add to the options of {OPTIONS}: "


class Resolver(NamedTuple):
    """It listens on 127.0.0.1:5300 once it is started, and forwards everything to Knot.

    done_by_hand: does what is said, with a resolver that runs.
    """

    machine: Machine
    service: str
    done_by_hand: Callable[[Machine, str], None]

    def start(self) -> None:
        self.machine.run(f"systemctl start {self.service}")

    def look_up(self) -> None:
        dns.query.udp(dns.message.make_query(SHOP, "A"), "127.0.0.1", timeout=30, port=5300)


def configured_unbound(machine: Machine, knot: Knot) -> Resolver:
    forward = f"{knot.nameserver.host}@{knot.nameserver.port}"
    machine.write(
        UNBOUND,
        'server:\n    module-config: "iterator"\n    do-not-query-localhost: no\n'
        "    interface: 127.0.0.1@5300\n"
        f'forward-zone:\n    name: "."\n    forward-addr: {forward}\n',
    )

    def nothing(machine: Machine, said: str) -> None:
        assert f"writing {UNBOUND.replace('test', 'lowatch')}:" in said

    return Resolver(machine, "unbound", nothing)


def configured_bind(machine: Machine, knot: Knot) -> Resolver:
    def options(more: str) -> str:
        server = knot.nameserver
        return (
            'options { directory "/var/cache/bind"; listen-on port 5300 { 127.0.0.1; }; '
            "listen-on-v6 { none; }; dnssec-validation no; forward only; "
            f"forwarders {{ {server.host} port {server.port}; }}; {more} }};"
        )

    def add_options(machine: Machine, said: str) -> None:
        (line,) = (line for line in said.splitlines() if line.startswith(BY_HAND))
        machine.write(OPTIONS, options(line.removeprefix(BY_HAND)))
        machine.run("named-checkconf; systemctl restart named")

    machine.write(OPTIONS, options(""))
    return Resolver(machine, "named", add_options)


@pytest.fixture(params=[configured_unbound, configured_bind])
def resolver(request: pytest.FixtureRequest, machine: Machine, knot: Knot) -> Iterator[Resolver]:
    machine.run(f"cp --archive {OPTIONS} /root/options")
    found: Resolver = request.param(machine, knot)
    yield found
    machine.run(
        f"lowatch setup dnstap --undo; systemctl stop {found.service}; rm --force {UNBOUND}; "
        f"mv /root/options {OPTIONS}"
    )


def learned(unit: Unit) -> list[tuple[str, str]]:
    return [(row["name"], row["source"]) for row in unit.audit()["names"]]


def test_what_a_resolver_answers_is_learned(resolver: Resolver, unit: Unit, knot: Knot) -> None:
    machine = resolver.machine
    unit.configure(settings(knot, 'hold = "0s"'))
    unit.start()
    resolver.start()
    said = machine.run("lowatch setup dnstap")
    assert 'learn = ["dnstap"]' in said
    assert machine.run("stat -c %a /run/lowatch /run/lowatch/lowatch.sock").split() == ["755", "660"]
    resolver.done_by_hand(machine, said)

    def is_learned() -> bool:
        resolver.look_up()
        return learned(unit) == [(SHOP, "dnstap")]

    unit.until(is_learned)
    for _ in range(3):
        machine.attempt(f"curl --silent http://{VIP}:{ALT}/")
    unit.until(lambda: unit.orphan(SHOP, port=ALT) == 1)
    (finding,) = unit.findings("orphan-vip")
    assert (finding["severity"], finding["refused"]["count"]) == ("critical", 3)


def test_what_it_installs_is_shown_first_and_goes_when_it_is_undone(
    resolver: Resolver, unit: Unit, knot: Knot
) -> None:
    machine = resolver.machine
    unit.configure(settings(knot, 'hold = "0s"'))
    unit.start()
    before = machine.listing(*INSTALLED)
    shown = machine.run("lowatch setup dnstap --dry-run")
    assert machine.listing(*INSTALLED) == before
    assert machine.run("lowatch setup dnstap") == shown
    assert machine.path("/run/lowatch/dnstap.sock").is_socket()
    said = machine.run("lowatch setup dnstap --undo")
    assert machine.listing(*INSTALLED) == before
    assert f"by hand: BIND: remove from the options of {OPTIONS}: " in said
    assert unit.audit()["complete"]
