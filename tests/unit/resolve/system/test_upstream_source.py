"""Whom to ask that is no stub of systemd-resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.resolve.system.upstream_source import UpstreamSource

STUB, OTHER_STUB, REAL = Nameserver("127.0.0.53"), Nameserver("127.0.0.54"), Nameserver("192.0.2.53")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "resolv.conf", tmp_path / "behind.conf"


def source(files: tuple[Path, Path], *configured: Nameserver) -> UpstreamSource:
    return UpstreamSource(DnsSettings(configured or None), files[0], behind_stub=files[1])


def test_nameservers_that_are_no_stub_are_used_alone(files: tuple[Path, Path]) -> None:
    assert source(files, STUB, REAL, OTHER_STUB).current.servers == (REAL,)
    local = Nameserver("127.0.0.53", 5353)
    assert source(files, local).current.servers == (local,), "no stub listens there"
    files[0].write_text("nameserver 127.0.0.53\nnameserver 192.0.2.53\noptions timeout:3\n")
    found = source(files).current
    assert (found.servers, found.timeout, found.problems) == ((REAL,), 3.0, ())


def test_behind_the_stub_are_those_that_systemd_resolved_asks(files: tuple[Path, Path]) -> None:
    files[0].write_text("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
    files[1].write_text("nameserver 192.0.2.53\n")
    found = source(files)
    assert (found.current.servers, found.current.problems) == ((REAL,), ())
    assert not found.refresh()
    files[1].write_text("nameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    assert found.refresh()
    assert found.current.servers == (REAL, Nameserver("192.0.2.54"))
    files[0].write_text("nameserver 192.0.2.55\n")
    assert found.refresh()
    assert found.current.servers == (Nameserver("192.0.2.55"),)


@pytest.mark.parametrize("behind", [None, "nameserver 127.0.0.54\n", "# none\n"])
def test_if_nobody_else_is_known_nobody_is_asked(files: tuple[Path, Path], behind: str | None) -> None:
    if behind is not None:
        files[1].write_text(behind)
    found = source(files, STUB).current
    assert found.servers == ()
    assert found.problems[-1] == "no nameserver but systemd-resolved's stub is known"


def test_without_any_nameserver_that_is_the_problem(files: tuple[Path, Path]) -> None:
    found = source(files).current
    assert found.servers == ()
    assert found.problems == (f"{files[0]}: No such file or directory: no nameserver known",)
