"""systemd-networkd's .network files, with their drop-ins (systemd.network(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import join

from lowatch.core.boot import Configured, Effect

from .source import Line, Source
from .text import Setting, settings, written

BY = "networkd"
_DIRECTORIES = (
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
    "/lib/systemd/network",
)
"""The most important first: of files with one name, only the first counts."""
_MAGIC = frozenset("*?[!")


@dataclass(slots=True)
class _Network:
    """A .network file with its drop-ins, as one. matches: the settings of [Match] by key."""

    name: str
    matches: dict[str, list[str]] = field(default_factory=dict)
    settings: list[tuple[str, Setting]] = field(default_factory=list)

    @property
    def interfaces(self) -> list[str | None]:
        """The interfaces that [Match] names; None for those that it does not spell out."""
        names = self.matches.get("Name", [])
        if not names or any(_MAGIC & set(name) for name in names):
            return [None]
        return [*names]

    @property
    def takes(self) -> frozenset[str]:
        """The interfaces that match for certain, so that no later file applies to them."""
        if set(self.matches) != {"Name"}:
            return frozenset()
        return frozenset(name for name in self.interfaces if name is not None)


def read(source: Source) -> Iterator[Configured]:
    taken: dict[str, str] = {}
    for name, path in sorted(_files(source, _DIRECTORIES, ".network").items()):
        network = _network(name, path, source)
        for interface in network.interfaces:
            yield from _configured(network, interface, taken.get(interface or ""), source)
        for interface in network.takes:
            taken.setdefault(interface, name)


def _files(source: Source, directories: tuple[str, ...], suffix: str) -> dict[str, str]:
    """The path of each file by its name. One that is masked (empty, or /dev/null) is left out later."""
    files: dict[str, str] = {}
    for directory in directories:
        for name in source.directory(directory):
            if name.endswith(suffix):
                files.setdefault(name, join(directory, name))
    return files


def _network(name: str, path: str, source: Source) -> _Network:
    network = _Network(name)
    main = _lines(path, source)
    if not main:
        return network  # masked: its drop-ins do not count either
    drop_ins = _files(source, tuple(join(place, f"{name}.d") for place in _DIRECTORIES), ".conf")
    parts = [(path, main)]
    parts += [(file, _lines(file, source)) for _, file in sorted(drop_ins.items())]
    for file, lines in parts:
        for setting in settings(lines):
            if setting.section == "Match":
                _match(network, setting)
            else:
                network.settings.append((file, setting))
    return network


def _lines(file: str, source: Source) -> list[Line]:
    """The lines of a file; none if it is masked."""
    return [] if source.is_null(file) else list(source.logical_lines(file, "#;"))


def _match(network: _Network, setting: Setting) -> None:
    """Several lines of one key are one list; an empty one starts it again."""
    if not setting.value:
        network.matches.pop(setting.key, None)
    else:
        network.matches.setdefault(setting.key, []).extend(setting.value.split())


def _configured(
    network: _Network, interface: str | None, other: str | None, source: Source
) -> Iterator[Configured]:
    effect, note = Effect.ADDS, ""
    if other is not None:
        effect, note = Effect.NAMES, f"{other} applies to {interface} instead"
    elif interface is None:
        note = f"on interfaces that {network.name} matches"
    for file, setting in _addresses(network):
        found = written(setting.value)
        is_route = setting.key == "Destination"
        if found is None:
            source.cannot_read(file, f"{setting.value} is not an address", setting.line)
        elif any(found.address):  # networkd chooses an address itself where the file has 0.0.0.0 or ::
            note_here = note
            if file.startswith("/run/systemd/network/10-netplan-"):
                note_here = f"made from netplan's files{', ' if note else ''}{note}"
            yield Configured(*found, interface, file, setting.line, BY, effect, note_here, is_route)


def _addresses(network: _Network) -> list[tuple[str, Setting]]:
    """What adds an address or a local route. An empty Address= in [Network] drops all before."""
    found: list[tuple[str, Setting]] = []
    in_sections: dict[tuple[str, int], tuple[str, Setting]] = {}
    local = {
        (file, setting.section_line)
        for file, setting in network.settings
        if (setting.section, setting.key, setting.value) == ("Route", "Type", "local")
    }
    for file, setting in network.settings:
        section = (file, setting.section_line)
        if (setting.section, setting.key) == ("Network", "Address"):
            if setting.value:
                found.append((file, setting))
            else:
                found.clear()
                in_sections.clear()
        elif (setting.section, setting.key) == ("Address", "Address") or (
            (setting.section, setting.key) == ("Route", "Destination") and section in local
        ):
            in_sections[section] = file, setting  # of several in one section, the last counts
    return found + [each for each in in_sections.values() if each[1].value]
