"""Keyfiles: ours against what NetworkManager loads, and the addresses that it adds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lowatch.boot.networkmanager import read
from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from lowatch.core.boot import Effect
from tests.support.booted import Machine
from tests.support.booted_programs import NETWORKMANAGER
from tests.support.shown_addresses import shown_addresses
from tests.support.waiting import eventually
from tests.unit.boot.reading import row

RUN, ETC, LIB = (f"{place}/NetworkManager/system-connections/" for place in ("/run", "/etc", "/usr/lib"))
UUID = "3664cf2d-ed4d-42d2-8636-0f899c0f8d5"
MANUAL = "[ipv4]\nmethod=manual\n"


@pytest.fixture
def nm(machine: Machine) -> Iterator[Machine]:
    """The machine, NetworkManager not started yet. Afterwards it is stopped, and what it made is gone."""
    yield machine
    machine.run(f"{NETWORKMANAGER.stop}; rm -rf {ETC}* {LIB}*")
    machine.run("for family in 4 6; do ip -$family route flush table local proto static; done")
    for link in json.loads(machine.run("ip -json link show type bridge")):
        machine.run(f"ip link del {link['ifname']}")


def put(nm: Machine, path: str, text: str, mode: int = 0o600) -> None:
    nm.write(path, text)
    nm.path(path).chmod(mode)


def bridge(name: str, ip: str, more: str = "") -> str:
    """A profile of a bridge of that name. more: of [connection]."""
    return f"[connection]\nid={name}\ntype=bridge\ninterface-name={name}\n{more}{ip}"


def held(nm: Machine) -> set[tuple[str, str]]:
    """Addresses and local routes of the test's own, with their interfaces."""
    ours = ("192.0.2.", "198.51.100.", "2001:db8:")
    found = shown_addresses(nm.run("ip -json address show"), ours)
    for family in "-4", "-6":
        for route in json.loads(
            nm.run(f"ip -json {family} route show table local type local proto static")
        ):
            if route["dst"].startswith(ours):
                found.add((route["dst"], route["dev"]))
    return found


def by_us(source: Source) -> set[tuple[str, str]]:
    entries = [entry for entry in read(source) if entry.effect is Effect.ADDS]
    return {(f"{format_address(e.address)}/{e.prefixlen}", e.interface or "") for e in entries}


def loaded(nm: Machine) -> set[str]:
    """The files of the profiles that it knows, without those it makes of what is there."""
    files = nm.run("nmcli --terse --escape no --fields FILENAME connection show").splitlines()
    return {file for file in files if not file.endswith("/lo.nmconnection")}


def agree(nm: Machine, *, lines_unread: int = 0) -> None:
    """NetworkManager starts; it loads the files that we say it loads, and adds what we say it adds."""
    nm.run(NETWORKMANAGER.start)
    source = Source(nm.root)
    entries = list(read(source))
    assert loaded(nm) == {entry.file for entry in entries if entry.effect is not Effect.NAMES}
    assert len(source.unread) == lines_unread, source.unread
    ours = by_us(Source(nm.root))
    eventually(lambda: held(nm) == ours, about=lambda: f"{held(nm) ^ ours} {nm.log()}")


def test_forms_of_addresses_and_routes(nm: Machine) -> None:
    ip = (
        "[ipv4]\nmethod=manual\n"
        "address1=192.0.2.1/32\n"
        "address2=192.0.2.2/24,192.0.2.99\n"
        "address4 = 192.0.2.3/32\n"
        "address5=192.0.2.4\n"
        "address6=192.0.2.5,32\n"
        "address7=192.0.2.80/32\n"
        "address7=192.0.2.6/32\n"
        "addresses=192.0.2.7/32\n"
        "addresses8=192.0.2.8;32;0.0.0.0;\n"
        "# address9=192.0.2.90/32\n"
        "address01=192.0.2.91/32\n"
        "address10=192.0.2.92/32;192.0.2.93/32\n"
        "address11=192.0.2.94/32 192.0.2.99\n"
        "address12=192.0.2.95/32 # a comment\n"
        "[ipv6]\n  method=manual\n"
        "  address1=2001:db8::1/128\n"
        "address2=2001:db8::2\n"
    )
    put(nm, f"{ETC}forms", bridge("br0", ip))
    routes = (
        "[ipv4]\nmethod=manual\n"
        "address1=192.0.2.20/32\n"
        "route1=198.51.100.0/25\nroute1_options=type=local\n"
        "route2=198.51.100.128/25,0.0.0.0,5\nroute2_options=mtu=1000,type=local,table=255\n"
        "[ipv6]\nmethod=manual\naddress1=2001:db8::20/128\n"
        "route1=2001:db8:1::/64\nroute1_options=type=local\n"
        "route2=2001:db8:2::/64\n"
    )
    put(nm, f"{ETC}routes", f"[connection]\ntype=loopback\ninterface-name=lo\n{routes}")
    agree(nm, lines_unread=3)
    assert len(held(nm)) == 15


