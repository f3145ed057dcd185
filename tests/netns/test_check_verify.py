"""`lowatch check --verify` on a real kernel: it agrees, finds planted faults, and no others."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lowatch.app.auditor import Auditor
from lowatch.core import verdicts
from lowatch.core.judgement import Judgement
from lowatch.core.snapshot import Snapshot
from lowatch.core.verdicts import Verdict
from lowatch.kernel.request_cache import RequestCache
from lowatch.resolve.upstream import response_reader
from lowatch.wire import inet_diag
from lowatch.wire.dns import Reply
from lowatch.wire.dns_lean import parse_lean
from tests.support.checking import Checked, check, lowatch
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW, SHOP, FAR = "www.example.com", "shop.example.com", "far.example.com"
ZONE = "www A 192.0.2.10\nshop A 192.0.2.20\nshop AAAA 2001:db8::20\nfar A 198.51.100.7"


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bug reports are written."""
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def prepare(netns: Netns) -> None:
    """www is served, shop is an orphan on both of its addresses."""
    for address in ("192.0.2.10/32", "192.0.2.20/32", "2001:db8::20/128"):
        netns.ip(f"addr add {address} dev lo nodad" if ":" in address else f"addr add {address} dev lo")


def settings(knot: Knot, top: str = "") -> str:
    return configuration(
        knot, dns='timeout = "10s"', top=f'{top}\ndomains = ["{WWW}:80", "{SHOP}:80", "{FAR}"]'
    )


def verify(directory: Path) -> tuple[Checked, dict[str, Any]]:
    with Knot({"example.com": ZONE}) as knot:
        checked = check(directory, settings(knot), "--verify")
    found: dict[str, Any] = checked.report["verification"]
    return checked, found


