"""Names found without being configured: PTR records in real reverse zones, /etc/hosts, the host's own name.

A stub that must not be asked stands at 127.0.0.53, and counts who asks it for what.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from tests.netns.test_daemon_victims import CLIENTS
from tests.support.checking import check, lowatch
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.name_service import in_etc, write_etc
from tests.support.netns import Netns

VIP, NEXT, V6 = "192.0.2.10", "192.0.2.11", "2001:db8::10"
SHOP, LIAR = "shop.example.com", "liar.example.com"
FORWARD = f"shop A {VIP}\nshop AAAA {V6}\nliar A 198.51.100.1\nnext 1 A {NEXT}\nweb1 A {VIP}"
REVERSE = "10 1 PTR shop.example.com.\n10 1 PTR liar.example.com.\n10 1 PTR gone.example.com."
ZONES = {"example.com": FORWARD, "2.0.192.in-addr.arpa": REVERSE}
ALT = 8080


def learning(knot: Knot | None, *sources: str, top: str = 'hold = "0s"') -> str:
    listed = ", ".join(f'"{one}"' for one in sources)
    return configuration(knot, top, dns='min_ttl = "1s"', tables=f"[names]\nlearn = [{listed}]")


def found(audit: Any) -> dict[str, str]:
    return {row["name"]: row["source"] for row in audit["names"]}


@pytest.fixture
def held(netns: Netns) -> Netns:
    netns.ip(f"addr add {VIP}/32 dev lo")
    return netns


def test_check_finds_names_by_ptr_and_believes_only_dns(held: Netns, tmp_path: Path) -> None:
    with Knot(ZONES) as knot:
        checked = check(tmp_path, learning(knot, "ptr"))
        explained = lowatch("explain", "-c", str(tmp_path / "lowatch.toml"), VIP)
        without = check(tmp_path, learning(knot))
        named = check(tmp_path, learning(knot, "ptr"), LIAR)
    assert found(checked.report) == {SHOP: "ptr"}, "what a PTR record says counts only if DNS agrees"
    assert (checked.code, checked.report["complete"]) == (0, True)
    assert {(row["domain"], row["severity"]) for row in checked.findings("orphan-vip")} == {(SHOP, "info")}
    assert f"{SHOP} (ptr)" in explained.stdout
    assert without.report["names"] == []
    assert found(named.report) == {}, "names on the command line are all that is asked for"


def test_a_recording_has_them_and_verifying_agrees(held: Netns, tmp_path: Path) -> None:
    with Knot(ZONES) as knot:
        verified = check(tmp_path, learning(knot, "ptr"), "--verify")
        recording = lowatch("snapshot", "-c", str(tmp_path / "lowatch.toml"))
    (tmp_path / "recording.json").write_text(recording.stdout)
    replayed = lowatch("check", "--snapshot", str(tmp_path / "recording.json"), "--format", "json")
    assert found(verified.report) == found(json.loads(replayed.stdout)) == {SHOP: "ptr"}
    assert verified.code == 0


def test_ipv6_by_nibbles_and_a_delegation_by_cname(held: Netns, tmp_path: Path) -> None:
    """RFC 2317 delegates parts of a /24 by aliases."""
    held.ip(f"addr add {V6}/128 dev lo")
    held.ip(f"addr add {NEXT}/32 dev lo")
    nibbles = "0.1" + ".0" * 22
    zones = {
        "example.com": FORWARD,
        "2.0.192.in-addr.arpa": "11 CNAME 11.0/25\n11.0/25 PTR next.example.com.",
        "8.b.d.0.1.0.0.2.ip6.arpa": f"{nibbles} PTR shop.example.com.",
    }
    with Knot(zones) as knot:
        report = check(tmp_path, learning(knot, "ptr")).report
    assert found(report) == {SHOP: "ptr", "next.example.com": "ptr"}
    assert report["complete"]


def test_hundreds_of_records_come_by_tcp_and_some_are_looked_at(held: Netns, tmp_path: Path) -> None:
    many = "\n".join(f"10 PTR n{number}.example.com." for number in range(400))
    zones = {"example.com": f"n* A {VIP}\n* A {VIP}", "2.0.192.in-addr.arpa": many}
    with Knot(zones) as knot:
        report = check(tmp_path, learning(knot, "ptr")).report
    assert len(found(report)) == 128
    assert not report["complete"]
    (problem,) = [row["message"] for row in report["problems"] if row["source"] == "lookups"]
    assert problem == f"272 more PTR records of {VIP} are not looked at"


def test_targets_that_are_no_host_names_are_left_out(held: Netns, tmp_path: Path) -> None:
    long = ".".join(["\\001" * 60, "x" * 60, "y" * 60, "z" * 50])
    targets = (
        f"{long}.",
        "\\007bell.example.com.",
        "localhost.",
        "10.2.0.192.in-addr.arpa.",
        ".",
        "shop.local.",
    )
    records = "\n".join(f"10 PTR {one}" for one in (*targets, f"{SHOP}."))
    with Knot({"example.com": FORWARD, "2.0.192.in-addr.arpa": records}) as knot:
        report = check(tmp_path, learning(knot, "ptr")).report
    assert found(report) == {SHOP: "ptr"}
    assert report["complete"]


def test_a_failure_is_said_and_makes_the_audit_incomplete(held: Netns, tmp_path: Path) -> None:
    with Knot({"example.com": FORWARD}) as knot:  # it refuses what is in no zone of its own
        checked = check(tmp_path, learning(knot, "ptr"))
        explained = lowatch("explain", "-c", str(tmp_path / "lowatch.toml"), VIP)
    assert (checked.code, checked.report["complete"]) == (3, False)
    (problem,) = checked.report["problems"]
    assert problem["source"] == "lookups"
    expected = f"names of this host's addresses: {VIP}: PTR: {knot.nameserver}: REFUSED"
    assert problem["message"].startswith(expected)
    assert expected in explained.stdout


def test_an_address_has_no_name_is_no_failure(held: Netns, tmp_path: Path) -> None:
    held.ip(f"addr add {NEXT}/32 dev lo")
    with Knot(ZONES) as knot:
        report = check(tmp_path, learning(knot, "ptr")).report
    assert found(report) == {SHOP: "ptr"}
    assert report["complete"]


def test_an_address_that_is_added_is_an_orphan_with_the_name_of_its_ptr(
    held: Netns, tmp_path: Path
) -> None:
    zones = {**ZONES, "2.0.192.in-addr.arpa": f"{REVERSE}\n11 PTR next.example.com."}
    with Knot(zones) as knot, Daemon(tmp_path, learning(knot, "ptr"), state=True) as daemon:
        daemon.until(lambda: found(daemon.audit()) == {SHOP: "ptr"})
        held.ip(f"addr add {NEXT}/32 dev lo")
        daemon.until(lambda: found(daemon.audit()) == {SHOP: "ptr", "next.example.com": "ptr"})
        daemon.until(lambda: _orphans(daemon) == {(SHOP, "info"), ("next.example.com", "info")})
        CLIENTS["python, in a hurry"].run(NEXT, ALT, 3)
        daemon.until(lambda: ("next.example.com", "critical") in _orphans(daemon))
        assert daemon.orphan("next.example.com", address=NEXT, port=ALT) == 1
        held.ip(f"addr del {NEXT}/32 dev lo")
        daemon.until(lambda: found(daemon.audit()) == {SHOP: "ptr"})


def _orphans(daemon: Daemon) -> set[tuple[str, str]]:
    return {(row["domain"], row["severity"]) for row in daemon.findings("orphan-vip")}


def test_names_survive_a_restart_without_a_nameserver(held: Netns, tmp_path: Path) -> None:
    with Knot(ZONES) as knot:
        daemon = Daemon(tmp_path, learning(knot, "ptr"), state=True)
        with daemon:
            daemon.until(lambda: found(daemon.audit()) == {SHOP: "ptr"})
            CLIENTS["python, in a hurry"].run(VIP, ALT, 3)
            daemon.until(lambda: (SHOP, "critical") in _orphans(daemon))
        knot.kill()
        with daemon:
            assert found(daemon.audit()) == {SHOP: "ptr"}
            daemon.until(lambda: any("PTR: " in row["message"] for row in daemon.audit()["problems"]))
            assert found(daemon.audit()) == {SHOP: "ptr"}
            knot.start()
            daemon.until(lambda: (SHOP, "critical") in _orphans(daemon), timeout=60)
        ended = [one.text for one in daemon.alerts if (one.kind, one.state) == ("orphan-vip", "resolved")]
        assert not [text for text in ended if str(ALT) in text]


class Stub:
    """Answers as systemd-resolved's does, but that every address has one wrong name, and every name one."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.53", 53))

    @contextmanager
    def running(self) -> Iterator[Stub]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.53", 53))
            thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(4096)
            if not octets:
                return
            query = dns.message.from_wire(octets)
            (question,) = query.question
            rrtype = dns.rdatatype.to_text(question.rdtype)
            self.asked.add((question.name.to_text(omit_final_dot=True), rrtype))
            response = dns.message.make_response(query)
            made = {"PTR": LIAR + ".", "A": VIP}.get(rrtype)
            if made:
                response.answer = [dns.rrset.from_text(question.name, 0, "IN", rrtype, made)]
            self._socket.sendto(response.to_wire(), client)


