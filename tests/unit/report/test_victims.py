"""What the daemon says of local clients that failed, and what is no such thing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import Port, parse_address
from lowatch.core.clock import Now
from lowatch.core.limits.kernel import REFUSED_ENDPOINTS
from lowatch.core.listeners import Endpoint
from lowatch.core.programs import FailedProgram, Program
from lowatch.core.victims import Refused
from lowatch.report.victims import parse_refused, render_refused

VIP = parse_address("2001:db8::10")
ROW = ["192.0.2.10", "80/tcp", 41, 1.0, 2.5, False, []]


def test_what_was_rendered_is_read() -> None:
    refused = {
        Endpoint(VIP, Port(0, "tcp")): Refused(
            41,
            Now(0.0, 1.0),
            Now(0.0, 2.5),
            estimated=True,
            programs=(
                FailedProgram(Program("curl", 4711, "backup.service"), 38),
                FailedProgram(Program("\x1b", 815), 3),
            ),
        ),
        Endpoint(VIP, Port(53, "udp")): Refused(1, Now(0.0, 9.0), Now(0.0, 9.0)),
    }
    ended = Refused(0, Now(0.0, 9.0), Now(0.0, 9.0), earlier=7)
    rendered = render_refused([*refused.items(), (Endpoint(VIP, Port(80, "tcp")), ended)])
    assert dict(parse_refused(rendered.decode())) == refused


@pytest.mark.parametrize(
    "row",
    [
        "80/tcp",
        [],
        [*ROW, 1],
        ["192.0.2", *ROW[1:]],
        [ROW[0], "80", *ROW[2:]],
        [ROW[0], "-1/tcp", *ROW[2:]],
        [ROW[0], "800000/tcp", *ROW[2:]],
        [ROW[0], "80/sctp", *ROW[2:]],
        [*ROW[:2], "41", *ROW[3:]],
        [*ROW[:3], 1e300, *ROW[4:]],
        [*ROW[:3], None, *ROW[4:]],
        [*ROW[:3], True, *ROW[4:]],
        ROW[:6],
        [*ROW[:5], 0, []],
        [*ROW[:6], None],
        [*ROW[:6], [["curl", 4711, None]]],
        [*ROW[:6], [["curl", "4711", None, 1]]],
        [*ROW[:6], [["curl", 4711, 7, 1]]],
        [*ROW[:6], [["curl", 4711, None, 1]] * 9],
    ],
)
def test_a_row_that_is_not_valid(row: object) -> None:
    with pytest.raises(ValueError, match=r"valid|address"):
        parse_refused(json.dumps({"schema": 1, "refused": [row]}))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2, "refused": []}', '{"schema": 1, "refused": 1}']
)
def test_what_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match=r"schema|Expecting"):
        parse_refused(text)


def test_more_rows_than_there_can_be() -> None:
    with pytest.raises(ValueError, match="more than"):
        parse_refused(json.dumps({"schema": 1, "refused": [ROW] * (REFUSED_ENDPOINTS.value + 1)}))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=20))
def test_anything_is_read_or_refused(value: object) -> None:
    try:
        parse_refused(json.dumps({"schema": 1, "refused": value}))
    except ValueError:
        return
    assert isinstance(value, list)