def after_the_first_audit(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    audit_with_connects, changes = Auditor.audit_with_connects, [change]

    async def audit_then_change(auditor: Auditor) -> tuple[Snapshot, Judgement]:
        found = await audit_with_connects(auditor)
        if changes:
            changes.pop()()
        return found

    monkeypatch.setattr(Auditor, "audit_with_connects", audit_then_change)


def test_it_agrees_in_one_line(netns: Netns, tmp_path: Path, reports: Path) -> None:
    prepare(netns)
    netns.listener("192.0.2.10", 80)
    with Knot({"example.com": ZONE}) as knot:
        checked = check(tmp_path, settings(knot), "--verify")
        code, text, stderr = lowatch("check", "-c", str(tmp_path / "lowatch.toml"), "--verify")
    found = checked.report["verification"]
    assert (checked.code, code, stderr) == (1, 1, "")
    assert (found["confirmed"], found["report"], found["not_compared"]) == (True, None, [])
    assert found["verdicts"] == {"agrees": 3}
    assert found["dns_answers"] >= 6
    assert found["netlink_messages"] > 20
    assert found["metrics_series"] > 20
    line = text.splitlines()[-1]
    assert line.startswith("Verified: 3 verdicts by connects; ")
    assert line.endswith(" series by libraries.")
    assert list(reports.iterdir()) == []


def test_without_it_nothing_is_verified(netns: Netns, tmp_path: Path) -> None:
    prepare(netns)
    with Knot({"example.com": ZONE}) as knot:
        assert check(tmp_path, settings(knot)).report["verification"] is None


class SwapsUidAndInode:
    """In place of inet_diag's Struct of a socket's counters."""

    _right = inet_diag._COUNTERS  # noqa: SLF001  # the fault to plant

    def unpack_from(self, data: bytes, start: int) -> tuple[int, ...]:
        *others, uid, inode = self._right.unpack_from(data, start)
        return (*others, inode, uid)


def test_a_decoder_that_is_wrong_is_found(
    netns: Netns, tmp_path: Path, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is ready to send: nobody is named in it."""
    prepare(netns)
    netns.listener("192.0.2.10", 80)
    monkeypatch.setattr(inet_diag, "_COUNTERS", SwapsUidAndInode())
    checked, found = verify(tmp_path)
    assert (checked.code, found["confirmed"]) == (3, False)
    assert all(line.startswith("SOCK_DIAG: uid is ") for line in found["disagreements"])
    assert "by the lean decoder and 0 by pyroute2; inode is 0 by the" in found["disagreements"][0]

    [report] = reports.iterdir()
    assert found["report"] == str(report)
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert not any(secret in text for secret in ("example", "192.0.2", "2001:db8::20"))
    assert json.loads(text)["disagreements"]
    assert json.loads(text)["made_with"].startswith("Linux ")
    assert lowatch("check", "--snapshot", str(report)).code == 1


def test_a_dns_parser_that_is_wrong_is_found(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(netns)

    def wrong(message: bytes, question: bytes) -> Reply | None:
        reply = parse_lean(message, question)
        return None if reply is None else reply._replace(ttl=reply.ttl + 1)

    monkeypatch.setattr(response_reader, "parse_lean", wrong)
    checked, found = verify(tmp_path)
    assert checked.code == 3
    assert any(line.startswith(f"{WWW} A: ttl is ") for line in found["disagreements"])


def test_a_rule_that_is_wrong_is_found(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(netns)
    netns.listener("192.0.2.10", 80)
    monkeypatch.setattr(verdicts, "judge_port", lambda *_, **__: Verdict.SERVED)
    checked, found = verify(tmp_path)
    assert checked.code == 3
    assert found["verdicts"] == {"agrees": 1, "disagrees": 2}
    assert found["disagreements"] == [
        f"{SHOP} at {address}, 80/tcp: lowatch says served, but the kernel finds no socket there, and a "
        "connect was refused"
        for address in ("192.0.2.20", "2001:db8::20")
    ]


def test_an_address_taken_for_another_hosts_is_found(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(netns)
    monkeypatch.setattr("lowatch.kernel.host.Host.local_prefixes", lambda *_: None)
    monkeypatch.setattr("lowatch.kernel.host.Host.may_be_local", lambda *_: False)
    checked, found = verify(tmp_path)
    assert checked.code == 3
    assert (
        f"{WWW} at 192.0.2.10: lowatch says not local, but the kernel delivers it here"
        in (found["disagreements"])
    )
    assert not any(FAR in line for line in found["disagreements"])


def test_a_stale_cache_is_found(netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is kept for ever. A service that stops before the connects is seen as running."""
    prepare(netns)
    listener = netns.listener("192.0.2.10", 80)
    ask = RequestCache.ask

    def stale(cache: Any, questions: Any) -> Any:
        memo = cache._memos.get(tuple(questions))  # noqa: SLF001
        return ask(cache, questions) if memo is None else memo.answers

    monkeypatch.setattr(RequestCache, "ask", stale)
    after_the_first_audit(monkeypatch, listener.close)
    checked, found = verify(tmp_path)
    assert checked.code == 3
    [line] = found["disagreements"]
    assert line.startswith(f"{WWW} at 192.0.2.10, 80/tcp: lowatch says served by ")
    assert line.endswith(", but the kernel finds no socket there, and a connect was refused")


def test_a_service_that_stops_meanwhile_is_no_disagreement(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(netns)
    listener = netns.listener("192.0.2.10", 80)
    after_the_first_audit(monkeypatch, listener.close)
    checked, found = verify(tmp_path)
    assert found["verdicts"] == {"agrees": 3}
    assert checked.verdict(WWW) == "orphan"


def test_an_address_that_comes_meanwhile_is_no_disagreement(
    netns: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(netns)
    after_the_first_audit(monkeypatch, lambda: netns.ip("addr add 198.51.100.7/32 dev lo"))
    checked, found = verify(tmp_path)
    assert found["disagreements"] == []
    assert {row["verdict"] for row in checked.report["endpoints"] if row["domain"] == FAR} == {"orphan"}


@pytest.mark.parametrize("action", ["drop", "reject with tcp reset"])
def test_a_firewall_is_no_fault_of_lowatch(netns: Netns, tmp_path: Path, action: str) -> None:
    prepare(netns)
    netns.listener("192.0.2.10", 80)
    rule = f"ip daddr 192.0.2.10 tcp dport 80 {action}"
    netns.nft(f"table inet f {{ chain i {{ type filter hook input priority 0; {rule}; }}; }}")
    checked, found = verify(tmp_path)
    assert found["disagreements"] == []
    assert found["unseen"] or checked.verdict(WWW) == "filtered"


def test_an_orphan_behind_an_icmp_reject_agrees(netns: Netns, tmp_path: Path) -> None:
    """EHOSTUNREACH in place of ECONNREFUSED: nobody is served either way."""
    prepare(netns)
    rule = "ip daddr 192.0.2.20 tcp dport 80 reject with icmp type host-unreachable"
    netns.nft(f"table inet f {{ chain i {{ type filter hook input priority 0; {rule}; }}; }}")
    _, found = verify(tmp_path)
    assert (found["confirmed"], found["verdicts"]) == (True, {"agrees": 3})


def test_a_redirect_and_a_full_queue_agree(netns: Netns, tmp_path: Path) -> None:
    prepare(netns)
    netns.full_listener("192.0.2.10", 80, backlog=1)
    netns.listener("127.0.0.1", 8080)
    rule = "ip daddr 192.0.2.20 tcp dport 80 redirect to :8080"
    netns.listener("192.0.2.20", 8080)
    netns.nft(f"table ip n {{ chain o {{ type nat hook output priority -100; {rule}; }}; }}")
    checked, found = verify(tmp_path)
    assert found["confirmed"], found
    assert checked.verdict(WWW) == "backlogged"
    assert "redirected" in {row["verdict"] for row in checked.report["endpoints"]}


def test_nothing_is_sent_where_routing_leads_away(netns: Netns, tmp_path: Path) -> None:
    """With the source that a client gets, the packets of a connect would leave this host."""
    prepare(netns)
    netns.listener("192.0.2.10", 80)
    netns.ip("link add eth0 type veth peer name eth1")
    netns.ip("link set eth0 up")
    netns.ip("link set eth1 up")
    netns.ip("route add default dev eth0 table 77")
    netns.ip("rule add pref 1 lookup local")
    netns.ip("rule del pref 0 lookup local")
    netns.ip("rule add pref 0 from 192.0.2.10 lookup 77")
    checked, found = verify(tmp_path)
    assert checked.verdict(WWW) == "filtered"
    assert (found["confirmed"], found["verdicts"]) == (True, {"agrees": 2, "not met": 1})
