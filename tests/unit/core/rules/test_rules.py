"""The table of the rules."""

from __future__ import annotations

from typing import Any

from lowatch.core.arp import Arp, ArpSettings, Nic
from lowatch.core.findings import FindingKind
from lowatch.core.held import Link
from lowatch.core.judgement import JudgementMemo
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.rules import DOMAIN_RULES, HOST_RULES, LOOKS_AT
from lowatch.core.snapshot import Snapshot
from tests.unit.core.worlds import BLIND, VIP, VIP6, held, route, snapshot

_LOOSE = ArpSettings(0, 0)
_LEAKING = Known(Arp(_LOOSE, (Nic("eth0", _LOOSE, (), ()),)))
_LO = Known((Link(1, "lo", up=True, loopback=True),))
_HOSTS: list[dict[str, Any]] = [
    {"held": Known((held(VIP),)), "links": _LO},
    {"held": Known((held(VIP),)), "links": _LO, "arp": _LEAKING},
    {"held": Known((held(VIP), held("10.0.0.1", 8), route("10.9.0.0/16"))), "arp": _LEAKING},
    {"held": Known(()), "links": BLIND, "arp": _LEAKING},
    {"held": Known((held(VIP6),)), "links": _LO, "arp": BLIND},
    {"held": BLIND},
]
_POLICIES = (Policy(), Policy(expect=(VIP,)), Policy(expect=(VIP, VIP6), interfaces=("lo", "dummy*")))


class Watched:
    """A snapshot that notes what is looked at."""

    def __init__(self, taken: Snapshot) -> None:
        self._taken = taken
        self.looked_at: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.looked_at.add(name)
        return getattr(self._taken, name)


def test_every_kind_has_one_rule() -> None:
    assert set(DOMAIN_RULES) | set(HOST_RULES) == set(FindingKind)
    assert not set(DOMAIN_RULES) & set(HOST_RULES)


def test_a_rule_is_a_file_of_its_kinds_name() -> None:
    for kind, rule in {**DOMAIN_RULES, **HOST_RULES}.items():
        assert rule.__module__ == f"lowatch.core.rules.{kind.replace('-', '_')}"


def test_a_rule_whose_outcome_is_kept_looks_at_nothing_else() -> None:
    for kind, names in LOOKS_AT.items():
        looked_at: set[str] = set()
        for host in _HOSTS:
            for policy in _POLICIES:
                watched: Any = Watched(snapshot(**host))
                list(HOST_RULES[kind](watched, policy))
                looked_at |= watched.looked_at
        assert looked_at == set(names)


def test_an_outcome_is_kept_only_until_something_changes() -> None:
    memo, told = JudgementMemo(), []
    for host in [*_HOSTS, *reversed(_HOSTS)]:
        for policy in _POLICIES:
            taken = snapshot(**host)
            found = list(memo.of_host(taken, policy))
            assert (
                found == list(memo.of_host(taken, policy)) == list(JudgementMemo().of_host(taken, policy))
            )
            told.append(str(found))
    assert len(set(told)) > len(_HOSTS)
