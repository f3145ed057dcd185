"""Judges what was observed once more: from a recording of it, and from a redacted one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lowatch.core.addresses import Address, Prefix, host_length, prefix_of
from lowatch.core.findings import Subject
from lowatch.core.judgement import Judgement, judge
from lowatch.core.policy import Policy
from lowatch.core.recording.parse import parse_recording
from lowatch.core.recording.recording import Recording
from lowatch.core.recording.redaction import pseudonyms_of, redacted
from lowatch.core.snapshot import Snapshot
from lowatch.report.recording import render_recording

KEY = b"a key for tests"


def said(judgement: Judgement) -> dict[str, Any]:
    """In whatever order."""
    return {
        "domains": judgement.domains,
        "findings": {one.key: one for one in judgement.findings},
        "undecided": set(judgement.undecided),
    }


def assert_replays(snapshot: Snapshot, policy: Policy, judgement: Judgement) -> None:
    """What was judged live is judged again, and the same of other names and addresses."""
    recording = Recording("0.1.0", policy, snapshot)
    again = parse_recording(render_recording(recording))
    assert again == recording
    assert said(judge(again.snapshot, again.policy)) == said(judgement)
    hidden = parse_recording(render_recording(redacted(recording, KEY)))
    assert shape(judge(hidden.snapshot, hidden.policy), hidden, lambda prefix: prefix) == shape(
        judgement, recording, pseudonyms_of(recording, KEY).prefix
    )


def shape(judgement: Judgement, recording: Recording, place: Callable[[Prefix], Prefix]) -> dict[str, Any]:
    """What is said but for names and texts. Domains are numbered in the order of the policy's."""
    order = {name: number for number, name in enumerate(recording.policy.domains)}

    def at(address: Address | None, length: int | None = None) -> Prefix | None:
        return None if address is None else place(prefix_of(address, length or host_length(address)))

    def of(subject: Subject) -> Any:
        acknowledged = recording.policy.acknowledged(subject, recording.snapshot.at) is not None
        where = at(subject.address, subject.prefixlen)
        return subject.kind, where, order.get(subject.domain or ""), subject.port, acknowledged

    return {
        "endpoints": {
            (order[name], at(one.address), one.port, one.verdict, one.view, one.listener is None)
            for name, judged in judgement.domains.items()
            for one in judged.endpoints
        },
        "findings": {(of(one.subject), len(one.fix), bool(one.advice)) for one in judgement.findings},
        "undecided": {
            (one.kind, order.get(one.domain or ""), at(one.address), one.port, one.family)
            for one in judgement.undecided
        },
    }