@pytest.fixture
def behind_stub(tmp_path: Path) -> list[str]:
    """A prefix: resolv.conf names the stub alone, and systemd-resolved says that it asks 127.0.0.1."""
    etc = write_etc(
        tmp_path / "etc",
        {
            "resolv.conf": b"nameserver 127.0.0.53\nsearch example.com corp.example\n",
            "nsswitch.conf": b"hosts: files dns\n",
            "hosts": b"0.0.0.0 ads.example\n" * 100_000 + f"{VIP} Vip.Example.NET vip\n".encode(),
        },
    )
    run = tmp_path / "run"
    (run / "resolve").mkdir(parents=True)
    (run / "resolve" / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    inside = 'mount -t tmpfs none /run && mkdir /run/systemd && mount --bind "$1" /run/systemd 2>/dev/null'
    script = f'{inside} || {{ mkdir -p /run/systemd && mount --bind "$1" /run/systemd; }}; shift; exec "$@"'
    return [*in_etc(etc), "sh", "-c", script, "sh", str(run)]


def test_the_stub_is_never_asked_for_a_name_of_an_address(
    held: Netns, tmp_path: Path, behind_stub: list[str]
) -> None:
    """Nor is its word taken that the host's own name leads to every address it has."""
    file = tmp_path / "lowatch.toml"
    file.write_text(learning(None, "ptr", "hostname", "hosts"))
    command = [sys.executable, "-Wignore", "-m", "lowatch", "check", "-c", str(file), "--format", "json"]
    uts = ["unshare", "--uts", "sh", "-c", 'hostname web2 && exec "$@"', "sh"]
    with Knot(ZONES), Stub().running() as stub:
        report = json.loads(held.run("sh", "-c", '"$@" || true', "sh", *behind_stub, *uts, *command))
    assert found(report) == {SHOP: "ptr", "vip.example.net": "hosts"}, report["problems"]
    assert not [name for name, rrtype in stub.asked if rrtype == "PTR"]
    assert (SHOP, "A") in stub.asked, "what is followed is resolved as usual"
    assert (LIAR, "A") not in stub.asked
    assert not [name for name, _ in stub.asked if name.startswith("web2.")]


def test_own_names_are_followed_where_dns_beyond_the_stub_leads_here(
    held: Netns, tmp_path: Path, behind_stub: list[str]
) -> None:
    file = tmp_path / "lowatch.toml"
    file.write_text(learning(None, "hostname"))
    command = [sys.executable, "-Wignore", "-m", "lowatch", "check", "-c", str(file), "--format", "json"]
    uts = ["unshare", "--uts", "sh", "-c", 'hostname web1 && exec "$@"', "sh"]
    with Knot({**ZONES, "corp.example": "other A 192.0.2.99"}), Stub().running():
        report = json.loads(held.run("sh", "-c", '"$@" || true', "sh", *behind_stub, *uts, *command))
    assert found(report) == {"web1.example.com": "hostname"}, report["problems"]


def test_the_names_in_hosts_are_followed_as_the_file_changes(
    held: Netns, tmp_path: Path, behind_stub: list[str]
) -> None:
    """A name that DNS does not have is no disagreement: nobody said that it would."""
    hosts = tmp_path / "etc" / "hosts"
    with (
        Knot({"example.com": FORWARD}) as knot,
        Daemon(tmp_path, learning(knot, "hosts"), prefix=behind_stub) as daemon,
    ):
        daemon.until(lambda: found(daemon.audit()) == {"vip.example.net": "hosts"})
        daemon.until(lambda: _orphans(daemon) == {("vip.example.net", "info")})
        assert daemon.findings("views-disagree") == []
        hosts.write_text(f"{VIP} other.example.net # vip.example.net\n{NEXT} next.example.net\n")
        daemon.until(lambda: found(daemon.audit()) == {"other.example.net": "hosts"})
        held.ip(f"addr add {NEXT}/32 dev lo")
        both = {"other.example.net": "hosts", "next.example.net": "hosts"}
        daemon.until(lambda: found(daemon.audit()) == both)


def test_without_a_nameserver_beyond_the_stub_that_is_said(held: Netns, tmp_path: Path) -> None:
    settings = 'hold = "0s"\n[dns]\nnameservers = ["127.0.0.53"]\n[names]\nlearn = ["ptr"]\n'
    with Stub().running() as stub:
        report = check(tmp_path, settings).report
    assert stub.asked == set()
    (problem,) = [row["message"] for row in report["problems"] if row["source"] == "lookups"]
    assert "no nameserver but systemd-resolved's stub is known" in problem
