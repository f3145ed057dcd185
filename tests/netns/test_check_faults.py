"""`lowatch check` where it cannot see: one clear line, exit code 3, no traceback."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.checking import CommandResult, check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns, as_ordinary_user
from tests.support.repository import ROOT

WWW = "www.example.com"
WITHOUT_NETLINK = (sys.executable, str(ROOT / "tests" / "support" / "without_netlink.py"))


def run(*arguments: str, prefix: Sequence[str] = ()) -> CommandResult:
    """A command as a process of its own."""
    command = [*prefix, sys.executable, "-m", "lowatch", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in done.stderr
    return CommandResult(done.returncode, done.stdout, done.stderr)


def problems(outcome: CommandResult) -> list[tuple[str, str]]:
    """Of `--format json`: source and message."""
    report = json.loads(outcome.stdout)
    return [(problem["source"], problem["message"]) for problem in report["problems"]]


@pytest.fixture
def file(netns: Netns, tmp_path: Path) -> Path:
    """A configuration that takes its nameservers from /etc/resolv.conf."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    path = tmp_path / "lowatch.toml"
    path.write_text(configuration(None, f'domains = ["{WWW}:80"]'))
    return path


# No netlink.


def test_netlink_refused(netns: Netns, tmp_path: Path) -> None:
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        path = tmp_path / "lowatch.toml"
        path.write_text(configuration(knot, f'domains = ["{WWW}:80"]'))
        told = run("check", "-c", str(path), "--format", "json", prefix=WITHOUT_NETLINK)
        assert (told.code, told.stderr) == (3, "")
        refused = "cannot open a netlink socket: Address family not supported by protocol"
        netlink, endpoint = problems(told)
        assert netlink[0] == "netlink"
        assert re.fullmatch(f"cannot list [a-z]+: {refused}", netlink[1])
        assert endpoint == ("kernel", f"{WWW}: netlink: {refused}")
        assert json.loads(told.stdout)["findings"] == []
        shown = run("check", "-c", str(path), prefix=WITHOUT_NETLINK)
        assert shown.code == 3
        assert shown.stdout.startswith("Incomplete: nothing wrong found, but ")
        assert " ".join(shown.stdout.split()).count(refused) == 2
        explained = run("explain", "-c", str(path), WWW, prefix=WITHOUT_NETLINK)
        assert explained.code == 0
        assert refused in " ".join(explained.stdout.split())


def test_netlink_refused_to_the_daemon(netns: Netns, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, configuration(None, f'domains = ["{WWW}:80"]'), prefix=WITHOUT_NETLINK)
    assert daemon.run() == 1
    refused = "cannot open a netlink socket: Address family not supported by protocol"
    assert daemon.log == f"lowatch: netlink: {refused}\n"


# No nameserver.


def resolv_conf(path: Path) -> list[str]:
    """What runs a command with that file in the place of /etc/resolv.conf."""
    return ["unshare", "--mount", "sh", "-ec", f'mount --bind "{path}" /etc/resolv.conf; exec "$@"', "sh"]


WITHOUT_ETC = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /etc; exec "$@"', "sh"]


def test_resolv_conf_missing(file: Path) -> None:
    told = run("check", "-c", str(file), "--format", "json", prefix=WITHOUT_ETC)
    assert (told.code, told.stderr) == (3, "")
    assert problems(told) == [
        ("dns", "/etc/resolv.conf: No such file or directory: no nameserver known"),
        ("dns", f"{WWW}: A: no nameserver known"),
    ]


@pytest.mark.parametrize("text", ["", "# nameserver 127.0.0.1\n", "search example.com\noptions rotate\n"])
def test_resolv_conf_without_nameserver(file: Path, tmp_path: Path, text: str) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text(text)
    told = run("check", "-c", str(file), "--format", "json", prefix=resolv_conf(conf))
    assert told.code == 3
    assert ("dns", "/etc/resolv.conf: has no nameserver") in problems(told)


def test_resolv_conf_malformed(netns: Netns, file: Path, tmp_path: Path) -> None:
    """One bad line costs only itself, and is told: whoever wrote it meant something by it."""
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\nnameserver 192.0.2.1.5\n")
    command = ("check", "-c", str(file), "--format", "json")
    with Knot({"example.com": "www A 192.0.2.10"}, port=53):
        orphaned = run(*command, prefix=resolv_conf(conf))
        netns.listener("192.0.2.10", 80)
        served = run(*command, prefix=resolv_conf(conf))
    bad = "/etc/resolv.conf:2: '192.0.2.1.5' is not a nameserver's address, ignoring the line"
    assert problems(orphaned) == problems(served) == [("dns", bad)]
    assert (orphaned.code, served.code) == (1, 0), "every answer is known all the same"
    (orphan,) = json.loads(orphaned.stdout)["findings"]
    assert orphan["domain"] == WWW


@pytest.mark.parametrize("ended", [True, False], ids=["refuses", "is silent"])
def test_nameserver_that_does_not_answer(netns: Netns, tmp_path: Path, ended: bool) -> None:
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        knot.kill() if ended else knot.pause()
        seen = check(tmp_path, configuration(knot, f'domains = ["{WWW}:80"]', dns='timeout = "100ms"'))
    reason = "Connection refused" if ended else "no reply within 0.1 s"
    assert seen.code == 3
    (problem,) = seen.report["problems"]
    assert problem["message"] == f"{WWW}: A: {knot.nameserver}: {reason}"


