"""Clients of a trace, until their socket is reported to be gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.addresses import parse_address
from lowatch.core.limits.kernel import TRACED_CONNECTS
from lowatch.core.programs import Program
from lowatch.core.traced_clients import AMBIGUOUS_FOR, TracedClient, TracedClients

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")


def by(thread: int, at: float = 1.0, port: int = 80) -> TracedClient:
    return TracedClient(Program("curl", thread), port, thread, at)


def test_a_client_is_found_once() -> None:
    clients = TracedClients()
    clients.add(VIP, 40_000, by(1))
    assert clients.take(VIP, 40_001) is None
    assert clients.take(OTHER, 40_000) is None
    assert clients.take(VIP, 40_000) == by(1)
    assert clients.take(VIP, 40_000) is None


def test_one_that_tries_again_is_one_client() -> None:
    clients = TracedClients()
    clients.add(VIP, 40_000, by(1, port=80))
    clients.add(VIP, 40_000, by(1, port=443))
    assert clients.take(VIP, 40_000) == by(1, port=443)


@pytest.mark.parametrize(("after", "known"), [(0.0, False), (59.0, False), (AMBIGUOUS_FOR, True)])
def test_two_at_once_are_in_two_network_namespaces(after: float, known: bool) -> None:
    clients = TracedClients()
    clients.add(VIP, 40_000, by(1, at=1.0))
    clients.add(VIP, 40_000, by(2, at=1.0 + after))
    found = clients.take(VIP, 40_000)
    assert found is not None
    assert (found.program, found.port) == ((Program("curl", 2), 80) if known else (None, 0))


def test_two_of_unknown_threads_are_not_taken_for_the_same() -> None:
    """An interrupt was at work each time: the threads may be any, in any network namespace."""
    clients = TracedClients()
    for _ in range(2):
        clients.add(VIP, 40_000, TracedClient(None, 80, None, 1.0))
    assert clients.take(VIP, 40_000) == TracedClient(None, 0, None, 1.0)


def test_a_third_one_of_them_is_not_known_either() -> None:
    clients = TracedClients()
    for thread in (1, 2, 1):
        clients.add(VIP, 40_000, by(thread))
    found = clients.take(VIP, 40_000)
    assert found is not None
    assert found.program is None


def test_the_oldest_makes_room() -> None:
    before = TRACED_CONNECTS.times
    clients = TracedClients()
    for source_port in range(TRACED_CONNECTS.value + 1):
        clients.add(VIP, source_port, by(1))
    assert len(clients) == TRACED_CONNECTS.value
    assert TRACED_CONNECTS.times == before + 1
    assert clients.take(VIP, 0) is None
    assert clients.take(VIP, 1) == by(1)


EVENTS = st.tuples(st.sampled_from(["ours", "theirs", "closed"]), st.integers(0, 3), st.integers(1, 3))


@given(st.lists(EVENTS, max_size=40))
def test_nobody_is_named_for_what_another_one_did(events: list[tuple[str, int, int]]) -> None:
    """Whatever other namespaces do in between: who is named has failed last with that source port."""
    clients = TracedClients()
    last: dict[int, int] = {}
    for number, (event, source_port, thread) in enumerate(events):
        if event != "closed":
            clients.add(VIP, source_port, by(thread, at=number * 0.01))
            last[source_port] = thread
            continue
        found = clients.take(VIP, source_port)
        expected = last.pop(source_port, None)
        if found is not None and found.program is not None:
            assert found.thread == expected
