"""The files that name resolution depends on; tests/unit/resolve/views/test_resolver.py follows them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lowatch.config.settings import Nameserver
from lowatch.core.addresses import parse_address
from lowatch.resolve.system.name_service_files import NameFiles, NameFilesSource, NamePaths

WWW = "www.example.com"
VIP = parse_address("192.0.2.10")


@pytest.fixture
def paths(tmp_path: Path) -> NamePaths:
    names = ("hosts", "nsswitch.conf", "host.conf", "resolv.conf", "resolved", "nscd")
    return NamePaths(*(tmp_path / name for name in names))


def read(paths: NamePaths, before: NameFiles | None = None) -> NameFiles:
    return NameFilesSource(paths).read({WWW}, before or NameFiles())


def test_files_that_are_not_there_say_nothing(paths: NamePaths) -> None:
    files = read(paths)
    assert files.hosts.addresses == {}
    assert files.problems == files.unreadable == ()
    assert not files.nscd
    assert files.resolver.nameservers == frozenset()


def test_each_says_its_part(paths: NamePaths) -> None:
    paths.hosts.write_text(f"192.0.2.10 {WWW}\n192.0.2.11 {WWW}\n")
    paths.host_conf.write_text("multi on\n")
    paths.resolv_conf.write_text("nameserver 192.0.2.53\noptions no-aaaa\n")
    files = read(paths)
    assert files.hosts.addresses[WWW] == (VIP, parse_address("192.0.2.11"))
    assert files.multi
    assert files.resolver.nameservers == {Nameserver("192.0.2.53")}
    paths.host_conf.unlink()
    assert read(paths).hosts.addresses[WWW] == (VIP,)


def test_a_change_of_any_shows(paths: NamePaths) -> None:
    source = NameFilesSource(paths)
    files = read(paths)
    assert not source.changed(files)
    for path in paths:
        path.write_text("")
        os.utime(path, ns=(0, 0))
        assert source.changed(files), path
        files = read(paths)
        assert not source.changed(files), path


def test_one_that_cannot_be_read_keeps_what_it_said(paths: NamePaths) -> None:
    paths.hosts.write_text(f"192.0.2.10 {WWW}\n")
    before = read(paths)
    paths.hosts.unlink()
    paths.hosts.mkdir()
    after = read(paths, before)
    assert after.hosts == before.hosts
    [line] = after.unreadable
    assert line.startswith(f"{paths.hosts}: ")


def test_what_the_c_library_would_wait_for_is_named(paths: NamePaths) -> None:
    source = NameFilesSource(paths)
    paths.hosts.touch()
    assert source.endless() == ""
    os.mkfifo(paths.resolv_conf)
    assert source.endless() == f"{paths.resolv_conf} is not a regular file"


def test_systemd_resolved_runs_where_somebody_listens(paths: NamePaths) -> None:
    paths.nsswitch.write_text("hosts: resolve dns\n")
    assert not read(paths).switch.resolved
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.resolved))
        assert not read(paths).switch.resolved
        listener.listen()
        assert read(paths).switch.resolved
