"""lowatch.resolve.system.resolv_conf: resolv.conf(5), as found on hosts."""

from __future__ import annotations

import os
from pathlib import Path

from lowatch.config.settings import DnsSettings, Nameserver
from lowatch.resolve.system.resolv_conf import NameserverSource
from tests.support.descriptors import no_descriptor_left


def test_configured_nameservers_come_once_and_are_not_read_again(tmp_path: Path) -> None:
    servers = (Nameserver("192.0.2.53"), Nameserver("192.0.2.53"))
    source = NameserverSource(DnsSettings(nameservers=servers), tmp_path / "resolv.conf")
    assert source.current.servers == servers[:1]
    assert source.current.problems == ()
    assert not source.refresh()


def test_a_missing_file_is_a_problem_until_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    source = NameserverSource(DnsSettings(), path)
    assert source.current.servers == ()
    assert source.current.problems == (f"{path}: No such file or directory: no nameserver known",)
    assert not source.refresh()
    path.write_text("nameserver 192.0.2.53\n")
    assert source.refresh()
    assert source.current.servers == (Nameserver("192.0.2.53"),)
    assert source.current.problems == ()


def test_a_change_that_could_not_be_read_is_read_once_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.53\n")
    source = NameserverSource(DnsSettings(), path)
    path.write_text("nameserver 192.0.2.54\n")
    os.utime(path, ns=(1, 1))  # it is no longer being written
    with no_descriptor_left():
        assert source.refresh()
        assert source.current.servers == (Nameserver("192.0.2.53"),)
        assert not source.refresh()
    assert source.refresh()
    assert source.current.servers == (Nameserver("192.0.2.54"),)
    assert source.current.problems == ()


def test_it_follows_what_a_symbolic_link_leads_to(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"nameserver 192.0.2.{len(name)}\n# {name}\n")
        os.utime(tmp_path / name, ns=(1, 1))  # the same size and time: told apart by the inode
    (tmp_path / "two").write_text("nameserver 192.0.2.9\n# two\n")
    os.utime(tmp_path / "two", ns=(1, 1))
    path.symlink_to("one")
    source = NameserverSource(DnsSettings(), path)
    assert source.current.servers == (Nameserver("192.0.2.3"),)
    path.unlink()
    path.symlink_to("two")
    assert source.refresh()
    assert source.current.servers == (Nameserver("192.0.2.9"),)
    assert not source.refresh()
