"""hosts_file. How glibc reads the same lines: foreign_behaviour/test_name_service.py."""

from __future__ import annotations

import time
import tracemalloc
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import format_address, parse_address
from lowatch.resolve.system.hosts_file import names_beside, parse_hosts, parse_multi

FOLLOWED = frozenset({"www.example.com", "api.example.com"})


def parse(text: str) -> dict[str, list[str]]:
    found = parse_hosts(text.encode().split(b"\n"), FOLLOWED, multi=True)
    assert found.problems == ()
    return {name: [format_address(a) for a in addresses] for name, addresses in found.addresses.items()}


def test_lines_add_up_and_come_sorted() -> None:
    text = "192.0.2.2 www.example.com api.example.com # both\n192.0.2.1\tWWW.example.com\n"
    text += "::1 www.example.com\n"
    assert parse(text) == {
        "www.example.com": ["::1", "192.0.2.1", "192.0.2.2"],
        "api.example.com": ["192.0.2.2"],
    }


def test_only_what_is_followed_is_kept() -> None:
    assert parse("192.0.2.1 other.example.com www.example.com.\n127.0.0.1 localhost\n") == {}


def test_without_multi_the_first_good_line_is_all() -> None:
    lines = [b"nonsense www.example.com", b"::1 www.example.com", b"192.0.2.1 www.example.com"]
    found = parse_hosts(lines, FOLLOWED, multi=False)
    assert [format_address(a) for a in found.addresses["www.example.com"]] == ["::1"]


@pytest.mark.parametrize("address", ["127.1", "fe80::1%eth0", "192.0.2.1/24", "[::1]", "\ufffd", "x" * 99])
def test_a_malformed_line_is_a_problem_where_it_names_a_domain_and_costs_only_itself(address: str) -> None:
    lines = f"{address} www.example.com\n192.0.2.1 www.example.com\n{address} other.example.com\n"
    found = parse_hosts(lines.encode().split(b"\n"), FOLLOWED, multi=True, source="/h")
    assert [format_address(a) for a in found.addresses["www.example.com"]] == ["192.0.2.1"]
    (problem,) = found.problems
    assert problem == f"/h:1: {address[:60]!r} is not an address, ignoring it for www.example.com"


def test_of_very_many_malformed_lines_some_are_reported() -> None:
    assert len(parse_hosts([b"x www.example.com"] * 100_000, FOLLOWED, multi=True).problems) == 20


@given(st.lists(st.binary(max_size=40) | st.just(b" www.example.com")).map(b"".join))
def test_no_octets_raise(data: bytes) -> None:
    found = parse_hosts(data.split(b"\n"), FOLLOWED, multi=True)
    assert all(problem.isprintable() for problem in found.problems)


def test_an_ad_blockers_file_costs_little_time_and_no_memory() -> None:
    """100,000 lines, of which one matters: measured 60 ms on a slow core."""
    lines = [b"0.0.0.0 ad%d.tracker.example.net\n" % number for number in range(100_000)]
    lines[50_000] = b"192.0.2.1 www.example.com\n"
    began = time.process_time()
    parse_hosts(lines, FOLLOWED, multi=True)
    assert time.process_time() - began < 0.5
    tracemalloc.start()
    found = parse_hosts(islice(lines, 50_001), FOLLOWED, multi=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.addresses) == 1
    assert peak < 64 * 1024


@pytest.mark.parametrize(
    ("text", "multi"), [("", False), ("multi on\n", True), ("multi on\nmulti off", False)]
)
def test_host_conf(text: str, multi: bool) -> None:
    assert parse_multi(text) is multi


HELD = frozenset(map(parse_address, ("192.0.2.10", "2001:db8::10")))


def beside(lines: list[bytes], most: int = 10) -> tuple[set[str], bool]:
    return names_beside(lines, HELD, lambda name: "." in name, most)


def test_the_names_of_addresses_cost_little_time_and_no_memory() -> None:
    lines = [b"0.0.0.0 ad%d.tracker.example.net\n" % number for number in range(100_000)]
    lines[50_000] = b"192.0.2.10 WWW.example.com www\n"
    began = time.process_time()
    assert beside(lines) == ({"www.example.com"}, False)
    assert time.process_time() - began < 0.5
    tracemalloc.start()
    beside(lines)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024


def test_as_many_names_as_there_is_room_for() -> None:
    lines = [b"2001:DB8:0::10 n%d.example n0.example" % number for number in range(4)]
    assert beside(lines, 4) == ({f"n{number}.example" for number in range(4)}, False)
    assert beside(lines, 3)[1]


@given(st.lists(st.binary(max_size=60)))
def test_names_beside_addresses_are_those_that_lead_to_them(lines: list[bytes]) -> None:
    """As the other reader of this file says."""
    lines = [b"192.0.2.10 " + line if number % 2 else line for number, line in enumerate(lines)]
    found, _ = names_beside(lines, HELD, lambda _: True, 1_000)

    class Everything:
        def __contains__(self, name: object) -> bool:
            return True

    parsed = parse_hosts(lines, Everything(), multi=True).addresses
    assert found == {name for name, addresses in parsed.items() if HELD.intersection(addresses)}