def test_unknown_is_no_excuse_for_what_is_known(netns: Netns, tmp_path: Path) -> None:
    """A finding is a finding, however incomplete the audit."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    with Knot({"example.com": "www A 192.0.2.10"}) as knot:
        text = configuration(knot, f'domains = ["{WWW}:80", "www.example.net"]', dns='timeout = "1s"')
        seen = check(tmp_path, text)
    assert (seen.code, seen.report["complete"], seen.kinds()) == (1, False, {"orphan-vip": 1})
    assert "REFUSED" in seen.report["problems"][0]["message"]


# No privilege.


def comparable(text: str) -> Any:
    """A report without what differs from one moment, or one user namespace, to the next.

    Nor with what the host's files add at boot: some may be for root only.
    """
    report = json.loads(re.sub(r"of uid \d+", "of uid", text))
    del report["audited_at"], report["boot"]
    for held in report["held"]:
        del held["age_seconds"], held["configured"]
    for finding in report["findings"]:
        del finding["since"]
        for fix in finding["fixes"]:
            del fix["persist"]
    for endpoint in report["endpoints"]:
        (endpoint["listener"] or {}).pop("uid", None)
    return report


def test_an_ordinary_user_sees_what_root_sees(netns: Netns, tmp_path: Path) -> None:
    for address in "192.0.2.10/32", "192.0.2.20/24", "192.0.2.30/32", "2001:db8::10/64":
        netns.ip(f"addr add {address} dev lo")
    netns.ip("route add local 198.51.100.0/25 dev lo")
    netns.listener("192.0.2.20", 80)
    netns.full_listener("192.0.2.30", 80)
    netns.listener("::", 443)
    zone = "a A 192.0.2.10\nb A 192.0.2.20\nc A 192.0.2.30\nd AAAA 2001:db8::10\ne A 198.51.100.7"
    with Knot({"example.com": zone}) as knot:
        names = ", ".join(f'"{name}.example.com:80"' for name in "abcde")
        text = configuration(knot, f'domains = [{names}]\nexpect = ["203.0.113.1"]')
        kinds = check(tmp_path, text).kinds()
        command = ("check", "-c", str(tmp_path / "lowatch.toml"), "--format", "json")
        root, user = run(*command), run(*command, prefix=as_ordinary_user())
    assert set(kinds) == {
        "orphan-vip", "backlogged-vip", "wide-prefix", "black-hole-prefix", "missing-vip"
    }  # fmt: skip
    assert (root.code, root.stderr) == (user.code, user.stderr) == (1, "")
    assert comparable(user.stdout) == comparable(root.stdout)


# Bad input.


def test_an_interface_that_does_not_exist(netns: Netns, tmp_path: Path) -> None:
    """A warning, for it may come; and no failure."""
    file = tmp_path / "lowatch.toml"
    file.write_text('interfaces = ["lo", "vip0", "eth*"]')
    told = lowatch("check", "-c", str(file))
    assert told.code == 0
    (line,) = told.stderr.splitlines()
    assert line.endswith("interface vip0 does not exist, continuing: it may appear later")


@pytest.mark.parametrize(
    "name", ["www.example.com:70000", "http://www.example.com/", "www..example.com", "192.0.2.10", ""]
)
def test_a_name_that_is_none(netns: Netns, name: str) -> None:
    told = lowatch("check", "fine.example.com", name)
    assert (told.code, told.stdout) == (2, "")
    (line,) = told.stderr.splitlines()
    assert line.startswith("lowatch: ")
    assert name in line


@pytest.mark.parametrize("name", ["hosts", "nsswitch.conf", "resolv.conf", "host.conf"])
def test_what_name_resolution_goes_by_cannot_be_read(netns: Netns, tmp_path: Path, name: str) -> None:
    """But by other users' applications: they may be led elsewhere, which an OK would deny."""
    netns.ip("addr add 192.0.2.10/32 dev lo")
    netns.listener("192.0.2.10", 80)
    secret = tmp_path / "secret"
    secret.write_text("nameserver 127.0.0.1\n")
    secret.chmod(0)
    place = f"/etc/{name}"
    mounted = (
        f'touch {place}; mount --bind "{secret}" {place}'
        if name == "resolv.conf"
        else f"mount -t tmpfs none /etc; echo nameserver 127.0.0.1 > /etc/resolv.conf; touch {place}; "
        f'mount --bind "{secret}" {place}'
    )
    prefix = ["unshare", "--mount", "sh", "-ec", f'{mounted}; exec "$@"', "sh"]
    with Knot({"example.com": "www A 192.0.2.10"}, port=53) as knot:
        path = tmp_path / "lowatch.toml"
        path.write_text(configuration(knot, f'domains = ["{WWW}:80"]'))
        command = [*prefix, *as_ordinary_user()]
        told = run("check", "-c", str(path), "--format", "json", prefix=command)
    assert (told.code, told.stderr) == (3, "")
    assert ("dns", f"{place}: Permission denied: keeping what was last read") in problems(told)
