"""nsswitch. How glibc reads the same lines: foreign_behaviour/test_name_service.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.resolve.system.nsswitch import Decider, Order, parse_nsswitch

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
        ("dns myhostname", Order(DNS, DNS, DNS)),
        ("dns", Order(DNS, DNS, DNS)),
        ("myhostname mdns", Order(NOBODY, NOBODY, NOBODY)),
        ("files [SUCCESS=merge] dns", Order(NOBODY, NOBODY, NOBODY)),
    ],
)
def test_who_decides(services: str, order: Order) -> None:
    """About a name that /etc/hosts has."""
    assert parse_nsswitch(f"passwd: files\nhosts:   {services}\n").listed == order


@pytest.mark.parametrize(
    ("services", "runs", "without"),
    [
        ("resolve [!UNAVAIL=return] dns", FIRST, Order(DNS, DNS, DNS)),
        ("resolve [!UNAVAIL=return] files dns", FIRST, FIRST),
        ("resolve dns", FIRST, Order(DNS, DNS, DNS)),
        ("resolve", FIRST, Order(NOBODY, NOBODY, NOBODY)),
        ("files resolve", FIRST, FIRST),
        ("dns resolve", Order(DNS, HOSTS, HOSTS), Order(DNS, DNS, DNS)),
    ],
)
def test_systemd_resolved_decides_where_it_runs(services: str, runs: Order, without: Order) -> None:
    line = f"hosts: {services}\n"
    assert parse_nsswitch(line, resolved_runs=True).listed == runs
    assert parse_nsswitch(line, resolved_runs=False).listed == without


@pytest.mark.parametrize(
    ("services", "order"),
    [
        ("files dns", Order(DNS, DNS, DNS)),
        ("files", Order(NOBODY, NOBODY, NOBODY)),
        ("files [NOTFOUND=return] dns", Order(NOBODY, NOBODY, NOBODY)),
        ("files mdns4_minimal [NOTFOUND=return] dns", Order(DNS, DNS, DNS)),
        ("files resolve [!UNAVAIL=return] dns", Order(DNS, DNS, DNS)),
        ("dns [SUCCESS=merge] files", Order(NOBODY, DNS, DNS)),
        ("myhostname", Order(NOBODY, NOBODY, NOBODY)),
    ],
)
def test_who_decides_about_a_name_that_is_in_no_file(services: str, order: Order) -> None:
    assert parse_nsswitch(f"hosts: {services}\n").absent == order


@pytest.mark.parametrize(
    ("services", "name", "follows"),
    [
        ("files dns", "www.example.com", True),
        ("dns [!UNAVAIL=return] files", "www.example.com", True),
        ("files myhostname dns", "www.example.com", True),
        ("files myhostname dns", "web-17.example.com", False),
        ("files myhostname dns", "db.localhost", False),
        ("files mdns4_minimal [NOTFOUND=return] dns", "www.example.com", True),
        ("files mdns4_minimal [NOTFOUND=return] dns", "printer.local", False),
        ("files mdns4 dns", "www.example.com", False),
        ("files resolve [!UNAVAIL=return] dns", "www.example.com", False),
        ("files sss dns", "www.example.com", False),
        ("", "www.example.com", False),
    ],
)
def test_whether_all_that_getaddrinfo_says_follows(services: str, name: str, follows: bool) -> None:
    assert parse_nsswitch(f"hosts: {services}\n").follows(name, "web-17") is follows


def test_by_default_hosts_come_first() -> None:
    assert parse_nsswitch("") == parse_nsswitch("# hosts: dns\npasswd: dns\n")
    assert parse_nsswitch("").listed == FIRST
    assert parse_nsswitch("").absent == Order(DNS, DNS, DNS)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("hosts:", "the hosts line has no service"),
        ("hosts: [NOTFOUND=return] dns", "the hosts line has no service"),
        ("hosts: dns [NOTFOUND] files", "[NOTFOUND] is not a list of actions"),
        ("hosts: dns [] files", "[] is not a list of actions"),
        ("hosts: dns [NOTFOUND=return files", "the actions of 'dns' have no closing bracket"),
    ],
)
def test_what_breaks_the_whole_list_is_reported_with_its_line(line: str, why: str) -> None:
    found = parse_nsswitch(f"# first\n{line}\n", "/n")
    assert found.broken == f"/n:2: {why}: no name can be resolved"


def test_only_the_last_line_counts() -> None:
    assert parse_nsswitch("hosts:\nhosts: dns\n") == parse_nsswitch("hosts: dns\n")
    assert parse_nsswitch("hosts: dns\nhosts:\n").broken


@pytest.mark.parametrize(
    ("status", "addresses", "decider"),
    [
        (AnswerStatus.RESOLVED, ("192.0.2.1",), DNS),
        (AnswerStatus.STALE, ("192.0.2.1",), DNS),
        (AnswerStatus.UNKNOWN, ("192.0.2.1",), DNS),
        (AnswerStatus.NXDOMAIN, (), HOSTS),
        (AnswerStatus.NODATA, (), HOSTS),
        (AnswerStatus.UNKNOWN, (), NOBODY),
    ],
)
def test_a_failure_takes_no_answer_back(
    status: AnswerStatus, addresses: tuple[str, ...], decider: Decider
) -> None:
    rrset = RRset(status, tuple(map(parse_address, addresses)))
    none = RRset(status if not addresses else AnswerStatus.NODATA)
    answer = Answer("www.example.com", rrset, none)
    assert Order(DNS, HOSTS, NOBODY).decider(answer) is decider


@given(
    st.text(max_size=80) | st.text("files dns[]!=NOTFOUNDreturn :#\n", max_size=80).map("hosts:".__add__)
)
def test_no_text_raises(text: str) -> None:
    assert parse_nsswitch(text).broken.isprintable()
