"""What applications on this host get of a name decides its verdict; the real getaddrinfo is the judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lowatch.core.addresses import destination, format_address, parse_address
from tests.support.checking import Checked
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.name_service import getaddrinfo, in_etc, write_etc
from tests.support.netns import Netns

WWW, SRV = "www.example.com", "_http._tcp.example.com"
VIP, VIP6, ELSEWHERE = "192.0.2.10", "2001:db8::10", "198.51.100.7"
HERE, AWAY = {"example.com": f"www A {VIP}"}, {"example.com": f"www A {ELSEWHERE}"}


class Host:
    """This namespace, with an /etc of its own. Applications ask 127.0.0.1, lowatch whom it is told to."""

    def __init__(self, netns: Netns, directory: Path) -> None:
        self.netns = netns
        self.etc = write_etc(
            directory / "etc",
            {
                "hosts": b"",
                "host.conf": b"multi on\n",
                "nsswitch.conf": b"hosts: files dns\n",
                "resolv.conf": b"nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
            },
        )
        self._file = directory / "lowatch.toml"
        for address in (f"{VIP}/32", f"{VIP6}/128"):
            netns.ip(f"addr add {address} dev lo")

    def says(self, file: str, text: str) -> None:
        (self.etc / file).write_text(text)

    def applications_get(self, name: str = WWW) -> list[str] | None:
        addresses = getaddrinfo(self.etc, [name])[0][name].addresses
        return None if addresses is None else sorted(map(format_address, addresses))

    def check(self, knot: Knot | None, name: str = f"{WWW}:80", *more: str) -> Checked:
        self._file.write_text(configuration(knot, f'domains = ["{name}"]'))
        done = self._run("check", "-c", str(self._file), "--format", "json", *more)
        assert not done.stderr, done.stderr
        return Checked(done.returncode, json.loads(done.stdout))

    def explain(self, name: str = WWW) -> str:
        return self._run("explain", "-c", str(self._file), name).stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = in_etc(self.etc, sys.executable, "-Wignore", "-m", "lowatch", *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def host(netns: Netns, tmp_path: Path) -> Host:
    return Host(netns, tmp_path)


def kinds_at(seen: Checked, address: str = VIP) -> set[str]:
    return {row["kind"] for row in seen.findings() if row["address"] == address}


def problems(seen: Checked) -> list[tuple[str, str]]:
    return [(problem["source"], problem["message"]) for problem in seen.report["problems"]]


def test_getaddrinfo_leads_here_and_the_configured_nameserver_elsewhere(host: Host) -> None:
    with Knot(HERE, port=53), Knot(AWAY) as theirs:
        assert host.applications_get() == [VIP]
        seen = host.check(theirs)
        assert (seen.code, kinds_at(seen)) == (1, {"orphan-vip", "views-disagree"})
        assert seen.endpoints(WWW)[80]["view"] == "getaddrinfo"
        host.netns.listener(VIP, 80)
        seen = host.check(theirs)
        assert (seen.code, kinds_at(seen), seen.verdict(WWW)) == (1, {"views-disagree"}, "served")


def test_getaddrinfo_leads_elsewhere_and_the_configured_nameserver_here(host: Host) -> None:
    """No client on this host is refused; who looks with dig wonders."""
    with Knot(AWAY, port=53), Knot(HERE) as theirs:
        assert host.applications_get() == [ELSEWHERE]
        seen = host.check(theirs)
        assert (seen.code, kinds_at(seen), seen.report["endpoints"]) == (1, {"views-disagree"}, [])


def test_there_is_no_such_name_for_applications(host: Host) -> None:
    """EAI_NONAME is an answer."""
    with Knot({"example.com": "other A 192.0.2.1"}, port=53), Knot(HERE) as theirs:
        assert host.applications_get() == []
        seen = host.check(theirs)
        assert (seen.code, kinds_at(seen), seen.report["complete"]) == (1, {"views-disagree"}, True)


@pytest.mark.parametrize("zone", [HERE, AWAY], ids=["it leads here", "it leads elsewhere"])
def test_getaddrinfo_fails(host: Host, zone: dict[str, str]) -> None:
    """EAI_AGAIN is none. `check` and `explain` agree about that."""
    host.netns.listener(VIP, 80)
    with Knot(zone) as theirs:
        host.netns.run("ip", "route", "add", "blackhole", "203.0.113.53")
        host.says("resolv.conf", "nameserver 203.0.113.53\noptions timeout:1 attempts:1\n")
        assert host.applications_get() is None
        seen = host.check(theirs)
        assert (seen.code, seen.report["complete"]) == (3, False)
        assert ("getaddrinfo", f"{WWW}: Temporary failure in name resolution") in problems(seen)
        assert kinds_at(seen) == set(), "nothing is idle where a name may lead here"
        assert "getaddrinfo unknown: Temporary failure in name resolution" in host.explain()


def test_names_that_are_asked_for_on_the_command_line(host: Host) -> None:
    names = [f"n{number}.example.com" for number in range(40)]
    away = "\n".join(f"n{number} A {ELSEWHERE}" for number in range(40))
    one_here = away.replace(f"n33 A {ELSEWHERE}", f"n33 A {VIP}")
    with Knot({"example.com": one_here}, port=53), Knot({"example.com": away}) as theirs:
        seen = host.check(theirs, WWW, *(f"{name}:80" for name in names))
    assert (seen.code, seen.finding("orphan-vip")["domain"]) == (1, "n33.example.com")


@pytest.mark.parametrize("options", ["options no-aaaa\n", ""])
def test_an_aaaa_that_the_c_library_does_not_ask_for(host: Host, options: str) -> None:
    host.netns.listener(VIP, 80)
    with Knot({"example.com": f"www A {VIP}\nwww AAAA {VIP6}"}, port=53):
        host.says("resolv.conf", f"nameserver 127.0.0.1\n{options}")
        got = host.applications_get()
        seen = host.check(None)
        assert got == ([VIP] if options else [VIP, VIP6])
        assert kinds_at(seen, VIP6) == ({"views-disagree"} if options else {"orphan-vip"})
        assert kinds_at(seen) == set()


SWITCHES = [
    "files dns",
    "dns files",
    "dns",
    "files",
    "files [NOTFOUND=return] dns",
    "files [SUCCESS=continue] dns",
    "dns [SUCCESS=continue] files",
    "dns [NOTFOUND=return] files",
    "resolve [!UNAVAIL=return] dns",
    "resolve [!UNAVAIL=return] files dns",
    "mymachines resolve [!UNAVAIL=return] files myhostname dns",
    "myhostname dns files",
    "files mdns4_minimal [NOTFOUND=return] dns",
    "nosuch [UNAVAIL=return] files dns",
]
OTHERS_FOR_ABSENT = (
    "files",
    "files [NOTFOUND=return] dns",
    "dns [SUCCESS=continue] files",
    "nosuch [UNAVAIL=return] files dns",
)


@pytest.mark.parametrize(
    ("switch", "hosts"),
    [*((switch, "listed") for switch in SWITCHES), *((switch, "absent") for switch in OTHERS_FOR_ABSENT)],
)
def test_the_orphan_follows_what_applications_get(host: Host, switch: str, hosts: str) -> None:
    """The VIP is given by /etc/hosts or by DNS, the other one leads elsewhere."""
    host.says("nsswitch.conf", f"hosts: {switch}\n")
    if hosts == "listed":
        host.says("hosts", f"{VIP} {WWW}\n")
    with Knot(AWAY if hosts == "listed" else HERE, port=53):
        got = host.applications_get()
        seen = host.check(None)
    orphaned = "orphan-vip" in kinds_at(seen)
    assert orphaned is (got == [VIP]), (got, seen.report["findings"])
    assert seen.report["complete"] is (got is not None)
    if got is not None:
        assert ("views-disagree" in kinds_at(seen)) is (hosts == "listed" or got == [])


def test_the_target_of_an_srv_record_is_looked_up_as_any_name_is(host: Host) -> None:
    records = "_http._tcp SRV 0 0 80 www\n"
    with Knot({"example.com": f"{records}www A {ELSEWHERE}"}, port=53) as knot:
        host.says("hosts", f"{VIP} {WWW}\n")
        assert host.applications_get() == [VIP]
        seen = host.check(None, SRV)
        assert (seen.code, kinds_at(seen)) == (1, {"orphan-vip", "views-disagree"})
        assert seen.endpoints(SRV)[80]["view"] == "hosts"

        knot.replace("example.com", f"{records}www A {VIP}")
        host.says("hosts", f"{ELSEWHERE} {WWW}\n")
        assert host.applications_get() == [ELSEWHERE]
        seen = host.check(None, SRV)
        assert (seen.code, kinds_at(seen), seen.report["endpoints"]) == (1, {"views-disagree"}, [])

        host.says("hosts", "")
        seen = host.check(None, SRV)
        assert (seen.code, kinds_at(seen)) == (1, {"orphan-vip"})
        assert seen.endpoints(SRV)[80]["view"] == "dns"


@pytest.mark.parametrize(
    "hosts",
    [
        f"{VIP} alias.example.com {WWW}\n",
        f"{VIP} WWW.Example.COM\n",
        f"{VIP} {WWW}.\n",
        f"::ffff:{VIP} {WWW}\n",
        f"{VIP6} {WWW}\n{VIP} {WWW}\n",
        f"{ELSEWHERE} {WWW}\n{VIP} {WWW}\n",
        f"{VIP}\t{WWW}#comment\n",
    ],
)
def test_lines_of_etc_hosts(host: Host, hosts: str) -> None:
    """The name is not in DNS; what getaddrinfo makes of the line is where clients go."""
    host.says("hosts", hosts)
    with Knot({"example.com": ""}, port=53):
        got = host.applications_get()
        seen = host.check(None)
    assert got is not None
    orphaned = {destination(parse_address(row["address"])) for row in seen.findings("orphan-vip")}
    assert orphaned == {destination(parse_address(one)) for one in got} - {parse_address(ELSEWHERE)}


def test_the_daemon_finds_it_too(host: Host, tmp_path: Path) -> None:
    """By getaddrinfo alone it leads here; and when resolv.conf has changed, that is over."""
    with Knot(HERE, port=53), Knot(AWAY) as theirs, Knot(AWAY, host="127.0.0.9", port=53):
        text = configuration(theirs, f'domains = ["{WWW}:80"]\nhold = "0s"')
        with Daemon(tmp_path, text, prefix=in_etc(host.etc)) as daemon:
            daemon.until(lambda: daemon.orphans() != {})
            daemon.until(lambda: has(daemon, "orphan-vip", "views-disagree"))
            host.says("new", "nameserver 127.0.0.9\n")
            (host.etc / "new").replace(host.etc / "resolv.conf")
            daemon.until(lambda: daemon.orphans() == {} and not daemon.findings("views-disagree"))


def has(daemon: Daemon, *kinds: str) -> Any:
    return all(daemon.findings(kind) for kind in kinds)
