"""Files that the daemon follows: names that come and go with theirs, and /etc/hosts, written in place."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, API = "www.example.com", "api.example.com"
ZONE = {"example.com": "www A 192.0.2.10\napi A 192.0.2.20"}
SOON = 'hold = "0s"'


@pytest.fixture
def held(netns: Netns) -> Netns:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.ip("addr add 192.0.2.20/32 dev lo")
    return netns


def domains(daemon: Daemon) -> set[str]:
    return {name.split('domain="')[1].split('"')[0] for name in daemon.orphans()}


def replaced(path: Path, text: str) -> None:
    """As editors and configuration tools do it: another file, renamed over."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.rename(path)


def test_names_come_and_go_with_their_files(held: Netns, tmp_path: Path) -> None:
    folder = tmp_path / "names.d"
    folder.mkdir()
    names = folder / "web.txt"
    names.write_text(f"{WWW} 80\n")
    tables = f'[[domains_from]]\npath = "{folder}/*.txt"\n[[domains_from]]\npath = "sd.json"'
    with Knot(ZONE) as knot, Daemon(tmp_path, configuration(knot, SOON, tables=tables)) as daemon:
        assert domains(daemon) == {WWW}
        daemon.until_logged(f"{tmp_path}/sd.json: no such file, continuing")
        problems = [one["message"] for one in daemon.audit()["problems"] if one["source"] == "config"]
        assert problems == [f"{tmp_path}/sd.json: no such file"]
        assert not daemon.audit()["complete"]

        (tmp_path / "sd.json").write_text(f'[{{"targets": ["{API}:443"]}}]')
        daemon.until(lambda: domains(daemon) == {WWW, API})
        assert daemon.audit()["problems"] == [] or all(
            one["source"] != "config" for one in daemon.audit()["problems"]
        )

        replaced(names, f"not/a/domain\n{API} 8443\n")
        daemon.until(lambda: domains(daemon) == {API})
        daemon.until_logged(f"{names}:1: ")
        daemon.until(lambda: daemon.announced("orphan-vip").count("resolved") == 1)


def test_a_file_of_names_that_cannot_be_read_keeps_its_names(held: Netns, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text(f"{WWW} 80\n{API} 80\n")
    tables = '[[domains_from]]\npath = "names.txt"'
    with Knot(ZONE) as knot, Daemon(tmp_path, configuration(knot, SOON, tables=tables)) as daemon:
        assert domains(daemon) == {WWW, API}
        names.unlink()
        os.mkfifo(names)
        daemon.until(lambda: "cannot be read now, keeping its domains" in daemon.log)
        assert domains(daemon) == {WWW, API}
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: "reload failed" in daemon.log)
        assert domains(daemon) == {WWW, API}
        names.unlink()
        names.write_text(f"{WWW} 80\n")
        daemon.until(lambda: domains(daemon) == {WWW})


def hosts_at(path: Path) -> list[str]:
    """What runs a command with that file in the place of /etc/hosts, as containers have it."""
    own = "[ -e /etc/hosts ] || { mount -t tmpfs none /etc; touch /etc/hosts; }"  # as in the barest chroot
    bind = f'{own}; mount --bind "{path}" /etc/hosts; exec "$@"'
    return ["unshare", "--mount", "sh", "-ec", bind, "sh"]


def test_what_etc_hosts_says_is_what_counts_at_once(held: Netns, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    top = f'{SOON}\ndomains = ["{WWW}:80"]'
    with Knot({"example.com": "www A 198.51.100.1"}) as knot:
        text = configuration(knot, top)
        with Daemon(tmp_path, text, prefix=hosts_at(hosts)) as daemon:
            assert daemon.orphans() == {}
            hosts.write_text(f"127.0.0.1 localhost\n192.0.2.10 {WWW}\n")
            daemon.until(lambda: daemon.orphan(WWW) == 1)
            daemon.until(lambda: daemon.announced("views-disagree") == ["firing"])
            (endpoint,) = daemon.audit()["endpoints"]
            assert (endpoint["view"], endpoint["address"]) == ("hosts", "192.0.2.10")
            (told,) = (one for one in daemon.alerts if one.kind == "orphan-vip")
            assert "/etc/hosts" in told.text
            hosts.write_text("127.0.0.1 localhost\n")
            daemon.until(lambda: daemon.announced("views-disagree") == ["firing", "resolved"])
            daemon.until(lambda: daemon.orphans() == {})
