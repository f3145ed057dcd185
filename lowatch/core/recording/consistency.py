"""What must be true of a recorded value beyond its types, so that judging it cannot fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lowatch.core.addresses import host_length, is_v4
from lowatch.core.arp import Nic
from lowatch.core.held import Held
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Snapshot

from .recording import Recording

_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


def _held(held: Held) -> str:
    if not 0 <= held.prefixlen <= host_length(held.address):
        return f"{held.prefixlen} is not a prefix length of its address"
    if held.peer is not None and is_v4(held.peer) is not is_v4(held.address):
        return "the peer is of another family than the address"
    return ""


def _nic(nic: Nic) -> str:
    if all(map(is_v4, nic.addresses)) and all(is_v4(one.address) for one in nic.networks):
        return ""
    return "ARP is for IPv4 only"


def _observation(observed: DomainObservation) -> str:
    v4, v6 = observed.answer.a, observed.answer.aaaa
    if all(map(is_v4, v4.addresses)) and not any(map(is_v4, v6.addresses)):
        return ""
    return "an address is in the answer of the other family"


def _snapshot(snapshot: Snapshot) -> str:
    if not 0 <= snapshot.at <= _LAST_SECOND:
        return f"{snapshot.at} is not a time"
    wrong = next((name for name, one in snapshot.domains.items() if one.answer.domain != name), None)
    return "" if wrong is None else f"the answer of {wrong!r} is of another name"


def _policy(policy: Policy) -> str:
    wrong = next((name for name, domain in policy.domains.items() if domain.name != name), None)
    return "" if wrong is None else f"the domain {wrong!r} has another name"


def _recording(recording: Recording) -> str:
    stray = next(iter(recording.snapshot.domains.keys() - recording.policy.domains.keys()), None)
    return "" if stray is None else f"the policy lacks {stray!r}, which the snapshot has"


CHECKS: Mapping[type, Callable[[Any], str]] = {
    Held: _held,
    Nic: _nic,
    DomainObservation: _observation,
    Snapshot: _snapshot,
    Policy: _policy,
    Recording: _recording,
}
"""For a type, what is wrong with a value of it; "" if nothing is."""
