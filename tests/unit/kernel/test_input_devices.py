"""InputDevices: by which device packets to an address arrive."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Address
from lowatch.core.held import Delivery
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT
from lowatch.kernel.input_devices import LOOPBACK_INDEX, InputDevices


def address(number: int) -> Address:
    return Address(number.to_bytes(4, "big"))


def test_lo_unless_routing_says_otherwise() -> None:
    input_devices, changes = InputDevices(), []
    input_devices.on_change(lambda: changes.append(1))
    input_devices.learn(address(1), Delivery(True, 7, 32))
    assert (input_devices.device(address(1)), input_devices.device(address(2))) == (7, LOOPBACK_INDEX)
    input_devices.learn(address(1), Delivery(True, 7, 32))
    input_devices.learn(address(1), Delivery(True, LOOPBACK_INDEX, 32))
    assert (input_devices.device(address(1)), len(changes)) == (LOOPBACK_INDEX, 2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KERNEL_ANSWERS_KEPT, "value", 3)
    input_devices = InputDevices()
    for number in range(5):
        input_devices.learn(address(number), Delivery(True, 7, 32))
    devices = [input_devices.device(address(number)) for number in range(5)]
    assert devices == [LOOPBACK_INDEX, LOOPBACK_INDEX, 7, 7, 7]
