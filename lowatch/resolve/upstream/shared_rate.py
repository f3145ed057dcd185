"""Two engines that may ask the same nameservers, within one dns.max_qps."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from lowatch.config.settings import DnsSettings

_SHARE = 10
"""The second engine takes one of so many queries."""


class Settable(Protocol):
    def replace_settings(self, settings: DnsSettings) -> None: ...


def shares(settings: DnsSettings) -> tuple[DnsSettings, DnsSettings]:
    """For the first engine, and for the second: at least one query a second each."""
    few = max(1, settings.max_qps // _SHARE)
    return replace(settings, max_qps=max(1, settings.max_qps - few)), replace(settings, max_qps=few)


class SharedRate:
    """Tells both of other settings."""

    def __init__(self, first: Settable, second: Settable) -> None:
        self._first = first
        self._second = second

    def replace_settings(self, settings: DnsSettings) -> None:
        most, few = shares(settings)
        self._first.replace_settings(most)
        self._second.replace_settings(few)
