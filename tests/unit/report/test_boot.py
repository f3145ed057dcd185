"""Where an address is configured, in words."""

from __future__ import annotations

from lowatch.core.addresses import parse_address
from lowatch.core.boot import BootFiles, Configured, Effect, Unread, compare
from lowatch.report.boot import boot_texts

VIP = parse_address("192.0.2.10")
IFUPDOWN = Configured(VIP, 32, "lo", "/etc/network/interfaces", 12, "ifupdown")
KEEPALIVED = IFUPDOWN._replace(by="keepalived", file="/k", effect=Effect.MAY_ADD, note="while it is master")
BIRD = Configured(VIP, 32, None, "/etc/bird/bird.conf", 3, "BIRD", Effect.NAMES)
UNREAD = Unread("/etc/frr/frr.conf", 0, "Permission denied")


def texts(
    *entries: Configured, unread: tuple[Unread, ...] = (), files: int = 3, held: bool = True
) -> list[str]:
    boot = compare(BootFiles(entries, unread, files), None)
    return list(boot_texts(boot, VIP, 32, "lo", held=held))


def test_where_it_is_configured() -> None:
    assert texts(IFUPDOWN, KEEPALIVED) == [
        "configured in /etc/network/interfaces:12 (ifupdown)",
        "configured in /k:12 (keepalived), while it is master",
    ]


def test_what_a_file_has_differently() -> None:
    other = IFUPDOWN._replace(prefixlen=24, interface="eth0")
    unsaid = IFUPDOWN._replace(prefixlen=None, interface=None)
    assert texts(other, unsaid) == [
        "configured in /etc/network/interfaces:12 (ifupdown) as 192.0.2.10/24 for eth0",
        "configured in /etc/network/interfaces:12 (ifupdown)",
    ]


def test_a_prefix_length_that_is_not_known_differs_from_none() -> None:
    boot = compare(BootFiles((IFUPDOWN,)), None)
    said = ["configured in /etc/network/interfaces:12 (ifupdown)"]
    assert list(boot_texts(boot, VIP, None, "lo", held=True)) == said


def test_no_file_explains_it() -> None:
    assert texts() == ["added at run time: no configuration file adds it (3 read)"]
    assert texts(files=0) == ["added at run time: no configuration file adds it (0 read)"]
    assert texts(BIRD)[0] == "named in /etc/bird/bird.conf:3 (BIRD)"
    assert texts(BIRD)[1] == "added at run time: no configuration file adds it (3 read)"


def test_nothing_is_concluded_from_files_that_could_not_be_read() -> None:
    [said] = texts(unread=(UNREAD, UNREAD._replace(line=7, reason="odd")))
    assert said.startswith("no configuration file that could be read adds it (3 read); could not be read: ")
    assert said.endswith(": /etc/frr/frr.conf (Permission denied) and /etc/frr/frr.conf:7 (odd)")


def test_an_address_that_is_not_held() -> None:
    assert texts(held=False) == ["no configuration file adds it (3 read)"]
    assert texts(BIRD, held=False) == ["named in /etc/bird/bird.conf:3 (BIRD)"]


def test_many_lines_are_counted() -> None:
    assert texts(*[IFUPDOWN] * 7)[5:] == ["and in 2 more lines"]


def test_the_hosts_own_loopback_addresses_need_no_file() -> None:
    boot = compare(BootFiles(), None)
    assert list(boot_texts(boot, parse_address("127.0.0.1"), 8, "lo", held=True)) == []


def test_text_from_files_is_escaped() -> None:
    odd = IFUPDOWN._replace(file="/etc/\x1b[2J", interface="\n", note="\x07")
    assert texts(odd) == ["configured in /etc/\\x1b[2J:12 (ifupdown) for \\x0a, \\x07"]
