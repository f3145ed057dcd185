"""new(): the same value as the class makes."""

from __future__ import annotations

from lowatch.core.addresses import Address, Port
from lowatch.core.listeners import Endpoint
from lowatch.core.values import new

VIP, HTTP = Address(b"\xc0\0\2\n"), Port(80, "tcp")


def test_new_makes_what_the_class_makes() -> None:
    made = new(Endpoint, (VIP, HTTP))
    assert type(made) is Endpoint
    assert made == Endpoint(VIP, HTTP)
    assert (made.address, made.port, hash(made)) == (VIP, HTTP, hash(Endpoint(VIP, HTTP)))
