"""What a fix has to change in files: which lines are deleted, which are changed, and what is unknown."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.boot import Boot, BootFiles, Configured, Effect, Unread, compare
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.fixes.persist import with_persist
from lowatch.core.held import Held
from lowatch.core.plan import Step
from tests.unit.core.worlds import held, route

PRIMARY, SECONDARY = held("192.0.2.10", 24), held("192.0.2.11", 24, flags=("secondary",))
HOST = held("192.0.2.10")
LOCKED = Unread("/etc/keepalived/keepalived.conf", 0, "Permission denied")


def line(
    number: int, address: str, prefixlen: int | None = 32, effect: Effect = Effect.ADDS, note: str = ""
) -> Configured:
    file = "/etc/network/interfaces"
    return Configured(parse_address(address), prefixlen, "lo", file, number, "ifupdown", effect, note)


def boot(*entries: Configured, unread: tuple[Unread, ...] = ()) -> Boot:
    return compare(BootFiles(entries, unread, 3), None)


def persist(fix: Fix, files: Boot) -> str | None:
    finding = Finding(Subject(FindingKind.ORPHAN_VIP, "lo"), "why", advice="first", fixes=(fix,))
    (said,) = with_persist(finding, files).fixes
    return said.persist


def remove(*steps: Step) -> Fix:
    return Fix(Action.REMOVE, "remove it", ("ip address del ...",), plan=steps)


def minus(one: Held) -> Step:
    return Step("remove", one)


def plus(one: Held) -> Step:
    return Step("add", one)


@pytest.mark.parametrize(
    ("steps", "entries", "text"),
    [
        (
            [minus(HOST)],
            [line(3, "192.0.2.10")],
            "delete /etc/network/interfaces:3 (ifupdown), which adds 192.0.2.10 at boot",
        ),
        (
            [minus(HOST)],
            [line(3, "192.0.2.10", None, Effect.MAY_ADD, "while it is master")],
            "delete /etc/network/interfaces:3 (ifupdown), which adds 192.0.2.10 while it is master",
        ),
        (
            [plus(SECONDARY), minus(PRIMARY), minus(SECONDARY)],
            [line(3, "192.0.2.10", 24), line(4, "192.0.2.11", 24)],
            (
                "delete /etc/network/interfaces:3 (ifupdown), which adds 192.0.2.10 at boot; "
                "change /etc/network/interfaces:4 (ifupdown) to 192.0.2.11/32"
            ),
        ),
        (
            [plus(PRIMARY), minus(PRIMARY)],
            [line(3, "192.0.2.10", 24)],
            "change /etc/network/interfaces:3 (ifupdown) to 192.0.2.10/32",
        ),
        ([plus(PRIMARY), minus(PRIMARY)], [line(3, "192.0.2.10", 32)], "nothing to change: "),
        ([minus(HOST)], [line(3, "192.0.2.10", effect=Effect.NAMES)], "nothing to change: "),
        (
            [minus(PRIMARY)],
            [line(3, "192.0.2.99", 24)],
            "nothing to change: no configuration file undoes it; a script may",
        ),
        (
            [minus(HOST)],
            [line(number, "192.0.2.10") for number in range(1, 7)],
            "; 3 more lines likewise",
        ),
    ],
)
def test_lines_that_would_bring_it_back(steps: list[Step], entries: list[Configured], text: str) -> None:
    assert text in str(persist(remove(*steps), boot(*entries)))


def test_a_local_route() -> None:
    entry = line(7, "10.9.0.0", 16)._replace(is_route=True)
    assert persist(remove(minus(route("10.9.0.0/16"))), boot(entry)) == (
        "delete /etc/network/interfaces:7 (ifupdown), which adds 10.9.0.0/16 at boot"
    )


def test_an_ipv6_prefix_is_narrowed() -> None:
    six = held("2001:db8::10", 64)
    fix = Fix(Action.UNROUTE, "delete the route", ("ip -6 route del ...",), plan=(Step("unroute", six),))
    assert persist(fix, boot(line(3, "2001:db8::10", 64))) == (
        "change /etc/network/interfaces:3 (ifupdown) to 2001:db8::10/128"
    )


def test_what_could_not_be_read_is_unknown() -> None:
    assert persist(remove(minus(HOST)), boot(unread=(LOCKED,))) is None
    said = persist(remove(minus(HOST)), boot(line(3, "192.0.2.10"), unread=(LOCKED,)))
    assert str(said).endswith("at boot; 1 file or line could not be read")


def test_an_address_that_is_added() -> None:
    fix = Fix(Action.ADD, "add it", ("ip address add ...",), plan=(plus(HOST),))
    assert persist(fix, boot()) == "add it to a configuration file as well: none adds it"
    assert persist(fix, boot(unread=(LOCKED,))) is None
    assert persist(fix, boot(line(3, "192.0.2.10"))) == (
        "nothing to change: /etc/network/interfaces:3 (ifupdown) adds it at boot"
    )


@pytest.mark.parametrize(
    ("fix", "text"),
    [
        (
            Fix(Action.START, "start it", ("systemctl start nginx.service",)),
            "if it is to start at boot: systemctl enable nginx.service",
        ),
        (Fix(Action.START, "start the service"), None),
        (
            Fix(Action.HUSH, "restrict ARP", ("sysctl -w x=1",)),
            "write the same settings to a file in /etc/sysctl.d",
        ),
        (Fix(Action.MOVE, "change what it resolves to"), None),
        (Fix(Action.UP, "set lo up", ("ip link set lo up",)), None),
    ],
)
def test_other_fixes(fix: Fix, text: str | None) -> None:
    assert persist(fix, boot()) == text


def test_the_rest_of_a_finding_stays() -> None:
    finding = Finding(
        Subject(FindingKind.ORPHAN_VIP, "lo"), "why", advice="first", fixes=(remove(minus(HOST)),)
    )
    said = with_persist(finding, boot())
    assert (said.message, said.advice, said.fix) == ("why", "first", ("ip address del ...",))
    plain = Finding(Subject(FindingKind.ORPHAN_VIP, "lo"), "why")
    assert with_persist(plain, boot()) is plain
