"""The undo script is read as it was written, and in no other way."""

from __future__ import annotations

import json
import re
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import AddressRow, RouteRow
from lowatch.core.changes.undo import Entry, Undo
from lowatch.core.changes.undo_script import UndoScriptError, parse, render

VIP, VIP6, PEER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.99"))
UNDO = Undo(
    "web1",
    "a2c60ac9-3f51-44b3-858a-49d521a96d66",
    4026531840,
    1795403527.5,
    (
        Entry("kept", AddressRow("lo", VIP, 24, PEER, "lo:v'ip", 0x281, 253, PEER, 7, 66, 400, 500)),
        Entry("removed", AddressRow("l\u00f6", VIP6, 128, others=(("attribute 40", "x"),))),
        Entry("added", AddressRow("lo", VIP, 32)),
        Entry("removed", RouteRow("lo", parse_prefix("192.0.2.0/24"), 1000, 2, 66, 254, 4, 5, VIP)),
        Entry("kept", RouteRow("", parse_prefix("::/0"), 254, 1, 3, metrics=(("RTAX_MTU", 1400),))),
    ),
)


def test_it_is_read_as_it_was_written() -> None:
    text = render(UNDO)
    assert text.startswith("#!/bin/sh\n")
    assert text.isascii()
    assert parse(text.encode()) == UNDO


def test_nothing_but_comments_and_commands_of_ip() -> None:
    hostile = UNDO._replace(host="x\n; reboot", entries=())
    for line in render(hostile).splitlines():
        assert line.startswith("#")
    for line in render(UNDO).splitlines():
        assert line.startswith(("#", "ip "))


@given(st.data())
def test_a_damaged_one_is_refused_in_one_line(data: st.DataObject) -> None:
    text = render(UNDO)
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from('0x9 #:{}[]",\n\0') | st.just(""))
    damaged = f"{text[:position]}{other}{text[position + 1 :]}"
    if damaged == text:
        return
    with pytest.raises(UndoScriptError) as raised:
        parse(damaged.encode())
    assert "\n" not in str(raised.value)


WRONG = {
    "another schema": ('"schema": 1', '"schema": 2'),
    "a prefix too long": ('"prefixlen": 24', '"prefixlen": 33'),
    "an address that is none": ('"address": "192.0.2.10"', '"address": "192.0.2"'),
    "an interface with a slash": ('"interface": "lo"', '"interface": "../x"'),
    "an interface too long": ('"interface": "lo"', f'"interface": "{"x" * 16}"'),
    "a number that is none": ('"protocol": 66', '"protocol": true'),
    "a number too large": ('"protocol": 66', '"protocol": 256'),
    "a peer of another family": ('"peer": "192.0.2.99"', '"peer": "::1"'),
    "a state that is none": ('"was": "kept"', '"was": "stolen"'),
    "a field that is none": ('"was": "kept"', '"was": "kept", "extra": 1'),
    "a time that is none": ('"made_at": 1795403527.5', '"made_at": "now"'),
    "a time beyond all": ('"made_at": 1795403527.5', '"made_at": NaN'),
    "a source of another family": ('"source": "192.0.2.10"', '"source": "::1"'),
}


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG)
def test_what_is_in_it_is_checked(old: str, new: str) -> None:
    """Even if somebody has computed a new checksum."""
    text = render(UNDO)
    assert old in text
    forged = text.replace(old, new, 1)
    rows = [line[3:] for line in forged.splitlines() if line.startswith("#: ")][:-1]
    end = json.dumps({"entries": len(rows) - 1, "crc32": crc32("\n".join(rows).encode())})
    forged = re.sub(r'(?m)^#: {"entries".*$', f"#: {end}", forged)
    with pytest.raises(UndoScriptError, match=r"^is not an undo script of lowatch, or is damaged$"):
        parse(forged.encode())


def test_a_command_that_was_changed_by_hand_is_told() -> None:
    text = render(UNDO).replace("ip address del 192.0.2.10/32", "ip address del 192.0.2.11/32")
    with pytest.raises(UndoScriptError, match=r"^was changed after it was written$"):
        parse(text.encode())


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"#: {}", b"#: " + b"[" * 100_000, b"#: 1\n#: 2\n#: 3\n"]
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(UndoScriptError):
        parse(content)


def test_fields_that_are_not_set_are_left_out() -> None:
    [line] = [line for line in render(UNDO).splitlines() if '"added"' in line]
    assert json.loads(line.removeprefix("#: ")) == {
        "was": "added",
        "interface": "lo",
        "address": "192.0.2.10",
        "prefixlen": 32,
    }
