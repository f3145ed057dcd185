"""Finds disagreements between what the daemon shows and the results of clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.clients import ClientResult, Met, Target
from tests.support.daemon import Daemon

from .scene import ANY_OF, PORTS, WATCHED, ZONE, Scene

_FAILED = (Met.REFUSED, Met.NOT_SENT)


def disagreements(scene: Scene, daemon: Daemon, outcomes: Mapping[Target, ClientResult]) -> list[str]:
    rows = {
        (row["domain"], Target(row["address"], row["port"], row["protocol"])): row
        for row in daemon.audit()["endpoints"]
    }
    series = daemon.orphans()
    judge = _Judge(scene, outcomes)
    lines = []
    for name, targets in scene.targets().items():
        for target in targets:
            row = rows.pop((f"{name}.{ZONE}", target), None)
            found = [*judge.verdict(name, target, row), *_series(row, series)]
            lines += [f"{name} {' '.join(map(str, target))}: {line}" for line in found]
    lines += [f"{name} {' '.join(map(str, target))}: does not resolve there" for name, target in rows]
    return lines + [f"a series of nobody: {one}" for one in series]


class _Judge:
    def __init__(self, scene: Scene, outcomes: Mapping[Target, ClientResult]) -> None:
        self._scene = scene
        self._outcomes = outcomes
        self._filters = {one.target: one.action for one in scene.filters}

    def verdict(self, name: str, target: Target, row: dict[str, Any] | None) -> Iterator[str]:
        outcome = self._outcomes[target]
        verdict = row["verdict"] if row else None
        if verdict is None:
            if self._is_ignored(target, outcome.met):
                yield f"no endpoint; a client met: {outcome}"
        elif not self._fits(name, target, verdict, outcome):
            yield f"{verdict}; a client met: {outcome}"

    def _fits(self, name: str, target: Target, verdict: str, outcome: ClientResult) -> bool:
        met = outcome.met
        match verdict:
            case "served":  # a listener behind a firewall, or NAT to another host, is not probed
                return met is Met.TAKEN or target in self._filters
            case "redirected":
                return met is Met.TAKEN
            case "orphan":
                return met in _FAILED
            case "unused":  # it need not be served, so only a sweep checks it
                return True
            case "filtered":  # a datagram arrives, its reply does not; a bound device leads it back
                by_device = outcome.taker is not None and outcome.taker.spec.device is not None
                excused = target.protocol == "udp" or by_device or target in self._filters
                return met is not Met.TAKEN or excused
            case "unknown":
                siblings = PORTS[name] if name in ANY_OF else (target[1:],)
                return any(self._cannot_be_known(Target(target.address, *port)) for port in siblings)
        return False

    def _cannot_be_known(self, target: Target) -> bool:
        natted = target.protocol == "udp" and self._filters.get(target) == "dnat"
        led_away = not self._scene.device(target)  # another host may serve it, even without NAT
        return natted or led_away or self._outcomes[target].met is Met.SILENCE

    def _is_ignored(self, target: Target, met: Met) -> bool:
        """Whether it leads here through a watched interface, although it has no endpoint."""
        if met not in (Met.TAKEN, Met.REFUSED) or target in self._filters:
            return False
        return self._scene.device(target) in WATCHED


def _series(row: dict[str, Any] | None, series: dict[str, float]) -> Iterator[str]:
    """Removes the endpoint's series from `series`. Yields a line if it contradicts the verdict."""
    if row is None:
        return
    labels = {
        "interface": row["interface"],
        "address": row["address"],
        "domain": row["domain"],
        "port": row["port"],
        "protocol": row["protocol"],
    }
    value = series.pop("lo_orphan_vip{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}", None)
    if row["verdict"] != "unknown" and value != (row["verdict"] == "orphan"):
        yield f"{row['verdict']}, and its series is {value}"
