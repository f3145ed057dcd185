from __future__ import annotations

from dataclasses import replace

from lowatch import __version__
from lowatch.app.record import elsewhere, record, routes
from lowatch.config.settings import Config
from lowatch.core.addresses import parse_address, parse_port, parse_prefix
from lowatch.core.explanation import RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.recording.recording import Recording
from tests.unit.app.scripted import Watch, World, at, holds, listens, policy_of, resolves, serves
from tests.unit.app.story import SECOND, SHOP, VIP, WWW

FAR, GONE = "far.example.com", "gone.example.com"
ELSEWHERE, LOST = parse_address("198.51.100.7"), parse_address("198.51.100.8")
EXPECTED = parse_address("192.0.2.99")


def watch() -> Watch:
    world = World(
        held={holds("192.0.2.10/32"), holds("192.0.2.20/24")},
        answers={
            WWW: resolves(WWW, VIP),
            FAR: resolves(FAR, ELSEWHERE, LOST),
            GONE: resolves(GONE, a="no"),
        },
        serving={at(VIP): listens(at(VIP))},
        no_route={LOST},
    )
    names = (serves("80"), serves("80", SHOP), serves("80", FAR), serves("80", GONE))
    return Watch(world, policy_of(*names, expect=(EXPECTED,)))


def recorded(watched: Watch) -> Recording:
    snapshot, _ = watched.audit()
    config = Config(ports=(parse_port("8080"),))
    return record(snapshot, watched.policy, watched.auditor.followed(), config)


def test_what_an_audit_saw() -> None:
    watched = watch()
    found = recorded(watched)
    assert (found.lowatch, found.policy, found.ports) == (
        __version__,
        watched.policy,
        (parse_port("8080"),),
    )
    assert found.followed == watched.auditor.followed()
    assert list(found.snapshot.domains) == [WWW]


def test_names_that_lead_elsewhere() -> None:
    watched = watch()
    found = recorded(watched)
    assert {one.domain for one in found.not_resolved} == {SHOP, GONE}
    assert elsewhere(found, watched.resolver) == (watched.world.answers[FAR],)


def test_the_route_of_every_address() -> None:
    watched = watch()
    found = recorded(watched)
    found = replace(found, elsewhere=elsewhere(found, watched.resolver))
    local = {one: RouteAnswer(True, parse_prefix(f"{text}/32"), "lo") for one, text in NAMED.items()}
    assert routes(found, watched.host) == {
        **local,
        EXPECTED: RouteAnswer(True, parse_prefix("192.0.2.0/24"), "lo"),
        ELSEWHERE: RouteAnswer(False, None, "", watched=False),
        LOST: Unknown("netlink", "the receive buffer overran"),
    }


NAMED = {VIP: "192.0.2.10", SECOND: "192.0.2.20"}


def test_nothing_at_all() -> None:
    watched = Watch(World(), policy_of())
    assert routes(recorded(watched), watched.host) == {}
