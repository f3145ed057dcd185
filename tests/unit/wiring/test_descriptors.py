"""Whatever RLIMIT_NOFILE is, everybody has a share, and all together no more than there is."""

from __future__ import annotations

from resource import RLIM_INFINITY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.wiring.descriptors import ALL, RESERVED, shares


@pytest.mark.parametrize("descriptors", [720, 1024, 8192, 1 << 20, RLIM_INFINITY])
def test_usually_there_is_enough_for_all(descriptors: int) -> None:
    assert shares(descriptors) == ALL


@given(st.integers(RESERVED + 16, 8192))
def test_all_together_take_no_more_than_there_is(descriptors: int) -> None:
    web, control, probes = shares(descriptors)
    assert web.connections + control.connections + probes <= descriptors - RESERVED


@given(st.integers(0, 8192))
def test_everybody_has_a_share_and_probes_of_health_always_have_places(descriptors: int) -> None:
    web, control, probes = shares(descriptors)
    assert probes >= 4
    assert 4 <= web.requests <= web.connections - 4
    assert 2 <= control.requests <= control.connections - 2


def test_sixty_four() -> None:
    assert str(shares(64)) == (
        "16 connections of the web pages, 5 of the control socket, 11 confirming connects at once"
    )
