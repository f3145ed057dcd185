"""InputDevices: by which device packets to an address arrive."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import Address, Port
from lowatch.core.held import Delivery
from lowatch.core.limits.kernel import KERNEL_ANSWERS_KEPT
from lowatch.core.listeners import Endpoint
from lowatch.kernel.input_devices import LOOPBACK_INDEX, InputDevices

HTTP = Port(80, "tcp")


def address(number: int) -> Address:
    return Address(number.to_bytes(4, "big"))


def http(number: int) -> Endpoint:
    return Endpoint(address(number), HTTP)


def test_lo_unless_routing_says_otherwise() -> None:
    input_devices = InputDevices()
    input_devices.learn(address(1), Delivery(True, 7, 32))
    assert (input_devices.device(http(1)), input_devices.device(http(2))) == (7, LOOPBACK_INDEX)
    input_devices.learn(address(1), Delivery(True, 7, 32))
    input_devices.learn(address(1), Delivery(True, LOOPBACK_INDEX, 32))
    assert (input_devices.device(http(1)), input_devices.generation) == (LOOPBACK_INDEX, 2)


def test_a_port_may_have_a_device_of_its_own_until_the_address_alone_decides() -> None:
    input_devices = InputDevices()
    https = Endpoint(address(1), Port(443, "tcp"))
    input_devices.learn(address(1), Delivery(True, 8, 32))
    for _ in range(2):
        input_devices.learn_flow(http(1), LOOPBACK_INDEX)
        input_devices.learn_flow(https, 8)
    assert [input_devices.device(one) for one in (http(1), https)] == [LOOPBACK_INDEX, 8]
    assert input_devices.generation == 2
    for _ in range(2):
        input_devices.forget_flows()
    assert (input_devices.device(http(1)), input_devices.generation) == (8, 3)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KERNEL_ANSWERS_KEPT, "value", 3)
    input_devices = InputDevices()
    for number in range(5):
        input_devices.learn(address(number), Delivery(True, 7, 32))
    devices = [input_devices.device(http(number)) for number in range(5)]
    assert devices == [LOOPBACK_INDEX, LOOPBACK_INDEX, 7, 7, 7]
