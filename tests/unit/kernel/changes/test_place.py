"""Where an undo applies."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from lowatch.core.changes.rows import ChangeError
from lowatch.kernel.changes import place
from lowatch.kernel.changes.place import new_undo
from tests.support.netns import Netns


def test_each_network_namespace_has_its_own(netns: Netns) -> None:
    here = new_undo(5.0)
    assert (here.host, here.made_at, here.entries) == (platform.node(), 5.0, ())
    assert here == new_undo(5.0)
    with netns.sibling().entered():
        there = new_undo(5.0)
    assert there == here._replace(netns=there.netns)
    assert there.netns != here.netns


def test_without_proc_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_BOOT", Path("/nowhere"))
    with pytest.raises(ChangeError, match=r"^/nowhere: No such file or directory$"):
        new_undo(0.0)
