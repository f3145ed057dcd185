"""The names of a zone that lead to this host."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from lowatch.config.zones import blocks, leading
from lowatch.config.zones.destinations import Destinations
from lowatch.config.zones.leading import Soa, ZoneNames, leading_names
from lowatch.config.zones.owner_names import ZoneFileError
from lowatch.core.addresses import parse_prefix

SOA = "$ORIGIN corp.example.\n@ 60 IN SOA ns root 7 1h 900 1w 60\n"
HERE = ("192.0.2.10/32", "2001:db8::10/128", "127.0.0.0/8", "::1/128")


def found(text: str, *prefixes: str) -> ZoneNames:
    destinations = Destinations(map(parse_prefix, prefixes or HERE))
    return leading_names(io.BytesIO(text.encode()), destinations)


def names(records: str, *prefixes: str) -> list[str]:
    """Of the names, what is before the zone's."""
    everything = found(SOA + records, *prefixes).names
    return [name.removesuffix("corp.example").removesuffix(".") for name in everything]


def test_what_bind_writes() -> None:
    """named with masterfile-format text, in its default style."""
    text = """\
$ORIGIN .
$TTL 3600	; 1 hour
corp.example		IN SOA	ns.corp.example. root.corp.example. (
				2026010101 ; serial
				3600       ; refresh (1 hour)
				900        ; retry (15 minutes)
				604800     ; expire (1 week)
				60         ; minimum (1 minute)
				)
			NS	ns.corp.example.
$ORIGIN corp.example.
lb			A	192.0.2.10
			AAAA	2001:db8::10
$TTL 60	; 1 minute
shop			CNAME	lb
www			A	198.51.100.1
			A	192.0.2.10
"""
    assert found(text) == ZoneNames(
        Soa("corp.example", 2026010101, 3600, 900, 604800),
        ("lb.corp.example", "shop.corp.example", "www.corp.example"),
        frozenset(),
        (),
        17,
    )


def test_what_nsd_and_unbound_write() -> None:
    text = (
        "corp.example.\t60\tIN\tSOA\tns.corp.example. root.corp.example. 7 3600 900 604800 60\n"
        'www.corp.example.\t60\tIN\tTXT\t"v=1"\n'
        "www.corp.example.\t60\tIN\tA\t192.0.2.10\n"
        "www.corp.example.\t60\tIN\tRRSIG\tA 13 3 60 20260101000000 20250101000000 1 corp.example. aa==\n"
    )
    assert found(text).names == ("www.corp.example",)


def test_either_family_in_any_spelling() -> None:
    v6 = "b AAAA 2001:DB8:0:0::0010\nc AAAA ::ffff:192.0.2.10\n"
    assert names(f"a A 192.0.2.10\n{v6}d A 192.0.2.1\n") == ["a", "b", "c"]


def test_whole_prefixes() -> None:
    assert names("a A 192.0.2.10\nb A 198.51.100.7\nc A 198.51.100.17\n", "198.51.100.0/28") == ["b"]
    assert names("a AAAA 2001:db8::1\nb AAAA 2001:db9::1\n", "2001:db8::/64") == ["a"]


@pytest.mark.parametrize("address", ["A 127.0.0.1", "A 127.1.2.3", "A 0.0.0.0", "AAAA ::1", "AAAA ::"])
def test_loopback_addresses_lead_nowhere(address: str) -> None:
    assert names(f"blocked {address}\n") == []


def test_a_local_default_route_which_tproxy_needs_leads_nowhere() -> None:
    assert names("a A 192.0.2.1\n", "0.0.0.0/0", "::/0") == []


def test_chains_in_any_order() -> None:
    assert names("a CNAME b\nb CNAME c\nc CNAME d\nd A 192.0.2.10\ne CNAME f\nf A 192.0.2.1\n") == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_a_chain_is_followed_as_far_as_by_dns() -> None:
    chain = "".join(f"c{number} CNAME c{number + 1}\n" for number in range(20)) + "c20 A 192.0.2.10\n"
    assert len(names(chain)) == 1 + leading.MAX_CHAIN


def test_a_loop_ends() -> None:
    assert names("a CNAME b\nb CNAME a\n") == []


def test_services() -> None:
    assert names("_x._tcp SRV 0 0 443 a\n_y._tcp SRV 0 0 443 b\n_z._tcp SRV 0 0 0 .\na A 192.0.2.10\n") == [
        "_x._tcp",
        "a",
    ]


def test_what_leads_out_of_the_zone_is_asked_for() -> None:
    zone = found(f"{SOA}cdn CNAME x.cdn.example.\nvia CNAME cdn\nhere A 192.0.2.10\n")
    assert zone.names == ("cdn.corp.example", "here.corp.example", "via.corp.example")
    assert zone.asked == {"cdn.corp.example", "via.corp.example"}


