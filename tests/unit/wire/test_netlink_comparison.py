"""Messages decoded twice, and their differences in words. Those of a kernel: test_decoder_check.py."""

from __future__ import annotations

from struct import pack

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire import links, netlink_full, rtnetlink
from lowatch.wire.inet_diag import SOCK_DIAG_BY_FAMILY
from lowatch.wire.netlink import MalformedMessageError, attribute
from lowatch.wire.netlink_comparison import ROUTE_KINDS, SOCKET_KINDS, DecoderComparison, differences
from lowatch.wire.rtnetlink import AF_INET, RTM_NEWADDR, RTM_NEWRULE
from lowatch.wire.rtnetlink import parse_address as parse_message

V4 = parse_address("192.0.2.10")
ADDRESS = (
    pack("=BBBBI", AF_INET, 32, 0x80, 0, 1) + attribute(1, V4) + attribute(2, V4) + attribute(3, b"lo\0")
)
RULE = pack("=BBBBBBBBI", AF_INET, 0, 0, 0, 255, 0, 0, 1, 0) + attribute(6, bytes(4))


def compared(kind: int, body: bytes) -> DecoderComparison:
    found = DecoderComparison()
    found.add(ROUTE_KINDS, kind, body, 0, len(body))
    return found


def test_agreement() -> None:
    for kind, body in ((RTM_NEWADDR, ADDRESS), (RTM_NEWRULE, RULE)):
        found = compared(kind, body)
        assert (found.compared, found.differing, found.unread, found.differences) == (1, 0, {}, {})


def test_types_are_those_of_the_protocol() -> None:
    """RTM_NEWADDR and SOCK_DIAG_BY_FAMILY have the same number."""
    assert RTM_NEWADDR == SOCK_DIAG_BY_FAMILY
    found = DecoderComparison()
    found.add(SOCKET_KINDS, SOCK_DIAG_BY_FAMILY, bytes([AF_INET]) + bytes(71), 0, 72)
    found.add(SOCKET_KINDS, 3, b"", 0, 0)  # the end of a dump is not decoded
    assert (found.compared, found.differing) == (1, 0)


def test_a_difference_names_the_field_and_no_value_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(data: bytes, start: int, end: int) -> object:
        message = parse_message(data, start, end)
        assert message is not None
        return message._replace(shape=message.shape._replace(prefixlen=24), peer=V4)

    monkeypatch.setattr(rtnetlink, "parse_address", wrong)
    found = compared(RTM_NEWADDR, ADDRESS)
    assert (found.compared, found.differing) == (1, 1)
    [said] = found.differences
    assert said == (
        "RTM_NEWADDR: peer is 192.0.2.10 by the lean decoder and None by pyroute2; prefixlen is 24 by the "
        "lean decoder and 32 by pyroute2 (attributes and their octets 1:4 2:4 3:3)"
    )


def test_what_only_pyroute2_can_read_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MalformedMessageError("too odd")

    monkeypatch.setattr(rtnetlink, "parse_address", refuse)
    found = compared(RTM_NEWADDR, ADDRESS)
    assert next(iter(found.differences)).startswith("RTM_NEWADDR: only pyroute2 can read it: too odd")


def test_what_pyroute2_cannot_read_is_counted_and_no_difference() -> None:
    found = compared(RTM_NEWADDR, ADDRESS + b"\0\0")
    assert (found.compared, found.differing) == (0, 0)
    assert found.unread == {"RTM_NEWADDR: 2 octets left: no room for an attribute": 1}


def test_differences_are_kept_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtnetlink, "parse_address", lambda data, start, end: data[start + 1])
    found = DecoderComparison()
    for length in range(33):
        body = ADDRESS[:1] + bytes([length]) + ADDRESS[2:]
        found.add(ROUTE_KINDS, RTM_NEWADDR, body, 0, len(body))
    assert (found.differing, len(found.differences)) == (33, 20)


def test_values_in_words() -> None:
    def said(ours: object, theirs: object) -> str:
        return "; ".join(differences(ours, theirs))

    assert said((1, 2), ()) == "it is 1 2 by the lean decoder and nothing by pyroute2"
    assert said("", "x") == "it is a text of 0 by the lean decoder and a text of 1 by pyroute2"
    assert said(None, V4) == "it is None by the lean decoder and 192.0.2.10 by pyroute2"
    link = links.LinkMessage(0, 1, "lo", 1)
    assert said(link, link._replace(name="mgmt")) == (
        "name is a text of 2 by the lean decoder and a text of 4 by pyroute2"
    )


@pytest.mark.parametrize(
    ("rule", "plain"),
    [
        (RULE, True),
        (RULE + attribute(14, b"\xff\xff\xff\xff"), True),
        (RULE + attribute(14, bytes(4)), False),
        (RULE + attribute(17, b"lo\0"), False),
        (RULE[:3] + b"\x10" + RULE[4:], False),
        (RULE[:8] + b"\2\0\0\0" + RULE[12:], False),
        (RULE[:4] + b"\xfe" + RULE[5:], False),
    ],
)
def test_rules(rule: bytes, plain: bool) -> None:
    assert compared(RTM_NEWRULE, rule).differing == 0
    assert netlink_full.rule(rule, 0, len(rule)) is plain
