from __future__ import annotations

import json

from lowatch.core.addresses import Address
from lowatch.core.known import Known
from lowatch.core.listeners import Sockets
from lowatch.core.recording.parse import parse_recording
from lowatch.core.recording.record_codec import codec_of
from lowatch.core.recording.recording import SCHEMA, Recording
from lowatch.report.recording import recording_pieces, render_recording
from tests.unit.core.recording.samples import MAIL, recording
from tests.unit.core.worlds import BLIND, held, snapshot


def test_it_is_what_the_codec_has() -> None:
    assert json.loads(render_recording(recording())) == {
        "schema": SCHEMA,
        **codec_of(Recording).encode(recording()),
    }


def test_rows_for_grep() -> None:
    rows = render_recording(recording()).decode("ascii").splitlines()
    assert '{"address": "192.0.2.10", "prefixlen": 32, "interface": "lo", "label": "lo:vip"},' in rows
    [mail] = [row for row in rows if row.startswith(f'"{MAIL}": {{"answer"')]
    assert '"backlog": 128' in mail


def test_what_is_unknown() -> None:
    recorded = Recording("0.1.0", recording().policy, snapshot(held=BLIND))
    assert parse_recording(render_recording(recorded)) == recorded


def test_pieces_are_short_and_sets_are_in_order() -> None:
    """The daemon's loop runs between two pieces."""
    many = [Address(number.to_bytes(4, "big")) for number in range(10_000)]
    host = snapshot(*(held(one) for one in many), sockets=Known(Sockets(frozenset(many))))
    recorded = Recording("0.1.0", recording().policy, host)
    pieces = list(recording_pieces(recorded))
    assert max(map(len, pieces)) < 8_000
    assert b'"0.0.0.0",\n"0.0.0.1",\n"0.0.0.2"' in b"".join(pieces)
    assert parse_recording(b"".join(pieces)) == recorded
