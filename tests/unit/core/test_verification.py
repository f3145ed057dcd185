"""A verdict against what a client met, as a table."""

from __future__ import annotations

from collections import Counter

import pytest

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.held import FlowRoute
from lowatch.core.known import Unknown
from lowatch.core.listeners import Connect, Listener
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.verification import Compared, Outcome, Sighting, Trial, Verification, compare
from tests.unit.core.worlds import BLIND, FULL, NGINX, VIP, WWW

TCP = parse_port("443/tcp")
AGREES, DISAGREES, UNSEEN = Outcome.AGREES, Outcome.DISAGREES, Outcome.UNSEEN
ACCEPTED, REFUSED, TIMED_OUT = Connect.ACCEPTED, Connect.REFUSED, Connect.TIMED_OUT
OTHER = Listener(parse_address("192.0.2.99"), 4712, 33, "nginx.service")


def judged(verdict: Verdict, listener: Listener | None = None) -> JudgedEndpoint:
    return JudgedEndpoint(WWW, VIP, "lo", TCP, verdict, listener)


def seen(listener: Listener | Unknown | None, *, local: bool | Unknown = True) -> Sighting:
    return Sighting(local, FlowRoute.HERE, listener)


def tried(
    listener: Listener | Unknown | None,
    connect: Connect | Unknown | None,
    *,
    checked: bool = True,
    loopback_up: bool = True,
) -> Trial:
    return Trial(seen(listener), connect, seen(listener), checked, loopback_up)


@pytest.mark.parametrize(
    ("verdict", "listener", "connect", "outcome"),
    [
        (Verdict.SERVED, NGINX, ACCEPTED, AGREES),
        (Verdict.SERVED, NGINX, REFUSED, DISAGREES),
        (Verdict.SERVED, NGINX, TIMED_OUT, UNSEEN),
        (Verdict.CAPTURED, NGINX, ACCEPTED, AGREES),
        (Verdict.CAPTURED, NGINX, REFUSED, DISAGREES),
        (Verdict.BACKLOGGED, FULL, TIMED_OUT, AGREES),
        (Verdict.BACKLOGGED, FULL, ACCEPTED, AGREES),
        (Verdict.FILTERED, NGINX, TIMED_OUT, AGREES),
        (Verdict.FILTERED, NGINX, REFUSED, AGREES),
        (Verdict.FILTERED, NGINX, ACCEPTED, DISAGREES),
        (Verdict.REDIRECTED, None, ACCEPTED, AGREES),
        (Verdict.REDIRECTED, None, REFUSED, DISAGREES),
        (Verdict.ORPHAN, None, REFUSED, AGREES),
        (Verdict.ORPHAN, None, ACCEPTED, DISAGREES),
        (Verdict.ORPHAN, None, TIMED_OUT, DISAGREES),
        (Verdict.UNUSED, None, REFUSED, AGREES),
        (Verdict.UNUSED, None, ACCEPTED, AGREES),
        (Verdict.UNKNOWN, None, ACCEPTED, Outcome.NOT_MET),
        (Verdict.SERVED, NGINX, None, Outcome.NOT_MET),
        (Verdict.SERVED, NGINX, BLIND, Outcome.NOT_MET),
        (Verdict.SERVED, NGINX, Connect.PENDING, Outcome.NOT_MET),
    ],
)
def test_what_a_client_met(
    verdict: Verdict, listener: Listener | None, connect: Connect | Unknown | None, outcome: Outcome
) -> None:
    assert compare(judged(verdict, listener), tried(listener, connect)).outcome is outcome


