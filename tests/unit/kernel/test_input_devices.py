"""Arrivals: by which device packets to an address arrive."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Address
from lowatch.core.held import Delivery
from lowatch.core.limits import KERNEL_ANSWERS_KEPT
from lowatch.kernel.input_devices import LOOPBACK_INDEX, Arrivals


def address(number: int) -> Address:
    return Address(number.to_bytes(4, "big"))


def test_lo_unless_routing_says_otherwise() -> None:
    arrivals, changes = Arrivals(), []
    arrivals.on_change(lambda: changes.append(1))
    arrivals.learn(address(1), Delivery(True, 7, 32))
    assert (arrivals.device(address(1)), arrivals.device(address(2))) == (7, LOOPBACK_INDEX)
    arrivals.learn(address(1), Delivery(True, 7, 32))
    arrivals.learn(address(1), Delivery(True, LOOPBACK_INDEX, 32))
    assert (arrivals.device(address(1)), len(changes)) == (LOOPBACK_INDEX, 2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KERNEL_ANSWERS_KEPT, "value", 3)
    arrivals = Arrivals()
    for number in range(5):
        arrivals.learn(address(number), Delivery(True, 7, 32))
    devices = [arrivals.device(address(number)) for number in range(5)]
    assert devices == [LOOPBACK_INDEX, LOOPBACK_INDEX, 7, 7, 7]
