"""resolv.conf(5): one bad line costs only itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.config.settings import Nameserver
from lowatch.core.limits.names import NAMESERVERS
from lowatch.resolve.system.resolv_conf import parse_resolv_conf

TYPICAL = """\
# made by NetworkManager
; and an older comment
domain example.com
search example.com corp.example.com
nameserver 192.0.2.53
nameserver\t2001:db8::53   # the second
nameserver fe80::1%eth0
nameserver 192.0.2.54
nameserver 192.0.2.53
options ndots:2 timeout:3 edns0
options attempts:4 rotate trust-ad
sortlist 192.0.2.0/24
"""


def test_what_a_host_has() -> None:
    found = parse_resolv_conf(TYPICAL)
    hosts = ("192.0.2.53", "2001:db8::53", "fe80::1%eth0", "192.0.2.54")
    assert found.servers == tuple(Nameserver(host) for host in hosts)
    assert (found.timeout, found.attempts, found.rotate) == (3.0, 4, True)
    assert found.problems == ()


def test_defaults() -> None:
    found = parse_resolv_conf("nameserver 192.0.2.53\n")
    assert (found.timeout, found.attempts, found.rotate) == (None, 2, False)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nameserver", "nameserver without an address"),
        ("nameserver 192.0.2", "'192.0.2' is not a nameserver's address"),
        ("nameserver ns1.example.com", "'ns1.example.com' is not a nameserver's address"),
        ("nameserver 192.0.2.1,192.0.2.2", "'192.0.2.1,192.0.2.2' is not a nameserver's address"),
        ("nameserver 192.0.2.1:53", "'192.0.2.1:53' is not a nameserver's address"),
        ("nameservr 192.0.2.1", "unknown keyword 'nameservr'"),
        ("options timeout:soon", "option 'timeout:soon' wants a number from 0 up"),
        ("options attempts:0", "option 'attempts:0' wants a number from 1 up"),
        ("\0\x1b[2J", r"unknown keyword '\x00\x1b[2J'"),
    ],
)
def test_a_malformed_line_costs_only_itself(line: str, problem: str) -> None:
    found = parse_resolv_conf(f"nameserver 192.0.2.53\n{line}\nnameserver 192.0.2.54\n", "/r.conf")
    assert found.servers == (Nameserver("192.0.2.53"), Nameserver("192.0.2.54"))
    assert found.problems == (f"/r.conf:2: {problem}, ignoring the line",)


def test_an_address_ends_where_a_comment_begins() -> None:
    found = parse_resolv_conf("nameserver 192.0.2.53#one\nnameserver 2001:db8::53;two ; three\n")
    assert found.servers == (Nameserver("192.0.2.53"), Nameserver("2001:db8::53"))
    assert found.problems == ()


def test_all_of_many_nameservers_are_taken_in_their_order() -> None:
    hosts = [f"192.0.2.{number}" for number in range(9, 0, -1)]
    found = parse_resolv_conf("".join(f"nameserver {host}\n" for host in hosts))
    assert [server.host for server in found.servers] == hosts


def test_no_more_of_them_are_asked_than_a_number() -> None:
    text = "".join(f"nameserver 10.0.{number // 256}.{number % 256}\n" for number in range(3000))
    found = parse_resolv_conf(text, "/r.conf")
    assert len(found.servers) == NAMESERVERS.value
    assert found.problems == (f"/r.conf: names 3,000 nameservers: using the first {NAMESERVERS.value}",)


def test_of_many_bad_lines_the_first_are_reported_and_the_others_counted() -> None:
    found = parse_resolv_conf("nameserver 192.0.2.53\n" + "nonsense\n" * 5000, "/r.conf")
    assert len(found.problems) == 21
    assert found.problems[-1] == "/r.conf: and 4,980 more such lines"


def test_no_timeout_is_a_second() -> None:
    assert parse_resolv_conf("nameserver ::1\noptions timeout:0\n").timeout == 1.0


def test_excess_is_capped_as_glibc_does() -> None:
    found = parse_resolv_conf("nameserver ::1\noptions timeout:999 attempts:999\n")
    assert (found.timeout, found.attempts) == (30.0, 5)


@pytest.mark.parametrize("text", ["", "\n\n", "# nameserver 192.0.2.53\n", "search example.com\n"])
def test_none_is_a_problem_and_never_127_0_0_1(text: str) -> None:
    found = parse_resolv_conf(text, "/r.conf")
    assert found.servers == ()
    assert found.problems == ("/r.conf: has no nameserver",)


@given(st.text(max_size=200) | st.lists(st.sampled_from(TYPICAL.split())).map(" ".join))
def test_no_text_raises(text: str) -> None:
    for problem in parse_resolv_conf(text).problems:
        assert problem.isprintable()
