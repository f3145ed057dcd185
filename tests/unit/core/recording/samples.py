"""Random values of any type that is recorded, and recordings of scripted worlds."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import fields
from enum import StrEnum
from random import Random
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lowatch.core.addresses import Address, Port, Prefix, parse_address, prefix_of
from lowatch.core.known import Known
from lowatch.core.listeners import Connect
from lowatch.core.policy import Acknowledgement, Policy
from lowatch.core.recording.recording import Recording
from tests.unit.core.worlds import FULL, NGINX, VIP, VIP6, answer, domain, held, local, seen, snapshot, view

WWW, MAIL = "www.example.com", "mail.example.com"
ODD = ("", "a", "ünïcode", "\x1b[31m", 'quo"te\\', "\ud800", "192.0.2.1", "x" * 300)


def sample(annotation: Any, random: Random) -> Any:
    """A value of the type, rarely a default one."""
    origin, parts = get_origin(annotation), get_args(annotation)
    some = range(random.choice((0, 1, 1, 3)))
    if annotation in ATOMS:
        return ATOMS[annotation](random)
    if origin in (Union, types.UnionType):
        return sample(random.choice(parts), random)
    if origin is Literal:
        return random.choice(parts)
    if origin is Known:
        return Known(sample(parts[0], random))
    if origin is tuple and parts[-1] is not Ellipsis:
        return tuple(sample(part, random) for part in parts)
    if origin is tuple:
        return tuple(sample(parts[0], random) for _ in some)
    if origin in (frozenset, Collection):
        return frozenset(sample(parts[0], random) for _ in some)
    if origin is Mapping:
        return {sample(parts[0], random): sample(parts[1], random) for _ in some}
    if issubclass(annotation, StrEnum):
        return random.choice(list(annotation))
    names = getattr(annotation, "_fields", None) or [one.name for one in fields(annotation) if one.init]
    hints = get_type_hints(annotation)
    return annotation(**{name: sample(hints[name], random) for name in names})


def _address(random: Random) -> Address:
    return Address(random.randbytes(random.choice((4, 16))))


def _prefix(random: Random) -> Prefix:
    address = _address(random)
    return prefix_of(address, random.randrange(len(address) * 8 + 1))


ATOMS: dict[Any, Any] = {
    str: lambda random: random.choice(ODD),
    int: lambda random: random.choice((0, -1, 1, 4711, 2**64 - 1, 2**128)),
    bool: lambda random: random.random() < 0.5,
    float: lambda random: random.choice((0.0, 1.5, -2.25, 1e9, 1 / 3)),
    types.NoneType: lambda _: None,
    Address: _address,
    Port: lambda random: Port(random.randrange(65536), random.choice(("tcp", "udp"))),
    Prefix: _prefix,
}


def recording(**rest: Any) -> Recording:
    """www.example.com, served at one address and dead at another; mail.example.com, with a full queue."""
    dead = local(VIP6, *seen(("80/tcp", None, Connect.REFUSED), ("443/tcp", None, Connect.REFUSED)))
    domains = {
        WWW: view(local(VIP, *seen(("80/tcp", NGINX), ("443/tcp", NGINX))), dead),
        MAIL: view(local(VIP, *seen(("25/tcp", FULL))), of=answer(VIP, name=MAIL)),
    }
    policy = Policy(
        domains={WWW: domain(), MAIL: domain(MAIL, "25", any_of=False)},
        expect=(parse_address("192.0.2.99"),),
        acknowledgements=(Acknowledgement(4e9, "known", "missing-vip"),),
    )
    host = snapshot(
        held(VIP, label="lo:vip"), held(VIP6), domains=domains, referenced=frozenset({VIP, VIP6})
    )
    return Recording("0.1.0", policy, host, **rest)
