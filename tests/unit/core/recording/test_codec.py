from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lowatch.core.addresses import Address, Port, Prefix, parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus
from lowatch.core.recording.codec import Doubled, Leaf, Mapper, Misfit
from lowatch.core.recording.record_codec import codec_of
from tests.unit.core.worlds import VIP, VIP6


@pytest.mark.parametrize(
    ("annotation", "value", "plain"),
    [
        (Address, VIP, "192.0.2.10"),
        (Address, VIP6, "2001:db8::10"),
        (Port, Port(443, "tcp"), "443/tcp"),
        (Port, Port(0, "udp"), "0/udp"),
        (Prefix, parse_prefix("192.0.2.0/24"), "192.0.2.0/24"),
        (AnswerStatus, AnswerStatus.STALE, "stale"),
        (tuple[int, str], (1, "a"), [1, "a"]),
        (frozenset[Address], frozenset({VIP6, VIP}), ["2001:db8::10", "192.0.2.10"]),
        (Mapping[Address, str], {VIP: "www"}, {"192.0.2.10": "www"}),
        (float, 1.0, 1.0),
    ],
)
def test_there_and_back(annotation: Any, value: Any, plain: Any) -> None:
    codec = codec_of(annotation)
    assert codec.encode(value) == plain
    assert codec.decode(plain) == value


def test_an_integer_is_a_number() -> None:
    assert codec_of(float).decode(3) == 3.0


@pytest.mark.parametrize(
    ("annotation", "data", "message"),
    [
        (str, 3, "must be a text, not 3"),
        (int, True, "must be an integer, not true"),
        (int, 1.5, "must be an integer, not 1.5"),
        (int, 2**128 + 1, f"must be an integer, not {2**128 + 1}"),
        (int, float("inf"), "must be an integer, not inf"),
        (float, float("nan"), "must be a number, not nan"),
        (float, 1e300, "must be a number, not 1e+300"),
        (float, False, "must be a number, not false"),
        (bool, 1, "must be true or false, not 1"),
        (Address, "192.0.2", "must be an address, not '192.0.2'"),
        (Address, 3, "must be an address, not 3"),
        (Port, "443", "must be a port such as 443/tcp, not '443'"),
        (Port, "65536/tcp", "must be a port such as 443/tcp, not '65536/tcp'"),
        (Port, "443/sctp", "must be a port such as 443/tcp, not '443/sctp'"),
        (Prefix, "192.0.2.1/24", "must be a prefix such as 192.0.2.0/24, not '192.0.2.1/24'"),
        (AnswerStatus, "fine", "must be one of resolved, nxdomain, nodata, stale, unknown, not 'fine'"),
        (tuple[int, ...], {}, "must be a list, not an object"),
        (tuple[int, ...], None, "must be a list, not null"),
        (tuple[int, ...], [1, "a" * 50], f"[1]: must be an integer, not '{'a' * 40}'..."),
        (tuple[int, int], [1], "must be a list of 2, not a list of 1"),
        (tuple[int, int], [1, []], "[1]: must be an integer, not an empty list"),
        (Mapping[str, int], [], "must be an object, not an empty list"),
        (Mapping[str, int], {"a": None}, "['a']: must be an integer, not null"),
        (Mapping[Address, int], {"::1": 1, "0::1": 1}, "['0::1']: the same as another key"),
        (Mapping[str, int], Doubled("a"), "has 'a' twice"),
    ],
)
def test_what_does_not_fit(annotation: Any, data: Any, message: str) -> None:
    with pytest.raises(Misfit) as misfit:
        codec_of(annotation).decode(data)
    assert ": ".join(filter(None, (misfit.value.path, misfit.value.message))) == message


class Marking(Mapper):
    """Every address becomes ::1, every text says where it was."""

    def address(self, _address: Address) -> Address:
        return parse_address("::1")

    def prefix(self, _prefix: Prefix) -> Prefix:
        return parse_prefix("::1/128")

    def text(self, text: str, leaf: Leaf) -> str:
        return f"{leaf.owner}.{leaf.member}{leaf.is_key * ' key'}: {text}"


def test_a_mapper_sees_every_address_and_text() -> None:
    leaf = Leaf("Thing", "names")
    one, two = parse_address("::1"), parse_prefix("::1/128")
    for annotation, value, mapped in [
        (Address, VIP, one),
        (tuple[Prefix, ...], (parse_prefix("192.0.2.0/24"),), (two,)),
        (tuple[Address, str], (VIP, "a"), (one, "Thing.names: a")),
        (frozenset[str], frozenset("a"), frozenset({"Thing.names: a"})),
        (Mapping[str, str], {"a": "b"}, {"Thing.names key: a": "Thing.names: b"}),
        (Port, Port(1, "tcp"), Port(1, "tcp")),
        (int, 1, 1),
    ]:
        assert codec_of(annotation).map(value, Marking(), leaf) == mapped
        assert codec_of(annotation).map(value, Mapper(), leaf) == value
