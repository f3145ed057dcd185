from __future__ import annotations

import os
import socket

from hypothesis import given
from hypothesis import strategies as st

from lowatch.service.journal.sink import encode, stderr_is_journal
from tests.unit.service.fake_journald import decode


@given(st.dictionaries(st.from_regex("[A-Z][A-Z0-9_]{0,20}", fullmatch=True), st.text()))
def test_the_native_protocol_carries_any_value(fields: dict[str, str]) -> None:
    assert decode(encode(fields)) == fields


def test_the_native_protocol_by_the_letter() -> None:
    assert encode({"A": "1=2", "B": "", "C": "x\ny"}) == (b"A=1=2\nB=\nC\n\x03\0\0\0\0\0\0\0x\ny\n")
    assert encode({"A": "\ud800"}) == b"A=\\ud800\n"  # no surrogate makes it raise


def test_stderr_is_the_journal_if_device_and_inode_say_so() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(ours.fileno())
        stream = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert stderr_is_journal(stream, ours.fileno())
        assert not stderr_is_journal(stream, theirs.fileno())
        assert not stderr_is_journal({}, ours.fileno())
        assert not stderr_is_journal({"JOURNAL_STREAM": "nonsense"}, ours.fileno())
        closed = os.dup(ours.fileno())
        os.close(closed)
        assert not stderr_is_journal(stream, closed)
