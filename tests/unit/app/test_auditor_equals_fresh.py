"""Whatever an auditor has been through: what it says is what a new one would say.

With every change marked, at once; with marks lost, after the next sweep. Changes come between audits and
in the middle of them, wherever an audit gives the loop its turn.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowatch.app import local_domains as domains_module
from lowatch.app.orphan_series import OrphanValues
from lowatch.core.findings import Finding
from lowatch.core.judgement import Judgement
from lowatch.core.listeners import Endpoint
from lowatch.core.policy import Policy
from lowatch.core.snapshot import DomainObservation, Snapshot
from lowatch.core.verdicts import OrphanKey, Verdict
from tests.unit.app.changes import NAMES, Change, beginning, changes, connects, policy
from tests.unit.app.scripted import Watch, World


class Followed(Watch):
    """With lo_orphan_vip's values, from audit to audit."""

    def __init__(self, world: World, policy: Policy) -> None:
        super().__init__(world, policy)
        self.orphans = OrphanValues()

    def audit(self, tracked: Collection[str] = ()) -> tuple[Snapshot, Judgement]:
        snapshot, judgement = super().audit(tracked)
        self.orphans.update(snapshot, judgement)
        return snapshot, judgement

    def check_series(self, snapshot: Snapshot, judgement: Judgement) -> None:
        """What is known has its value; what is not has one at most; all else has none."""
        known = {}
        maybe = {
            (name, address) for name, view in snapshot.domains.items() for address, _ in view.undecided
        }
        for name, judged in judgement.domains.items():
            for one in judged.endpoints:
                if one.verdict is Verdict.UNKNOWN:
                    maybe.add((name, one.address))
                else:
                    known[OrphanKey(one.interface, one.address, name, one.port)] = one.verdict
        for key, verdict in known.items():
            assert self.orphans.values[key] == (verdict is Verdict.ORPHAN)
        rest = self.orphans.values.keys() - known.keys()
        assert {(key.domain, key.address) for key in rest} <= maybe


def truth(observed: tuple[Snapshot, Judgement]) -> dict[str, Any]:
    """All of an audit that does not depend on when it was made, or in which order."""
    snapshot, judgement = observed
    return {
        "held": snapshot.held,
        "links": snapshot.links,
        "prefixes": snapshot.prefixes,
        "black holes": snapshot.black_holes,
        "arp": snapshot.arp,
        "views": {name: without_past(view) for name, view in snapshot.domains.items()},
        "referenced": snapshot.referenced,
        "unresolved": snapshot.unresolved,
        "lo up": snapshot.loopback_up,
        "endpoints": {name: judged.endpoints for name, judged in judgement.domains.items()},
        "findings": {finding.subject.key: without_memory(finding) for finding in judgement.findings},
        "undecided": {
            (one.kind, one.domain, one.address, one.port, one.family) for one in judgement.undecided
        },
    }


def without_past(view: DomainObservation) -> DomainObservation:
    """What a connect() met is evidence that may be a minute old; the verdicts say what follows from it.

    A new process has not seen who served before.
    """
    local = [
        one._replace(ports=tuple(port._replace(connect=None, last_served=None) for port in one.ports))
        for one in view.local
    ]
    return view._replace(local=tuple(local))


def without_memory(finding: Finding) -> Finding:
    """Without who served before."""
    message = finding.message.removesuffix(f"; {finding.last_served}")
    return replace(finding, message=message, last_served=None)


def fresh(watch: Watch, last: tuple[Snapshot, Judgement]) -> dict[str, Any]:
    """What a new process would see of the same world, now, with the connects that the last audit knows.

    While DNS fails, a new process would not make those to endpoints that were orphans before.
    """
    new = Watch(watch.world, watch.policy, watch.clock)
    new.auditor.connects.request(
        Endpoint(local.address, port.port)
        for view in last[0].domains.values()
        for local in view.local
        for port in local.ports
        if port.connect is not None
    )
    return truth(new.audit())


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five names are three slices."""
    monkeypatch.setattr(domains_module, "_CHUNK", 2)


several = st.lists(
    st.tuples(changes, st.sampled_from(["then audit", "in the middle", "and go on"])), max_size=12
)
sometimes_lost = st.lists(
    st.tuples(
        st.one_of(changes, connects),
        st.sampled_from(["then audit", "then sweep", "in the middle", "and go on", "lost", "lost", "lost"]),
    ),
    max_size=14,
)
examples = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@examples
@given(several)
def test_with_every_change_marked(steps: list[tuple[Change, str]]) -> None:
    watch = Followed(beginning(), policy(NAMES))
    watch.audit()
    run(watch, steps)
    last = watch.audit()
    assert not watch.auditor.marked
    assert truth(last) == fresh(watch, last)
    watch.check_series(*last)


@examples
@given(sometimes_lost)
def test_with_marks_lost_after_the_next_sweep(steps: list[tuple[Change, str]]) -> None:
    watch = Followed(beginning(), policy(NAMES))
    watch.sweep()
    run(watch, steps)
    watch.clock.monotonic += 60.0  # what a connect() met is believed no longer
    last = watch.sweep()
    assert truth(last) == fresh(watch, last)
    watch.check_series(*last)


def run(watch: Watch, steps: list[tuple[Change, str]]) -> None:
    """As time goes by. An audit takes changes that wait for the middle of one, one at each turn."""
    waiting: list[Change] = []

    def during() -> None:
        if waiting:
            happen(watch, waiting.pop(0))

    watch.during = during
    for change, when in steps:
        watch.clock.monotonic += 7.0
        if when == "in the middle":
            waiting.append(change)
        elif when == "lost":
            change.apply(watch)
        else:
            happen(watch, change)
        if when == "then audit":
            watch.audit()
        elif when == "then sweep":
            watch.sweep()
    watch.during = lambda: None
    for change in waiting:
        happen(watch, change)


def happen(watch: Watch, change: Change) -> None:
    change.apply(watch)
    change.mark(watch)