@pytest.mark.parametrize(
    "below", ["sub NS ns.sub", "sub DNAME other.example.", "*.sub A 192.0.2.10", "*.sub CNAME here"]
)
def test_what_leads_below_a_delegation_a_dname_or_a_wildcard_is_asked_for(below: str) -> None:
    zone = found(f"{SOA}a CNAME b.sub\nhere A 192.0.2.10\n{below}\nc CNAME missing\n")
    assert zone.names == ("a.corp.example", "here.corp.example")
    assert zone.asked == {"a.corp.example"}


def test_a_wildcard_makes_no_name_that_the_file_has() -> None:
    zone = found(
        f"{SOA}* A 192.0.2.10\na CNAME made\nb CNAME here\nhere A 198.51.100.1\n"
        "c CNAME text\ntext TXT (\n a )\nd CNAME a\ne CNAME b\n"
    )
    assert zone.names == ("a.corp.example", "d.corp.example")
    assert zone.asked == {"a.corp.example", "d.corp.example"}
    assert zone.wildcards == ("*.corp.example",)


def test_the_name_servers_of_the_zone_itself_are_no_delegation() -> None:
    assert found(f"{SOA}@ NS ns.other.example.\na CNAME missing\n").names == ()


def test_wildcards_that_lead_here_are_told_apart() -> None:
    zone = found(f"{SOA}*.w A 192.0.2.10\n*.v A 192.0.2.1\n")
    assert (zone.names, zone.wildcards) == ((), ("*.w.corp.example",))


def test_other_zones_in_the_file_do_not_count() -> None:
    assert found(f"{SOA}other.example. A 192.0.2.10\n").names == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no SOA record: it is not a whole zone"),
        ("a.example. 60 IN A 192.0.2.10\n", "has no SOA record: it is not a whole zone"),
        (f"{SOA}www A 192.0.2.1", "ends within a line: it is cut off"),
        (f"{SOA}www TXT (a\n", "ends within parentheses: it is cut off"),
        (f"{SOA}\nwww A 300.0.2.1\n", "line 4: a bad address in a record of type A"),
        (f"{SOA}www AAAA 192.0.2.1\n", "line 3: a bad address in a record of type AAAA"),
        (f"{SOA}www A 192.0.2.1 more\n", "line 3: a malformed record of type A"),
        (f"{SOA}www CNAME a b\n", "line 3: a malformed record of type CNAME"),
        (f"{SOA}@ SOA ns root 8\n", "line 3: a malformed SOA record"),
        (f"{SOA}@ SOA ns root x 1 1 1 1\n", "line 3: a malformed SOA record"),
        (f"{SOA}b SOA ns root 8 1 1 1 1\n", "line 3: a second SOA record: the file has more than one zone"),
        (f"{SOA}www A 192.0.2.1\n<html>\n", "line 4: not a record: it has no type"),
        ("\0\0\0\2\0\0\0\1\n", "line 1: not a record: it has no type"),
    ],
)
def test_what_is_no_whole_zone_is_refused(text: str, why: str) -> None:
    with pytest.raises(ZoneFileError) as caught:
        found(text)
    assert str(caught.value) == why


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.ZONE_RECORD_BYTES, "value", 1 << 10)
    with pytest.raises(ZoneFileError, match="has more than 1,024 bytes in one line"):
        found(SOA + "a" * (1 << 20))


def test_too_large_a_file_is_refused_as_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.ZONE_FILE_BYTES, "value", 1 << 10)
    with pytest.raises(ZoneFileError, match="has more than 1,024 bytes"):
        found(SOA + "www A 192.0.2.1\n" * 10_000)


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading.ZONE_LINES, "value", 100)
    with pytest.raises(ZoneFileError, match="has more than 100 lines"):
        found(SOA + "\n" * 1000)


def test_too_many_delegations_or_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading.ZONE_CUTS, "value", 2)
    monkeypatch.setattr(leading.ZONE_NAMES, "value", 2)
    assert len(names("a NS ns\nb NS ns\nc A 192.0.2.10\nd A 192.0.2.10\n")) == 2
    with pytest.raises(ZoneFileError, match="has more than 2 delegations"):
        names("a NS ns\nb NS ns\nc NS ns\n")
    with pytest.raises(ZoneFileError, match="has more than 2 names that lead here"):
        names("a A 192.0.2.10\nb A 192.0.2.10\nc A 192.0.2.10\n")


def test_records_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in a block's last line, in parentheses or not, the names are the same."""
    records = "a CNAME b\n  TXT ( 1\n 2\n CNAME c\n )\nb A 192.0.2.10\n"
    records += "$ORIGIN sub\nd CNAME b.corp.example.\n TXT e\n"
    for size in range(1, 200):
        monkeypatch.setattr(blocks, "BLOCK", size)
        assert found(SOA + records).names == ("a.corp.example", "b.corp.example", "d.sub.corp.example")


def test_memory_does_not_grow_with_the_zone() -> None:
    def peak(count: int) -> int:
        lines = (f"h{number}.corp.example. 60 IN A 198.51.100.1\n" for number in range(count))
        stream = io.BytesIO((SOA + "".join(lines)).encode())
        tracemalloc.start()
        try:
            leading_names(stream, Destinations(map(parse_prefix, HERE)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40_000) < 1.5 * peak(10_000)
