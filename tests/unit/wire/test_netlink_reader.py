"""What the lean decoder cannot read is read by pyroute2, and counted; what neither can is malformed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lowatch.core.addresses import parse_address
from lowatch.wire import netlink_reader as reader
from lowatch.wire.netlink import MalformedMessageError
from tests.support.netns import Netns
from tests.unit.wire.test_netlink_full import V4, address_body, attribute, link_body, route_body

BODIES = {
    "link": link_body(),
    "address": address_body(attribute(1, V4)),
    "route": route_body(attribute(1, V4)),
    "socket": bytes([2, 10]) + bytes(70),
    "rule": bytes([2, 0, 0, 0, 255, 0, 0, 1, 0, 0, 0, 0]) + attribute(6, bytes(4)),
}
LEAN = {"rule": "is_plain_local"}
"""The lean decoder's name in the reader, where it is not parse_KIND."""


def broken(*_: Any) -> Any:
    raise MalformedMessageError("a planted fault")


@pytest.mark.parametrize("kind", BODIES)
def test_a_fault_of_the_lean_decoder_costs_nothing_but_time(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, body = getattr(reader, f"decode_{kind}"), BODIES[kind]
    times = reader.FALLBACKS.times
    lean = decode(body, 0, len(body))
    assert reader.FALLBACKS.times == times
    monkeypatch.setattr(reader, LEAN.get(kind, f"parse_{kind}"), broken)
    assert decode(body, 0, len(body)) == lean
    assert decode(b"before" + body + b"after", 6, 6 + len(body)) == lean
    assert reader.FALLBACKS.times == times + 2


@pytest.mark.parametrize("kind", BODIES)
def test_what_neither_can_read_has_the_lean_decoders_error(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, times = getattr(reader, f"decode_{kind}"), reader.FALLBACKS.times
    monkeypatch.setattr(reader, LEAN.get(kind, f"parse_{kind}"), broken)
    for body in (b"", BODIES[kind][:-2] if kind != "socket" else bytes(10), BODIES[kind] + b"\1\0\1\0"):
        with pytest.raises(MalformedMessageError, match="a planted fault"):
            decode(body, 0, len(body))
    assert reader.FALLBACKS.times == times


def test_without_pyroute2_it_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lowatch.wire.netlink_full", None)
    monkeypatch.setattr("lowatch.wire.netlink_full", None, raising=False)
    monkeypatch.delattr("lowatch.wire.netlink_full")
    monkeypatch.setattr(reader, "parse_address", broken)
    body = BODIES["address"]
    with pytest.raises(MalformedMessageError, match="a planted fault"):
        reader.decode_address(body, 0, len(body))


def test_pyroute2_is_imported_with_the_first_one_only(netns: Netns) -> None:
    """A whole audit does without it; with a decoder that fails, the audit is the same."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    code = """
import sys
from lowatch.wire import netlink_reader as reader
from lowatch.wire.netlink import MalformedMessageError
from lowatch.__main__ import main
def broken(*_): raise MalformedMessageError("a planted fault")
if sys.argv.pop(1) == "broken":
    reader.parse_address = reader.parse_link = reader.parse_route = reader.parse_socket = broken
sys.argv[1:] = ["check", "--format=prometheus"]
code = main()
print(code, "pyroute2" in sys.modules, reader.FALLBACKS.times > 0)
"""
    with netns.entered():
        runs = [
            subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=False)
            for how in ("sound", "broken")
        ]
    sound, fallen = (run.stdout.splitlines() for run in runs)
    assert sound[-1:] == ["0 False False"], runs[0].stderr
    assert fallen[-1:] == ["0 True True"], runs[1].stderr
    shown = [
        [line for line in lines if "held_addresses" in line or "complete" in line]
        for lines in (sound, fallen)
    ]
    assert shown[0] == shown[1] != []


def test_an_address_is_an_address() -> None:
    message = reader.decode_address(BODIES["address"], 0, len(BODIES["address"]))
    assert message is not None
    assert message.local == parse_address("192.0.2.10")
