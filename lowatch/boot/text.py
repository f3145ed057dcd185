"""Pieces of text that several programs have in common: addresses, masks, INI files."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lowatch.core.addresses import Address

from .source import Line


class Written(NamedTuple):
    """An address as a file has it. length: None where it has no prefix length."""

    address: Address
    length: int | None


def written(text: str, mask: str | None = None) -> Written | None:
    """The address in `192.0.2.1`, `192.0.2.1/24` or `192.0.2.1/255.255.255.0`; None if it is none.

    mask: a prefix length or netmask that the file gives elsewhere.
    """
    has_length = "/" in text
    try:
        interface = ipaddress.ip_interface(text if has_length or not mask else f"{text}/{mask}")
    except ValueError:
        if not mask or has_length:
            return None
        return written(text)
    length = interface.network.prefixlen if has_length or mask else None
    return Written(Address(interface.ip.packed), length)


class Setting(NamedTuple):
    """A line KEY=VALUE. section_line: where its section starts, which tells sections of one name apart."""

    section: str
    section_line: int
    key: str
    value: str
    line: int


def settings(lines: Iterable[Line], separators: str = "=") -> Iterator[Setting]:
    """The settings of an INI file. Lines that are neither a section nor a setting are ignored."""
    section, section_line = "", 0
    for number, text in lines:
        if text.startswith("[") and text.endswith("]"):
            section, section_line = text[1:-1].strip(), number
            continue
        places = [place for separator in separators if (place := text.find(separator)) > 0]
        if places:
            place = min(places)
            yield Setting(section, section_line, text[:place].strip(), text[place + 1 :].strip(), number)
