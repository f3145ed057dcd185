"""A recording may come from anybody: whatever is in it, it is judged or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from lowatch.app.replay import NotRecordedError, explain_recorded, replay
from lowatch.config.targets import AddressTarget, DomainTarget
from lowatch.core.addresses import parse_address
from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.held import BlackHole, Link
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.recording.difference import differences
from lowatch.core.recording.parse import RecordingError, parse_recording
from lowatch.core.recording.recording import Recording
from lowatch.core.recording.redaction import redacted
from lowatch.core.surroundings import Route, Surroundings
from lowatch.report import json_report
from lowatch.report.metrics import audit as metrics
from lowatch.report.recording import render_recording
from lowatch.report.text import audit as text
from lowatch.report.text import difference, explanation
from tests.support.worlds import first_seed
from tests.unit.app.changes import DOMAINS, NAMES, VIPS
from tests.unit.app.scripted import Watch, World, at, holds, listens, offers, resolves
from tests.unit.core.recording.samples import ODD, recording
from tests.unit.core.worlds import parse_prefix, wide

FILES = 500
JUNK = (None, True, 0, -1, 33, 2**63, 1e18, -1e18, 0.5, "", [], {}, *ODD, ["a"], {"unknown": 3})
TEXTS = ("0.0.0.0", "::", "192.0.2.0/24", "::/0", "0/udp", "65535/tcp", "lo", NAMES[0], "*", "unknown")


def scripted() -> Recording:
    """With something of every kind."""
    world = World(
        held={holds("192.0.2.10/24"), holds("198.51.0.0/16", "route"), holds("2001:db8::1/64")},
        answers={
            NAMES[0]: resolves(NAMES[0], *VIPS),
            NAMES[3]: resolves(NAMES[3], VIPS[1], aaaa="SERVFAIL"),
            NAMES[-1]: offers(NAMES[-1], ("im.example.com", "443", VIPS[0])),
        },
        serving={at(VIPS[0]): listens(at(VIPS[0]), full=True)},
    )
    policy = Policy(domains=DOMAINS, expect=(parse_address("203.0.113.1"),), probe=True)
    snapshot, _ = Watch(world, policy).audit()
    nic = Nic("eth0", ArpSettings(0, 1), (VIPS[0],), (parse_prefix("192.0.2.0/24"),))
    assert isinstance(snapshot.held, Known)
    snapshot = replace(
        snapshot,
        arp=Known(Arp(ArpSettings(0, 0), (nic,))),
        links=Known((Link(1, "lo", up=False, loopback=True),)),
        prefixes=Known((wide("198.51.0.0/16"),)),
        black_holes=Known((BlackHole(parse_prefix("2001:db8::/64"), "lo", snapshot.held.value[-1]),)),
        surroundings=Known(Surroundings(routes=(Route(parse_prefix("::/0"), "unicast", ("eth0",)),))),
    )
    return Recording("0.1.0", policy, snapshot)


PLAIN = [json.loads(render_recording(one)) for one in (scripted(), recording())]


def places(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Every container, with a key or index of it."""
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield plain, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutated(random: Random) -> bytes:
    plain = json.loads(json.dumps(random.choice(PLAIN)))
    for _ in range(random.choice((1, 1, 2, 5))):
        every = list(places(plain))
        (container, key), (other, from_key) = random.choice(every), random.choice(every)
        same = [one[key] for one, name in every if name == key]
        match random.randrange(7):
            case 0:
                container[key] = random.choice(JUNK)
            case 1:
                container[key] = random.choice(TEXTS)
            case 2:
                del container[key]
            case 3:
                container[key] = json.loads(json.dumps(other[from_key]))
            case 4 if isinstance(container, dict):
                container[random.choice((*TEXTS, str(from_key)))] = container[key]
            case _:  # of the right type, mostly
                container[key] = json.loads(json.dumps(random.choice(same)))
    content = json.dumps(plain).encode()
    if random.random() < 0.1:
        start = random.randrange(len(content))
        return content[:start] + random.randbytes(random.randrange(3)) + content[start + 1 :]
    return content


def use(content: bytes) -> bool:
    """Everything that may be done with a file. Whether it was accepted."""
    recorded, refusal = None, ""
    try:
        recorded = parse_recording(content)
    except RecordingError as error:
        refusal = str(error)
    if recorded is None:
        assert "\n" not in refusal
        assert 0 < len(refusal) < 500
        return False
    replayed = replay(recorded)
    json.loads(json_report.render_audit(replayed.audit))
    assert metrics.render_audit(replayed.audit).body
    text.render(replayed.audit, colour=True, width=80).encode("ascii")
    for target in (*map(DomainTarget, recorded.policy.domains), AddressTarget(VIPS[0])):
        with suppress(NotRecordedError):
            shown = explain_recorded(target, recorded)
            explanation.render(shown, colour=False, width=80).encode("ascii")
    found = list(differences(replayed, replay(recording())))
    difference.render(replayed.audit, replayed.audit, found, colour=False).encode("ascii")
    assert parse_recording(render_recording(recorded)) == recorded
    replay(parse_recording(render_recording(redacted(recorded, b"key"))))
    return True


def test_damaged_and_hostile_files() -> None:
    first, accepted = first_seed(), 0
    for seed in range(first, first + FILES):
        content = mutated(Random(seed))
        try:
            accepted += use(content)
        except Exception as error:
            pytest.fail(f"seed {seed}: {error!r}\n{content!r:.3000}")
    assert FILES / 20 < accepted < FILES * 0.9
