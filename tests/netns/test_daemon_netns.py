"""`lowatch run --netns` on a real kernel: a daemon for another namespace, beside one for its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.checking import lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns, as_ordinary_user

VIP, WWW = "192.0.2.10", "www.example.com"
PAGES = "127.0.0.1:10049"
FIX = f"ip -n blue address del {VIP}/32 dev lo"


@pytest.fixture
def blue(netns: Netns) -> Iterator[Netns]:
    """A sibling with a name of ip-netns(8), in a /run of the test's own. In both lo has the VIP."""
    sibling = netns.sibling()
    for place in netns, sibling:
        place.ip(f"addr add {VIP}/32 dev lo")
    with ExitStack() as stack:
        mount("-t", "tmpfs", "none", "/run")
        stack.callback(unmount, "/run")
        Path("/run/netns").mkdir()
        name(sibling)
        yield sibling


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def unmount(path: str) -> None:
    subprocess.run(["umount", "--lazy", path], check=True)


def name(place: Netns) -> None:
    """As `ip netns attach` does it."""
    Path("/run/netns/blue").touch()
    mount("--no-canonicalize", "--bind", place.path, "/run/netns/blue")


def unname() -> None:
    """As `ip netns delete` does it."""
    unmount("/run/netns/blue")
    Path("/run/netns/blue").unlink()


def elsewhere(directory: Path, text: str, prefix: Sequence[str] = ()) -> Daemon:
    """A daemon that audits blue, and serves its pages here."""
    options = ("--netns", "blue", "--web.listen-address", PAGES)
    return Daemon(directory, text, prefix=prefix, options=options, web=PAGES)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "blue"
    path.mkdir()
    return path


@pytest.fixture
def knots(netns: Netns, blue: Netns) -> Iterator[Knot]:
    """A nameserver in each of them, at the same address and port."""
    zone = {"example.com": f"www A {VIP}"}
    with ExitStack() as stack:
        here = stack.enter_context(Knot(zone))
        with blue.entered():
            stack.enter_context(Knot(zone, port=here.nameserver.port))
        yield here


def test_each_audits_its_own(
    netns: Netns, blue: Netns, knots: Knot, tmp_path: Path, directory: Path
) -> None:
    """Everything about the other namespace says so, and nothing about the daemon's own does."""
    text = configuration(knots, f'hold = "0s"\ndomains = ["{WWW}:80"]')
    with blue.entered():
        listener = blue.listener(VIP, 80)
    with Daemon(tmp_path, text) as here, elsewhere(directory, text) as there:
        here.until(lambda: here.orphan(WWW) == 1)
        assert "netns" not in here.get("/metrics").body
        assert {row["netns"] for row in (here.audit(), *here.findings())} == {None}

        series = f'lo_orphan_vip{{interface="lo",address="{VIP}",domain="{WWW}",port="80",protocol="tcp"'
        served = there.metrics()
        assert served[f'{series},netns="blue"}}'] == 0
        assert served['lowatch_audits_total{netns="blue"}'] > 0
        assert all('netns="blue"' in name for name in served)

        blue.sockets.close(listener)
        netns.listener(VIP, 80)
        there.until(lambda: there.metric(f'{series},netns="blue"}}') == 1)
        here.until(lambda: here.orphan(WWW) == 0)
        (orphan,) = there.findings("orphan-vip")
        assert (orphan["netns"], orphan["fix"]) == ("blue", [FIX])
        assert {row["netns"] for row in (there.audit(), *there.audit()["held"])} == {"blue"}
        there.until_logged(f"orphan-vip, network namespace blue: {WWW} resolves to {VIP}")
        assert "started: network namespace blue, watching lo for 1 domain, " in there.log
    assert "orphan-vip: " in here.log
    assert "blue" not in here.log


def test_a_reload_keeps_the_namespace(blue: Netns, knots: Knot, directory: Path) -> None:
    with elsewhere(directory, configuration(knots, "")) as there:
        there.reload(configuration(knots, f'domains = ["{WWW}:80"]\n[web]\nlisten = [":10050"]'))
        there.until(lambda: there.verdict(WWW) == "orphan")
        assert there.audit()["netns"] == "blue"
        assert "needs a restart" not in there.log


