"""The settings that are copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.kernel.rehearsal.copy import CopyError
from lowatch.kernel.rehearsal.settings import Settings
from lowatch.wire.copied_links import CopiedLink
from tests.support.netns import Netns

LO = CopiedLink(1, "lo", 0x49, v6=(("forwarding", 1), ("disable_ipv6", 1)))


def test_they_are_the_same_in_another_namespace(netns: Netns) -> None:
    names = ("ipv4.conf.all.promote_secondaries", "ipv6.conf.all.keep_addr_on_down")
    for name in names:
        netns.sysctl(f"net.{name}", 1)
    settings = Settings([LO])
    with netns.sibling().entered():
        for name in names:
            Path("/proc/sys/net", *name.split(".")).write_text("0")
        settings.write(CopyError)
        for name in (*names, "ipv6.conf.lo.forwarding", "ipv6.conf.lo.disable_ipv6"):
            assert Path("/proc/sys/net", *name.split(".")).read_text() == "1\n", name


def test_one_that_cannot_be_written(netns: Netns) -> None:
    settings = Settings([LO._replace(name="eth9")])
    with pytest.raises(CopyError, match=r"^net.ipv6.conf.eth9.forwarding cannot be set: No such file"):
        settings.write(CopyError)
