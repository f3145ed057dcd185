"""Which setting of ARP is in effect: tests/kernel_behaviour/test_arp.py asks the kernel."""

from __future__ import annotations

from lowatch.core.arp import ArpSettings


def test_the_greater_number_of_each_is_in_effect() -> None:
    assert ArpSettings(1, 0).combined(ArpSettings(0, 2)) == ArpSettings(1, 2)
    assert ArpSettings(8, 1).combined(ArpSettings(2, 1)) == ArpSettings(8, 1)
