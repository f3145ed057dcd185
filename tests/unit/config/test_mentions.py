"""Mentions of one domain are merged."""

from __future__ import annotations

from lowatch.config.mentions import (
    Mention,
    merge_mentions,
    with_targets,
)
from lowatch.config.settings import Config
from lowatch.config.targets import DomainTarget
from lowatch.core.addresses import Port
from lowatch.core.policy import DEFAULT_PORTS, Domain, Policy

HTTPS = Port(443, "tcp")


ALTERNATE = Port(8443, "tcp")


DNS = Port(53, "udp")


def test_a_domain_without_ports_serves_any_of_the_default_ones() -> None:
    assert merge_mentions([Mention("a.example")], (HTTPS,)) == {
        "a.example": Domain("a.example", (HTTPS,), any_of=True)
    }


def test_own_ports_are_each_required_and_add_up() -> None:
    mentions = [
        Mention("a.example", (HTTPS,)),
        Mention("b.example", (DNS,)),
        Mention("a.example"),
        Mention("a.example", (ALTERNATE, HTTPS)),
    ]
    assert merge_mentions(mentions, DEFAULT_PORTS) == {
        "a.example": Domain("a.example", (HTTPS, ALTERNATE), any_of=False),
        "b.example": Domain("b.example", (DNS,), any_of=False),
    }


def test_further_mentions_leave_what_they_add_to_as_it_is() -> None:
    first = merge_mentions([Mention("a.example", (HTTPS,)), Mention("b.example")], DEFAULT_PORTS)
    second = merge_mentions([Mention("a.example", (DNS, DNS)), Mention("c.example")], DEFAULT_PORTS, first)
    assert list(first) == ["a.example", "b.example"]
    assert first["a.example"].ports == (HTTPS,)
    assert list(second) == ["a.example", "b.example", "c.example"]
    assert second["a.example"].ports == (HTTPS, DNS)


def test_domains_that_are_alike_share_what_they_have() -> None:
    mentions = [Mention(f"{number}.example", (Port(443, "tcp"),)) for number in range(3)]
    specs = merge_mentions(mentions, DEFAULT_PORTS).specs.values()
    assert len({id(spec) for spec in specs}) == 1


def test_targets_replace_the_configured_domains_and_nothing_else() -> None:
    config = Config(
        policy=Policy(domains={"old.example": Domain("old.example")}, hold=7.0), ports=(ALTERNATE,)
    )
    changed = with_targets(config, [DomainTarget("new.example"), DomainTarget("own.example", DNS)])
    assert changed.policy.domains == {
        "new.example": Domain("new.example", (ALTERNATE,), any_of=True),
        "own.example": Domain("own.example", (DNS,), any_of=False),
    }
    assert (changed.policy.hold, changed.ports) == (7.0, (ALTERNATE,))
