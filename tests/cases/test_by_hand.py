"""Cases 11 and 13 on kube-ipvs0, judged from recordings made by hand: this kernel may lack IPVS.

tests/lvs plays them with a real IPVS, where the kernel has one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lowatch.core.addresses import Address, parse_address
from lowatch.core.known import Known
from lowatch.core.listeners import Connect, Listener, Sockets
from lowatch.core.policy import Domain, Policy
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import PortObservation
from lowatch.report.recording import render_recording
from tests.support.checking import lowatch
from tests.unit.core.worlds import answer, held, local, ports, seen, snapshot, view

SSHD = Listener(parse_address("0.0.0.0"), inode=812, uid=0, unit="ssh.service", backlog=128)
GIT, DB = "git.example.com", "db.example.com"


def replayed(directory: Path, domain: Domain, address: Address, *found: PortObservation) -> dict[str, Any]:
    """The report on a host whose kube-ipvs0 holds the address, as IPVS serves it."""
    observed = observed_at(domain.name, address, *found)
    sockets = Sockets(virtual=frozenset({address}))
    host = snapshot(
        held(address, interface="kube-ipvs0"),
        domains={domain.name: observed},
        referenced=frozenset({address}),
        sockets=Known(sockets),
    )
    policy = Policy(interfaces=("kube-ipvs0",), domains={domain.name: domain})
    path = directory / "host.json"
    path.write_bytes(render_recording(Recording("0.1.0", policy, host)))
    done = lowatch("check", "--snapshot", str(path), "--format", "json")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def observed_at(name: str, address: Address, *found: PortObservation) -> Any:
    return view(local(address, *found, interface="kube-ipvs0"), of=answer(address, name=name))


def verdicts(report: dict[str, Any]) -> dict[int, str]:
    return {row["port"]: row["verdict"] for row in report["endpoints"]}


def test_case_11_external_ip_is_another_hosts_primary(tmp_path: Path) -> None:
    """IPVS has 443 only: whoever wants the other host's 5432 is refused here."""
    address = parse_address("192.0.2.66")
    found = seen(("443", None, Connect.ACCEPTED), ("5432", None, Connect.REFUSED))
    report = replayed(tmp_path, Domain(DB, ports("443 5432"), any_of=False), address, *found)
    assert verdicts(report) == {443: "redirected", 5432: "orphan"}
    (orphan,) = report["findings"]
    assert (orphan["kind"], orphan["interface"], orphan["port"]) == ("orphan-vip", "kube-ipvs0", 5432)


def test_case_13_the_nodes_sshd_answers_on_a_service_address(tmp_path: Path) -> None:
    """IPVS serves 443 of the service; its 22 is the node's own sshd, on all addresses."""
    address, domain = parse_address("10.96.0.10"), Domain(GIT, ports("443 22"), any_of=False)
    found = seen(("443", None, Connect.ACCEPTED), ("22", SSHD, Connect.ACCEPTED))
    report = replayed(tmp_path, domain, address, *found)
    assert verdicts(report) == {443: "redirected", 22: "served"}
    (captured,) = report["findings"]
    assert (captured["kind"], captured["severity"], captured["port"]) == ("captured-vip", "info", 22)
    assert "serves 22/tcp and nothing else of that name, but 443/tcp is redirected" in captured["message"]

    report = replayed(tmp_path, replace(domain, unit="gitea.service"), address, *found)
    assert verdicts(report) == {443: "redirected", 22: "captured"}
    (captured,) = report["findings"]
    assert captured["message"] == (
        "git.example.com resolves to 10.96.0.10, but ssh.service, by a listener on all addresses "
        "(inode 812), serves 22/tcp there, not gitea.service"
    )
