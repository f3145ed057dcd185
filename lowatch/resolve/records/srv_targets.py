"""Which SRV names name a host as their target: what changes of the host changes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator


class ServiceTargets:
    """The targets of SRV records, both ways. Few, as a rule."""

    def __init__(self) -> None:
        self._targets: dict[str, frozenset[str]] = {}
        self._services: dict[str, set[str]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._services

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    def of(self, domain: str) -> Collection[str]:
        return self._targets.get(domain, ())

    def domains_of(self, names: Iterable[str]) -> set[str]:
        """These names, and the SRV names that have one of them as a target."""
        found = set(names)
        if self._services:
            for name in [name for name in found if name in self._services]:
                found |= self._services[name]
        return found

    def replace(self, domain: str, targets: Iterable[str]) -> set[str]:
        """An SRV name has these from now on. The names that were nobody's target before."""
        before, after = self._targets.pop(domain, frozenset()), frozenset(targets)
        for target in before - after:
            self._services[target].discard(domain)
            if not self._services[target]:
                del self._services[target]
        new = {target for target in after if target not in self._services}
        for target in after:
            self._services.setdefault(target, set()).add(domain)
        if after:
            self._targets[domain] = after
        return new

    def retain(self, domains: Collection[str]) -> None:
        for domain in [domain for domain in self._targets if domain not in domains]:
            self.replace(domain, ())
