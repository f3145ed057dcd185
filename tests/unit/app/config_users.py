"""A configuration in force, and those who go by it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lowatch.app.config_in_force import ConfigInForce
from lowatch.config.settings import Config, DnsSettings
from lowatch.core.policy import Policy

SYSTEM_FILE = Path("/etc/hosts")


class ConfigUser:
    """Implements every collaborator of ConfigInForce. replaced: what it was given, in order."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.policies: list[Policy] = []
        self.settings: list[DnsSettings] = []
        self.paths: list[list[Path]] = []

    def replace_settings(self, settings: DnsSettings) -> None:
        self.replaced.append("settings")
        self.settings.append(settings)

    def replace_watches(self, policy: Policy) -> None:
        self.replaced.append("watches")

    def replace_policy(self, policy: Policy) -> None:
        self.replaced.append("policy")
        self.policies.append(policy)

    def replace_paths(self, paths: Iterable[Path]) -> None:
        self.replaced.append("paths")
        self.paths.append(list(paths))


def in_force(config: Config, user: ConfigUser | None = None, *, activated: bool = False) -> ConfigInForce:
    user = user or ConfigUser()
    return ConfigInForce(config, user, user, user, user, [SYSTEM_FILE], activated=activated)
