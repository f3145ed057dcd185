"""What a person points at: DOMAIN[:PORT[/PROTO]], or for explain ADDRESS[:PORT[/PROTO]] as well."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, format_address, parse_port
from lowatch.core.policy import Domain

from .names import is_address, parse_domain
from .schema import Config


class DomainTarget(NamedTuple):
    """port: None where none was given, which means the default ports."""

    name: str
    port: Port | None = None

    def __str__(self) -> str:
        return _with_port(self.name, self.port)


class AddressTarget(NamedTuple):
    address: Address
    port: Port | None = None

    def __str__(self) -> str:
        text = format_address(self.address)
        return _with_port(f"[{text}]" if ":" in text and self.port else text, self.port)


ExplainTarget = DomainTarget | AddressTarget


@dataclass(frozen=True, slots=True)
class Mention:
    """One place that names a domain. ports: its own, () where the default ones apply."""

    name: str
    ports: tuple[Port, ...] = ()
    unit: str | None = None


def _with_port(text: str, port: Port | None) -> str:
    return text if port is None else f"{text}:{port}"


def parse_target(text: str) -> DomainTarget:
    """A domain, with a port or without. Raises ValueError with one clear line."""
    host, port = _split(text)
    return DomainTarget(parse_domain(host), port)


def parse_explain_target(text: str) -> ExplainTarget:
    """A domain or an address, with a port or without. Raises ValueError with one clear line."""
    host, port = _split(text)
    if not is_address(host):
        return DomainTarget(parse_domain(host), port)
    return AddressTarget(parse_plain_address(host.strip("[]")), port)


def parse_plain_address(text: str) -> Address:
    """An address and nothing more: no prefix length, no port, no scope. Raises ValueError."""
    if "/" in text:
        raise ValueError(f"{text!r} is a prefix (write one address, without a length)")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 or IPv6 address") from None
    if "%" in text:
        raise ValueError(f"{text!r} has a scope (write the address alone)")
    return Address(address.packed)


def _split(text: str) -> tuple[str, Port | None]:
    """The host as written (with brackets, if any), and the port."""
    if "://" in text or is_address(text):
        return text, None
    if "/" in text and _is_prefix(text):
        raise ValueError(f"{text!r} is a prefix (name one address or domain)")
    host, colon, port = text.rpartition(":")
    if not colon:
        if "/" in text:
            raise ValueError(f"{text!r} has a slash but no port (write DOMAIN:PORT/PROTO)")
        return text, None
    if ":" in host and not is_address(host):
        raise ValueError(f"{text!r} has more than one colon (write DOMAIN:PORT or [ADDRESS]:PORT)")
    try:
        return host, parse_port(port)
    except ValueError as error:
        raise ValueError(f"{text!r} has a bad port, {error}") from None


def _is_prefix(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def merge_mentions(mentions: Iterable[Mention], default_ports: tuple[Port, ...]) -> dict[str, Domain]:
    """One Domain for each name, with all ports that any mention requires, in the order given.

    A domain that nobody gave ports of its own has the default ones, any of which will do. The first
    unit named stands; that there is no other is for the caller to see to.
    """
    own: dict[str, dict[Port, None]] = {}
    units: dict[str, str] = {}
    for mention in mentions:
        own.setdefault(mention.name, {}).update(dict.fromkeys(mention.ports))
        if mention.unit is not None:
            units.setdefault(mention.name, mention.unit)
    return {
        name: Domain(
            name=name,
            ports=tuple(ports) or default_ports,
            any_of=not ports,
            unit=units.get(name),
        )
        for name, ports in own.items()
    }


def with_targets(config: Config, targets: Iterable[DomainTarget]) -> Config:
    """The configuration with these domains in place of its own."""
    mentions = (Mention(target.name, () if target.port is None else (target.port,)) for target in targets)
    domains: Mapping[str, Domain] = merge_mentions(mentions, config.ports)
    return replace(config, policy=replace(config.policy, domains=domains))
