"""Work in another network namespace, in real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lowatch.core import netns as names
from lowatch.kernel import netns as kernel_netns
from lowatch.kernel.netns import NetnsError, enter, run_inside, why_lost
from tests.support.netns import Netns


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def in_a_thread() -> str:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(here()))
    thread.start()
    thread.join()
    return found[0]


def test_the_work_and_its_threads_are_inside(netns: Netns) -> None:
    other = netns.sibling()
    with other.entered():
        there = here()
    assert there != here()
    assert run_inside(other.path, here) == there
    assert run_inside(other.path, in_a_thread) == there
    assert here() != there


def test_sysctls_are_those_of_the_namespace(netns: Netns) -> None:
    other = netns.sibling()
    netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    other.sysctl("net.ipv4.conf.all.arp_ignore", 2)
    setting = Path("/proc/sys/net/ipv4/conf/all/arp_ignore")
    assert (setting.read_text(), run_inside(other.path, setting.read_text)) == ("1\n", "2\n")


def test_what_the_work_raises(netns: Netns) -> None:
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        run_inside(netns.sibling().path, work)


@pytest.fixture
def blue(netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Netns:
    """A namespace with the name blue; `etc/blue` has its files."""
    monkeypatch.setattr(names, "_DIRECTORIES", (f"{tmp_path}/run/",))
    monkeypatch.setattr(kernel_netns, "ETC", tmp_path / "etc")
    other = netns.sibling()
    for directory in "run", "etc":
        (tmp_path / directory).mkdir()
    (tmp_path / "run/blue").symlink_to(other.path)
    return other


def test_its_files_are_mounted_over_those_of_etc(blue: Netns, tmp_path: Path) -> None:
    """For the work alone. A file that is not about names is left out."""
    hosts = Path("/etc/hosts")
    before = hosts.read_text()
    assert run_inside("blue", hosts.read_text) == before
    for name in "blue", "red":
        (tmp_path / "etc" / name).mkdir()
        (tmp_path / "etc" / name / "hosts").write_text(f"192.0.2.1 {name}\n")
    (tmp_path / "etc/blue/passwd").write_text("")
    passwd = Path("/etc/passwd")
    assert run_inside("blue", lambda: (hosts.read_text(), passwd.read_text())) == (
        "192.0.2.1 blue\n",
        passwd.read_text(),
    )
    assert run_inside(blue.path, hosts.read_text) == before
    assert hosts.read_text() == before


def test_a_file_that_cannot_be_mounted(blue: Netns, tmp_path: Path) -> None:
    (tmp_path / "etc/blue/hosts").mkdir(parents=True)
    with pytest.raises(
        NetnsError, match=r"^cannot mount .*/etc/blue/hosts over /etc/hosts: Not a directory$"
    ):
        run_inside("blue", here)


def test_names_that_lead_nowhere(blue: Netns, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "old").touch()  # what is left of a name when its mount is gone
    (run / "mnt").symlink_to("/proc/self/ns/mnt")
    os.mkfifo(run / "fifo")
    (run / "here").mkdir()
    for name in "old", "mnt", "fifo", "here":
        with pytest.raises(NetnsError, match=f"^{run}/{name} is not a network namespace$"):
            run_inside(name, here)
    with pytest.raises(NetnsError, match=f"^the network namespace red does not exist \\({run}/red\\)$"):
        run_inside("red", here)
    with pytest.raises(NetnsError, match=r"^the network namespace /no/where does not exist$"):
        run_inside("/no/where", here)
    with pytest.raises(NetnsError, match=r"^cannot open the network namespace x+: File name too long$"):
        run_inside("x" * 256, here)


def test_a_device_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording may name any path, and a watchdog that was opened and closed resets the host."""
    monkeypatch.setattr(os, "open", lambda path, *_: pytest.fail(f"{path} was opened"))
    with pytest.raises(NetnsError, match=r"^/dev/null is not a network namespace$"):
        run_inside("/dev/null", here)


def test_the_namespace_outlives_its_name(blue: Netns, tmp_path: Path) -> None:
    """The name may be removed, or given to another namespace, meanwhile."""
    with blue.entered():
        there = here()
    name = tmp_path / "run/blue"

    def work() -> str:
        name.unlink()
        name.symlink_to("/proc/self/ns/net")
        return in_a_thread()

    assert run_inside("blue", work) == there


def test_no_thread(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    other = netns.sibling()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NetnsError, match=r"^can't start new thread$"):
        run_inside(other.path, here)


def test_a_process_enters_where_it_is_not_yet(blue: Netns) -> None:
    with blue.entered():
        there = here()
    before = here()
    with netns_kept():
        enter("blue")
        assert here() == there
        enter("blue")
        assert here() == there
    assert here() == before


def test_whether_a_name_still_leads_here(netns: Netns, blue: Netns, tmp_path: Path) -> None:
    assert why_lost("blue") == f"the network namespace blue was replaced ({tmp_path}/run/blue)"
    with blue.entered():
        assert why_lost("blue") == ""
        assert why_lost(blue.path) == ""
        (tmp_path / "run/blue").unlink()
        assert why_lost("blue") == f"the network namespace blue is gone ({tmp_path}/run/blue)"
        (tmp_path / "run/blue").symlink_to("blue")  # it cannot be looked at
        assert why_lost("blue") == ""


@contextmanager
def netns_kept() -> Iterator[None]:
    """This thread is in its namespace again afterwards."""
    with Netns() as any_other, any_other.entered():
        yield


def test_a_daemon_without_it_does_not_import_it() -> None:
    modules = {"lowatch.wiring.own_netns", "lowatch.kernel.netns"}
    code = f"import sys, lowatch.wiring.service; print({modules} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
