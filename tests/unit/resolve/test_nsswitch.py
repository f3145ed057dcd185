"""lowatch.resolve.nsswitch. How glibc reads the same lines: kernel_behaviour/test_name_service.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.core.answers import Answer, RRset, Status
from lowatch.resolve.nsswitch import Decider, NameServiceSwitch, Order, parse_nsswitch

HOSTS, DNS, NOBODY = Decider.HOSTS, Decider.DNS, Decider.NOBODY
FIRST = Order(HOSTS, HOSTS, HOSTS)


@pytest.mark.parametrize(
    ("services", "order"),
    [
        ("files dns", FIRST),
        ("files mdns4_minimal [NOTFOUND=return] dns mymachines", FIRST),  # Debian with avahi
        ("mymachines resolve [!UNAVAIL=return] files myhostname dns", FIRST),  # systemd's own advice
        ("files myhostname resolve [!UNAVAIL=return] dns", FIRST),  # Fedora
        ("resolve", FIRST),
        ("sss files dns", FIRST),
        ("dns files", Order(DNS, HOSTS, HOSTS)),
        ("dns [!UNAVAIL=return] files", Order(DNS, DNS, HOSTS)),
        ("dns [UNAVAIL=return] files", Order(DNS, HOSTS, DNS)),
        ("dns myhostname", Order(DNS, NOBODY, NOBODY)),
        ("dns", Order(DNS, DNS, DNS)),
        ("myhostname mdns", Order(NOBODY, NOBODY, NOBODY)),
        ("files [SUCCESS=merge] dns", Order(NOBODY, NOBODY, NOBODY)),
    ],
)
def test_who_decides(services: str, order: Order) -> None:
    assert parse_nsswitch(f"passwd: files\nhosts:   {services}\n").order == order


def test_by_default_hosts_come_first() -> None:
    assert parse_nsswitch("") == parse_nsswitch("# hosts: dns\npasswd: dns\n") == NameServiceSwitch(FIRST)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("hosts:", "the hosts line names no service"),
        ("hosts: [NOTFOUND=return] dns", "the hosts line names no service"),
        ("hosts: dns [NOTFOUND] files", "[NOTFOUND] is no list of actions"),
        ("hosts: dns [] files", "[] is no list of actions"),
        ("hosts: dns [NOTFOUND=return files", "the actions of 'dns' have no closing bracket"),
    ],
)
def test_what_breaks_the_whole_list_is_told_with_its_line(line: str, why: str) -> None:
    found = parse_nsswitch(f"# first\n{line}\n", "/n")
    assert found.broken == f"/n:2: {why}: it resolves no name"
    assert found.order == Order(NOBODY, NOBODY, NOBODY)


def test_only_the_last_line_counts() -> None:
    assert parse_nsswitch("hosts:\nhosts: dns\n") == NameServiceSwitch(Order(DNS, DNS, DNS))


@pytest.mark.parametrize(
    ("status", "addresses", "decider"),
    [
        (Status.RESOLVED, ("192.0.2.1",), DNS),
        (Status.STALE, ("192.0.2.1",), DNS),
        (Status.UNKNOWN, ("192.0.2.1",), DNS),
        (Status.NXDOMAIN, (), HOSTS),
        (Status.NODATA, (), HOSTS),
        (Status.UNKNOWN, (), NOBODY),
    ],
)
def test_a_failure_takes_no_answer_back(
    status: Status, addresses: tuple[str, ...], decider: Decider
) -> None:
    rrset = RRset(status, tuple(map(parse_address, addresses)))
    none = RRset(status if not addresses else Status.NODATA)
    answer = Answer("www.example.com", rrset, none)
    assert Order(DNS, HOSTS, NOBODY).decider(answer) is decider


@given(
    st.text(max_size=80) | st.text("files dns[]!=NOTFOUNDreturn :#\n", max_size=80).map("hosts:".__add__)
)
def test_no_text_raises(text: str) -> None:
    assert parse_nsswitch(text).broken.isprintable()