def test_which_profiles_it_loads(nm: Machine) -> None:
    number = iter(range(1, 250))

    def profile(more: str = "") -> str:
        one = next(number)
        return bridge(f"br{one}", f"{MANUAL}address1=192.0.2.{one}/32\n", more)

    for name in ("a", "b.bak", "c.rpmsave", "d.dpkg-old", "e.swp", "#f#", "g.nmconnection.bak"):
        put(nm, f"{ETC}{name}", profile())
    for name in (".h", "i~", "j.rpmnew", "k.A1b2C3", "l.pem", "m.der", "n.nmconnection~"):
        put(nm, f"{ETC}{name}", profile())
    for place in RUN, LIB:
        for name in "o", "p.nmconnection":
            put(nm, f"{place}{name}", profile())
    for mode in 0o644, 0o640, 0o604, 0o400, 0o700:
        put(nm, f"{ETC}mode{mode}", profile(), mode)
    put(nm, f"{ETC}other", profile())
    nm.run(f"chown www-data {ETC}other")
    for value in ("no", "off", "0", "false", "FALSE", "1", "yes", "nonsense", "false "):
        put(nm, f"{ETC}autoconnect={value}", profile(f"autoconnect={value}\n"))
    put(nm, f"{ETC}permissions", profile("permissions=user:www-data:;\n"))
    put(nm, f"{ETC}comment", f"; no comment\n{profile()}")
    agree(nm)


def test_the_methods_with_which_addresses_may_be(nm: Machine) -> None:
    for number, method in enumerate(("auto", "manual", "link-local", "disabled", "ignore", "nonsense", "")):
        for family, address in (
            ("ipv4", f"192.0.2.{number + 1}/32"),
            ("ipv6", f"2001:db8::{number + 1}/128"),
        ):
            line = f"method={method}\n" if method else ""
            name = f"{family}{method}"[-15:]
            put(nm, f"{ETC}{name}", bridge(name, f"[{family}]\n{line}address1={address}\n"))
    agree(nm)


def test_of_profiles_with_one_uuid_one_counts(nm: Machine) -> None:
    number = iter(range(1, 250))

    def profile(uuid: int) -> str:
        one = next(number)
        return bridge(f"br{one}", f"{MANUAL}address1=192.0.2.{one}/32\n", f"uuid={UUID}{uuid}\n")

    for uuid, places in enumerate(((RUN, ETC), (ETC, LIB), (RUN, LIB))):
        for place in places:
            put(nm, f"{place}{uuid}.nmconnection", profile(uuid))
    for uuid in 4, 5:  # the newer one
        put(nm, f"{ETC}{uuid}a", profile(uuid))
        put(nm, f"{ETC}{uuid}b", profile(uuid))
    nm.run(f"touch --date=2020-01-01 {ETC}4a {ETC}5b")
    put(nm, f"{ETC}6", profile(6), 0o644)  # is not loaded
    put(nm, f"{LIB}6.nmconnection", profile(6))
    put(nm, f"{LIB}7.nmconnection", profile(7))  # is masked
    put(nm, f"{ETC}8", profile(8))
    nm.run(f"for uuid in 7 8; do ln -s /dev/null {ETC}{UUID}$uuid.nmmeta; done")
    agree(nm)
    assert len(held(nm)) == 6


def test_what_nmcli_writes(nm: Machine) -> None:
    put(nm, f"{LIB}lib.nmconnection", bridge("br9", f"{MANUAL}address1=192.0.2.9/32\n", f"uuid={UUID}9\n"))
    nm.run(NETWORKMANAGER.start)
    add = "nmcli connection add type bridge autoconnect"
    nm.run(f"{add} yes ifname br1 con-name one ip4 192.0.2.1/32 ip6 2001:db8::1/128")
    nm.run(
        f"{add} no ifname br2 con-name two ipv4.method manual ipv6.method disabled "
        "ipv4.addresses '192.0.2.2/32, 192.0.2.3/24' ipv4.gateway 192.0.2.99 "
        "ipv4.routes '198.51.100.0/24 type=local, 203.0.113.0/24 192.0.2.99'"
    )
    nm.run("nmcli connection add type loopback ifname lo con-name lo ip4 192.0.2.4/32")
    nm.run(
        "nmcli connection modify --temporary one ipv4.addresses 192.0.2.5/32; nmcli connection delete br9"
    )

    def said() -> list[str]:
        source = Source(nm.root)
        rows = [row(entry) for entry in read(source)]
        assert source.unread == []
        for entry in read(Source(nm.root)):
            assert (
                format_address(entry.address)
                in nm.path(entry.file).read_text().splitlines()[entry.line - 1]
            )
        return [f"{words[0]} {words[1]} {' '.join(words[3:])}".strip() for words in map(str.split, rows)]

    nm.until(lambda: ("192.0.2.4/32", "lo") in held(nm))
    not_at_boot = "may add (not at boot: autoconnect=false)"
    assert sorted(said()) == [
        "192.0.2.1/32 br1",
        f"192.0.2.2/32 br2 {not_at_boot}",
        f"192.0.2.3/24 br2 {not_at_boot}",
        "192.0.2.4/32 lo",
        f"198.51.100.0/24 br2 route {not_at_boot}",
        "2001:db8::1/128 br1",
    ]


def test_its_mirror_of_what_others_put_on_lo(nm: Machine) -> None:
    nm.run(f"ip address add 192.0.2.10/32 dev lo; {NETWORKMANAGER.start}")
    mirror = nm.path(f"{RUN}lo.nmconnection")
    nm.until(lambda: mirror.exists() and "192.0.2.10/32" in mirror.read_text())
    source = Source(nm.root)
    assert list(read(source)) == source.unread == []
