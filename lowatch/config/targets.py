"""Parses targets: DOMAIN[:PORT[/PROTO]], and for explain also ADDRESS[:PORT[/PROTO]]."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from lowatch.core.addresses import Address, Port, format_address, parse_port
from lowatch.core.policy import is_srv_name

from .domain_names import is_address, is_plain, parse_domain

_PORT_LENGTH = len("65535/tcp")


class DomainTarget(NamedTuple):
    """A domain, perhaps with a port. port: None means the default ports."""

    name: str
    port: Port | None = None

    def __str__(self) -> str:
        return _with_port(self.name, self.port)


class AddressTarget(NamedTuple):
    """An address, perhaps with a port. port: None means all expected ports."""

    address: Address
    port: Port | None = None

    def __str__(self) -> str:
        text = format_address(self.address)
        return _with_port(f"[{text}]" if ":" in text and self.port else text, self.port)


ExplainTarget = DomainTarget | AddressTarget


def _with_port(text: str, port: Port | None) -> str:
    return text if port is None else f"{text}:{port}"


def parse_target(text: str) -> DomainTarget:
    """A domain, perhaps with a port. Raises ValueError with one line."""
    host, colon, port_text = text.partition(":")
    if is_plain(host) and host[0] != "_":  # nearly all targets, in a quarter of the time
        if not colon:
            return DomainTarget(host)
        with suppress(ValueError):  # the general way reports the error
            return DomainTarget(host, port_of(port_text))
    return domain_target(*split_target(text))


def parse_explain_target(text: str) -> ExplainTarget:
    """A domain or an address, perhaps with a port. Raises ValueError with one line."""
    host, port = split_target(text)
    if not is_address(host):
        return domain_target(host, port)
    return AddressTarget(parse_plain_address(host.strip("[]")), port)


def domain_target(host: str, port: Port | None) -> DomainTarget:
    """Raises ValueError with one line."""
    name = parse_domain(host)
    if port is not None:
        refuse_srv_ports(name)
    return DomainTarget(name, port)


def refuse_srv_ports(name: str) -> None:
    """Raises ValueError for an SRV name, whose ports come from SRV records only."""
    if is_srv_name(name):
        raise ValueError(f"{name!r} takes its ports from its SRV records (give it none)")


def port_of(text: str) -> Port:
    """Like parse_port(), but returns the same object for the same text."""
    return _port(text) if len(text) <= _PORT_LENGTH else parse_port(text)


_port = lru_cache(maxsize=256)(parse_port)


def parse_plain_address(text: str) -> Address:
    """An address without prefix length, port or scope. Raises ValueError."""
    if "/" in text:
        raise ValueError(f"{text!r} is a prefix (write one address, without a length)")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 or IPv6 address") from None
    if "%" in text:
        raise ValueError(f"{text!r} has a scope (write the address alone)")
    return Address(address.packed)


def split_target(text: str) -> tuple[str, Port | None]:
    """The host as written, perhaps in brackets, and the port. Raises ValueError with one line."""
    if "://" in text or is_address(text):
        return text, None
    if "/" in text and _is_prefix(text):
        raise ValueError(f"{text!r} is a prefix (give one address or domain)")
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
