"""Finds disagreements between a verdict and the result of a client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lowatch.core.policy import Policy
from lowatch.core.verdicts import JudgedEndpoint, Verdict

from .audits import Audits, Judged
from .clients import ClientResult, Met, Target
from .stage import Opened
from .world import REDIRECT_FROM, Named, World

_ANSWERED = (Verdict.SERVED, Verdict.CAPTURED, Verdict.BACKLOGGED, Verdict.FILTERED, Verdict.REDIRECTED)


def disagreements(
    world: World, opened: Sequence[Opened], audits: Audits, outcomes: Mapping[Target, ClientResult]
) -> list[str]:
    """The disagreements, a line each. There must be none."""
    comparison = _Comparison(world, opened, outcomes)
    lines = [f"lowatch could not tell: {problem}" for problem in audits.problems]
    for domain in world.names:
        for target in targets_of(domain):
            judged = audits.with_probe.get((domain.name, target))
            found = comparison.verdict(judged, target) if judged else comparison.ignored(target)
            lines += [f"{domain.name} {' '.join(map(str, target))}: {line}" for line in found]
    lines += _lookups_differ(audits)
    lines += [line for one in world.names if one.any_of for line in _any_of(one, audits.with_probe)]
    return lines


def targets_of(domain: Named) -> Iterator[Target]:
    return (Target(address, *port) for address in domain.addresses for port in domain.ports)


def expects_answer(verdict: Verdict) -> bool:
    return verdict in (Verdict.SERVED, Verdict.REDIRECTED, Verdict.ORPHAN, Verdict.UNUSED)


class _Comparison:
    def __init__(
        self, world: World, opened: Sequence[Opened], outcomes: Mapping[Target, ClientResult]
    ) -> None:
        self._world = world
        self._outcomes = outcomes
        self._groups = {one.inode: one.group for one in opened}
        self._full_groups = {one.group for one in opened if one.full and one.spec.reuseport}
        self._watches = Policy(world.watched).watches

    def verdict(self, judged: JudgedEndpoint, target: Target) -> Iterator[str]:
        outcome = self._outcomes[target]
        if not self._fits(judged, outcome, target):
            inode = f" by inode {judged.listener.inode}" if judged.listener else ""
            yield f"lowatch says {judged.verdict}{inode}; a client met: {outcome}"
        devices = self._world.devices_of(target.address)
        if judged.interface not in devices:
            yield f"lowatch says local through {judged.interface}, not {', '.join(devices) or 'at all'}"

    def _fits(self, judged: JudgedEndpoint, outcome: ClientResult, target: Target) -> bool:
        met, taker = outcome.met, outcome.taker
        group = self._groups.get(judged.listener.inode) if judged.listener else None
        same = taker is not None and group is not None and taker.group == group
        nobody = Met.SILENCE if self._world.lo_down else Met.REFUSED
        match judged.verdict:
            case Verdict.SERVED | Verdict.CAPTURED:
                return same or (met is Met.SILENCE and group in self._full_groups)
            case Verdict.BACKLOGGED:
                return met is Met.SILENCE or (same and group in self._full_groups)
            case Verdict.REDIRECTED:
                return met is Met.TAKEN and (taker is None or taker.spec.port != target.port)
            case Verdict.FILTERED:
                return self._world.lo_down and met is Met.SILENCE
            case Verdict.ORPHAN | Verdict.UNUSED:
                return met is nobody
            case Verdict.UNKNOWN:  # the kernel answers everything except a redirect to nowhere
                return met is Met.SILENCE and target.port == REDIRECT_FROM

    def ignored(self, target: Target) -> Iterator[str]:
        """A target without an endpoint must not be local through a watched interface."""
        outcome = self._outcomes[target]
        if outcome.met not in (Met.TAKEN, Met.REFUSED):
            return
        if target.port == REDIRECT_FROM:  # an answer there does not show where the address is
            return
        devices = self._world.devices_of(target.address)
        if all(self._watches(device) for device in devices):
            yield f"lowatch says not local; a client met: {outcome}"
        held = sorted(filter(self._watches, self._world.surely_on(target.address)))
        if held:
            yield f"lowatch ignores it though held on {', '.join(held)}; a client met: {outcome}"


def _lookups_differ(audits: Audits) -> Iterator[str]:
    """Without the probe a verdict must be the same, unless only a connect() shows the difference."""
    for key in audits.with_probe.keys() | audits.lookups_only.keys():
        verdicts = [judged[key].verdict if key in judged else None for judged in audits[:2]]
        if verdicts[0] is Verdict.REDIRECTED:
            verdicts[0] = Verdict.ORPHAN
        if verdicts[0] != verdicts[1] and verdicts[0] is not Verdict.UNUSED:
            yield f"{key}: {verdicts[0]} with the probe, {verdicts[1]} without"


def _any_of(domain: Named, judged: Judged) -> Iterator[str]:
    """An endpoint must be UNUSED exactly if another any-of port of the same address is answered."""
    for address in domain.addresses:
        verdicts = [
            judged[key].verdict
            for port in domain.ports
            if (key := (domain.name, Target(address, *port))) in judged
        ]
        answered = any(verdict in _ANSWERED for verdict in verdicts)
        wrong = Verdict.ORPHAN if answered else Verdict.UNUSED
        if wrong in verdicts:
            yield f"{domain.name} {address}: any of its ports, and they are {', '.join(verdicts)}"
