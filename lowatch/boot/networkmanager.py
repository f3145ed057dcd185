"""NetworkManager's keyfiles (nm-settings-keyfile(5)), as its plugin `keyfile` loads them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from posixpath import basename, join

from lowatch.core.boot import Configured, Effect

from .source import Line, Source
from .text import Setting, Written, settings, written

BY = "NetworkManager"
_RUN = "/run/NetworkManager/system-connections"
_ETC = "/etc/NetworkManager/system-connections"
_LIB = "/usr/lib/NetworkManager/system-connections"
_DIRECTORIES = (_RUN, _ETC, _LIB)
"""The most important first: of profiles with one UUID, only the first counts."""
_SUFFIX = ".nmconnection"
_NO_PROFILE = re.compile(r"\..*|.*(?:~|\.pem|\.der|\.[A-Za-z0-9]{6})", re.DOTALL)
"""What it leaves alone in /etc, where a profile needs no suffix; six characters are mkstemp(3)'s."""
_MASK = re.compile(r"([0-9a-f-]{36})\.nmmeta")
"""A link to /dev/null, which masks the profile of a UUID: `nmcli connection delete` of one in /usr/lib."""
_ADDRESS = re.compile(r"address(?:es)?(?:0|[1-9][0-9]*)?")
_ROUTE = re.compile(r"routes?(?:0|[1-9][0-9]*)?")
_DEFAULT_LENGTH = {"ipv4": "24", "ipv6": "64"}
_WITH_ADDRESSES = {
    "ipv4": frozenset({"auto", "manual", "shared"}),
    "ipv6": frozenset({"auto", "dhcp", "manual", "shared"}),
}


@dataclass(slots=True)
class _Profile:
    """A keyfile. values: of several settings of one key in one section, the last.

    refused: why NetworkManager does not load it, or "".
    """

    file: str
    values: dict[tuple[str, str], Setting] = field(default_factory=dict)
    refused: str = ""
    modified: int = 0

    @property
    def uuid(self) -> str:
        """Without one, NetworkManager makes it from the name of the file."""
        return self.value("connection", "uuid") or basename(self.file)

    @property
    def at_run_time(self) -> bool:
        """Whether it mirrors what others configured, or replaces another profile until the next boot."""
        return any(section == ".nmmeta" for section, _ in self.values)

    def value(self, section: str, key: str) -> str:
        setting = self.values.get((section, key))
        return setting.value if setting else ""

    def addresses(self) -> Iterator[tuple[Setting, bool]]:
        """What adds an address, or (True) a local route."""
        for (section, key), setting in self.values.items():
            if section not in _DEFAULT_LENGTH:
                continue
            if _ADDRESS.fullmatch(key):
                yield setting, False
            elif _ROUTE.fullmatch(key) and "type=local" in self.value(section, f"{key}_options").split(","):
                yield setting, True


def read(source: Source) -> Iterator[Configured]:
    seen: set[str] = set()
    for directory in _DIRECTORIES:
        names = source.directory(directory)
        for name in names:
            if (mask := _MASK.fullmatch(name)) and source.is_null(join(directory, name)):
                seen.add(mask[1])
        profiles = [
            _profile(join(directory, name), source) for name in names if _is_profile(directory, name)
        ]
        profiles = [profile for profile in profiles if not profile.at_run_time]
        newest: dict[str, _Profile] = {}
        for profile in sorted(profiles, key=lambda each: each.modified, reverse=True):
            if not profile.refused and profile.uuid not in seen:
                newest.setdefault(profile.uuid, profile)
        for profile in profiles:
            if profile.refused or newest.get(profile.uuid) is profile:
                yield from _configured(profile, source)
        seen.update(newest)


def _is_profile(directory: str, name: str) -> bool:
    if directory == _ETC:
        return not _NO_PROFILE.fullmatch(name)
    return name.endswith(_SUFFIX) and not name.startswith(".")


def _profile(file: str, source: Source) -> _Profile:
    profile = _Profile(file)
    lines = [
        Line(number, text)
        for number, line in enumerate(source.lines(file), 1)
        if (text := line.strip()) and not text.startswith("#")
    ]
    for setting in settings(lines):
        profile.values[setting.section, setting.key] = setting
    status = source.status(file)
    if status is not None:
        profile.modified = status.st_mtime_ns
        profile.refused = _insecure(status)
    profile.refused = profile.refused or _odd(lines) or _contradiction(profile)
    return profile


def _insecure(status: os.stat_result) -> str:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        return f"not loaded: its mode {mode:04o} is insecure"
    return "not loaded: its owner is not root" if status.st_uid else ""


def _odd(lines: Iterable[Line]) -> str:
    """A line that is neither a section nor a setting; "" if there is none."""
    odd = (line.number for line in lines if "=" not in line.text and not line.text.startswith("["))
    number = next(odd, None)
    return "" if number is None else f"not loaded: line {number} is not understood"


def _contradiction(profile: _Profile) -> str:
    """A method with which there must not be any address; "" if there is none."""
    for setting, is_route in profile.addresses():
        method = profile.value(setting.section, "method")
        if not is_route and method not in _WITH_ADDRESSES[setting.section]:
            key = f"{setting.section}.method"
            return f"not loaded: no addresses with {key}={method}" if method else f"not loaded: no {key}"
    return ""


def _configured(profile: _Profile, source: Source) -> Iterator[Configured]:
    file, interface = profile.file, profile.value("connection", "interface-name") or None
    effect, note = _effect(profile, interface)
    for setting, is_route in profile.addresses():
        if is_route and profile.value(setting.section, "method") in ("disabled", "ignore"):
            continue
        address = _written(setting)
        if address is None:
            source.cannot_read(file, f"{setting.value} is not an address", setting.line)
        else:
            yield Configured(*address, interface, file, setting.line, BY, effect, note, is_route)


def _effect(profile: _Profile, interface: str | None) -> tuple[Effect, str]:
    """What the profile does at boot, and the note."""
    if profile.refused:
        return Effect.NAMES, profile.refused
    if profile.value("connection", "autoconnect") in ("false", "0"):
        return Effect.MAY_ADD, "not at boot: autoconnect=false"
    if profile.value("connection", "permissions"):
        return Effect.MAY_ADD, "while a user whom its permissions name is logged in"
    if profile.file.startswith(_RUN) and basename(profile.file).startswith("netplan-"):
        return Effect.ADDS, "made from netplan's files"
    return Effect.ADDS, "" if interface else "on the interface that the profile is activated on"


def _written(setting: Setting) -> Written | None:
    """The address of A/P, A/P,GATEWAY or the old A;P;GATEWAY; and of A, which implies a length."""
    address, *more = re.split("[/,;]", setting.value.removesuffix(";"))
    length = more[0] if more else _DEFAULT_LENGTH[setting.section]
    if len(more) > (3 if _ROUTE.fullmatch(setting.key) else 2) or not length.isdecimal():
        return None
    return written(f"{address}/{length}")
