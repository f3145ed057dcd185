"""A watched interface that does not exist is mentioned, once for as long as that lasts."""

from __future__ import annotations

import pytest

from lowatch.app.host_observation import AbsentInterfaces
from lowatch.core.held import Link
from lowatch.core.known import Known, Unknown
from lowatch.core.policy import Policy

LO, DUMMY = Link(1, "lo", up=True, loopback=True), Link(7, "dummy0", up=True)


def test_said_once_until_it_comes_and_goes(caplog: pytest.LogCaptureFixture) -> None:
    absent = AbsentInterfaces()
    policy = Policy(("lo", "dummy0", "kube-*"))
    unknown = Unknown("netlink", "overrun")
    said = []
    for links in (Known((LO,)), Known((LO,)), unknown, Known((LO,)), Known((LO, DUMMY)), Known((LO,))):
        caplog.clear()
        absent.log_new(policy, links)
        said.append([record.getMessage() for record in caplog.records])
    line = "interface dummy0 does not exist, continuing: it may appear later"
    assert said == [[line], [], [], [], [], [line]]


def test_globs_may_match_nothing(caplog: pytest.LogCaptureFixture) -> None:
    AbsentInterfaces().log_new(Policy(("du?my", "kube-*", "eth[01]")), Known(()))
    assert caplog.records == []