def test_lookups_of_the_first_namespace_are_not_missed(blue: Netns, knots: Knot, directory: Path) -> None:
    """Both daemons share a configuration, and only one of them can have the resolvers' reports."""
    learn = f'domains = ["{WWW}:80"]\n[names]\nlearn = ["resolved", "dnstap"]'
    with elsewhere(directory, configuration(knots, learn)) as there:
        there.until(lambda: there.verdict(WWW) == "orphan")
        assert "lookups" not in {problem["source"] for problem in there.audit()["problems"]}
        there.reload(configuration(knots, f'domains = ["{WWW}:8080"]'))
        there.until(lambda: "8080" in json.dumps(there.audit()))
        assert "needs a restart" not in there.log


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "replaced"])
def test_a_namespace_without_its_name_ends_it(
    netns: Netns, blue: Netns, directory: Path, replaced: bool
) -> None:
    """It would keep the namespace alive, and report it under a name that is another's."""
    with elsewhere(directory, configuration(None, "")) as there:
        unname()
        if replaced:
            name(netns.sibling())
        assert there.wait() == (1 if replaced else 3)
    why = "was replaced" if replaced else "is gone"
    assert f"ERROR lowatch: the network namespace blue {why} (/run/netns/blue)\n" in there.log


def test_none_of_that_name(directory: Path) -> None:
    there = elsewhere(directory, configuration(None, ""))
    assert there.run() == 1
    assert there.log == "lowatch: the network namespace blue does not exist (/run/netns/blue)\n"


def test_another_user_may_not_enter(blue: Netns, directory: Path) -> None:
    there = elsewhere(directory, configuration(None, ""), prefix=as_ordinary_user())
    assert there.run() == 1
    assert there.log == "lowatch: cannot enter the network namespace blue: it needs root (CAP_SYS_ADMIN)\n"


def test_the_daemons_answers_are_about_it(
    blue: Netns, knots: Knot, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the control socket of lowatch@blue.service."""
    runtime = Path("/run/lowatch@blue")
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    there = elsewhere(directory, configuration(knots, f'domains = ["{WWW}:80"]'))
    with there:
        status = json.loads(lowatch("status", "--netns", "blue", "--format", "json").stdout)
        assert (status["netns"], status["pid"]) == ("blue", there.pid)
        assert "(network namespace blue) is running" in lowatch("status", "--netns", "blue").stdout
        assert lowatch("reload", "--netns", "/run/netns/blue").code == 0
        recording = json.loads(lowatch("snapshot", "--daemon", "--netns", "blue").stdout)
        assert recording["snapshot"]["netns"] == "blue"
        why = ("--until", "2099-01-31", "--reason", "kept", "-c", str(there.file))
        assert lowatch("ack", "orphan-vip", VIP, "--netns", "blue", *why).code == 0
        there.until(lambda: [row["state"] for row in there.findings("orphan-vip")] == ["acknowledged"])
        explained = lowatch("explain", "--netns", "blue", "-c", str(there.file), WWW)
        assert "does not watch" not in explained.stdout
        unname()
        assert there.wait() == 3
    said = lowatch("status", "--netns", "blue").stderr
    assert said == (
        "lowatch: not running: there is no /run/lowatch@blue/lowatch.sock, "
        "and no network namespace /run/netns/blue\n"
    )


OWNED = """
mkfifo "$0/ready"
unshare --user --map-root-user --net sh -ec '
    ip link set lo up; ip addr add 192.0.2.10/24 dev lo
    echo >"$0/ready"; exec setpriv --pdeathsig KILL sleep 60
' "$0" &
read line <"$0/ready"
exec "$@" --netns "/proc/$!/ns/net"
"""


def test_an_ordinary_users_own(netns: Netns, directory: Path) -> None:
    """The kernel lets the creator of a user namespace in; the pages are served where it was started."""
    prefix = as_ordinary_user("sh", "-c", OWNED, str(directory))
    options = ("--web.listen-address", PAGES)
    with Daemon(directory, configuration(None, ""), prefix=prefix, options=options, web=PAGES) as there:
        assert [row["address"] for row in there.audit()["held"] if row["prefixlen"] == 24] == [VIP]
        there.until(lambda: there.findings("wide-prefix"))
    os.waitpid(-1, 0)  # it was the daemon's child