@pytest.mark.parametrize(
    ("verdict", "ours", "theirs", "differs"),
    [
        (Verdict.SERVED, NGINX, None, True),
        (Verdict.SERVED, None, None, True),  # a verdict without its socket
        (Verdict.FILTERED, NGINX, None, True),
        (Verdict.ORPHAN, None, NGINX, True),
        (Verdict.UNUSED, None, NGINX, True),
        (Verdict.REDIRECTED, None, NGINX, True),
        (Verdict.SERVED, NGINX, OTHER, True),
        (Verdict.SERVED, NGINX, NGINX._replace(unit="apache2.service"), True),
        (Verdict.SERVED, NGINX, NGINX._replace(unit=None), False),
        (Verdict.SERVED, NGINX, NGINX._replace(inode=1), False),  # of the same REUSEPORT group
        (Verdict.SERVED, NGINX, BLIND, False),
    ],
)
def test_what_the_kernel_finds(
    verdict: Verdict, ours: Listener | None, theirs: Listener | Unknown | None, differs: bool
) -> None:
    """Without a connect, as for UDP."""
    found = compare(judged(verdict, ours), tried(theirs, None))
    assert found.outcome is (DISAGREES if differs else Outcome.NOT_MET)


def test_what_is_not_delivered_here() -> None:
    elsewhere = seen(NGINX, local=False)
    found = compare(judged(Verdict.SERVED, NGINX), Trial(elsewhere, None, elsewhere, checked=True))
    assert found.outcome is DISAGREES
    assert found.said.endswith("but the kernel does not deliver it on this host")
    unknown = seen(NGINX, local=BLIND)
    found = compare(judged(Verdict.SERVED, NGINX), Trial(unknown, None, unknown, checked=True))
    assert found == Compared(Outcome.NOT_MET)


@pytest.mark.parametrize(
    ("before", "after"),
    [(NGINX, None), (NGINX, NGINX._replace(inode=1)), (NGINX, FULL._replace(inode=NGINX.inode))],
)
def test_what_changed_meanwhile_is_no_disagreement(before: Listener, after: Listener | None) -> None:
    trial = Trial(seen(before), REFUSED, seen(after), checked=True)
    assert compare(judged(Verdict.SERVED, NGINX), trial) == Compared(Outcome.CHANGING)


def test_what_the_audit_did_not_ask_is_no_fault_of_it() -> None:
    """probe = "off": NAT, or a firewall."""
    for verdict, listener, met in ((Verdict.ORPHAN, None, ACCEPTED), (Verdict.SERVED, NGINX, REFUSED)):
        found = compare(judged(verdict, listener), tried(listener, met, checked=False))
        assert found.outcome is UNSEEN


def test_an_orphan_is_silent_while_lo_is_down() -> None:
    trial = tried(None, TIMED_OUT, loopback_up=False)
    assert compare(judged(Verdict.ORPHAN), trial) == Compared(AGREES)


def test_a_disagreement_in_words() -> None:
    found = compare(judged(Verdict.SERVED, NGINX), tried(None, REFUSED))
    assert found.said == (
        "www.example.com at 192.0.2.10, 443/tcp: lowatch says served by nginx.service (inode "
        f"{NGINX.inode}), but the kernel finds no socket there, and a connect was refused"
    )
    found = compare(judged(Verdict.SERVED, NGINX), tried(NGINX, TIMED_OUT))
    assert found.said.endswith(
        f"but a connect timed out, while nginx.service (inode {NGINX.inode}) is there"
    )


@pytest.mark.parametrize(
    ("local", "flow", "met"),
    [
        (True, FlowRoute.HERE, True),
        (True, FlowRoute.NO_WAY_BACK, False),
        (True, BLIND, False),
        (False, FlowRoute.HERE, False),
        (BLIND, FlowRoute.HERE, False),
    ],
)
def test_a_connect_must_stay_on_this_host(
    local: bool | Unknown, flow: FlowRoute | Unknown, met: bool
) -> None:
    assert Sighting(local, flow, None).may_be_met is met


def test_what_confirms_an_audit() -> None:
    assert Verification(Counter({AGREES: 3, Outcome.NOT_MET: 1})).confirmed
    assert not Verification(Counter({AGREES: 3, Outcome.CHANGING: 1})).confirmed
    assert not Verification(disagreements=("x",)).confirmed
    assert not Verification(unseen=("x",)).confirmed
