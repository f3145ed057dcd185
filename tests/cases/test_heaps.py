"""Cases 6 and 7: addresses that pile up, and many that are meant to be there."""

import re
from pathlib import Path

from tests.support.checking import check, each_fix, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns


def test_case_06_config_reload_leaves_loopback_addresses(netns: Netns, tmp_path: Path) -> None:
    """SONiC's Loopback0 after three reloads: one address is in use, those before it are not."""
    netns.dummy("Loopback0")
    netns.ip("link set Loopback0 up")
    old = ["10.1.0.1/32", "10.1.0.2/32", "2001:db8:1::2/128"]
    for address in [*old, "10.1.0.3/32", "10.1.0.4/32"]:
        netns.ip(f"addr add {address} dev Loopback0 nodad")
    netns.listener("10.1.0.3", 179)  # bgpd: no name leads to it, but it is in use
    netns.listener("10.1.0.4", 830)
    netns.listener("0.0.0.0", 22)  # sshd uses every address, and none in particular
    with Knot({"example.com": "switch A 10.1.0.4"}) as knot:
        text = configuration(knot, 'interfaces = ["Loopback*"]\ndomains = ["switch.example.com:830"]')
        seen = check(tmp_path, text)
        assert (seen.code, seen.kinds()) == (0, {"idle-vip": 3})  # info: below --fail-on's default
        assert check(tmp_path, text, "--fail-on", "info").code == 1
        idle = seen.findings("idle-vip")
        assert {found["severity"] for found in idle} == {"info"}
        assert {found["interface"] for found in idle} == {"Loopback0"}
        assert {command for found in idle for command in found["fix"]} == {
            f"ip address del {address} dev Loopback0" for address in old
        }
        for found in idle:
            age = re.escape(found["address"]) + r" has been on Loopback0 since 20[-0-9T:]+Z, but"
            assert re.match(age, found["message"])
        held = {row["address"]: row["age_seconds"] for row in seen.held("Loopback0")}
        assert all(0 <= held[address.partition("/")[0]] < 60 for address in old)

        mend(netns, list(each_fix(idle)))
        assert check(tmp_path, text).findings() == []


def test_case_07_seventy_services_1059_addresses(netns: Netns, tmp_path: Path) -> None:
    """A count to alert on; and no more series than the services and the addresses nobody wants."""
    netns.dummy("kube-dummy-if")
    netns.ip("link set kube-dummy-if up")
    addresses = [f"10.96.{number // 250}.{number % 250 + 1}" for number in range(1059)]
    netns.batch(f"addr add {address}/32 dev kube-dummy-if" for address in addresses)
    for address in addresses[:70]:
        netns.listener(address, 80)  # what kube-proxy's like would do for all 70
    names = [f"service{number}" for number in range(70)]
    zone = "".join(f"{name} A {address}\n" for name, address in zip(names, addresses, strict=False))
    domains = ", ".join(f'"{name}.cluster.example:80"' for name in names)
    with Knot({"cluster.example": zone}) as knot:
        text = configuration(
            knot,
            f'interfaces = ["kube-dummy-if"]\nhold = "0s"\ndomains = [{domains}]',
            dns="max_qps = 1000",
        )
        with Daemon(tmp_path, text) as daemon:
            metrics = daemon.metrics()
            alerts = daemon.alerts
    assert metrics['lowatch_held_addresses{interface="kube-dummy-if",family="ipv4"}'] == 1059
    assert metrics['lowatch_findings{kind="idle-vip",state="firing"}'] == 1059 - 70
    orphans = [value for name, value in metrics.items() if name.startswith("lo_orphan_vip{")]
    assert orphans == [0] * 70
    findings = [name for name in metrics if name.startswith("lowatch_finding{")]
    assert len(findings) == 1059 - 70
    assert len(metrics) - len(orphans) - len(findings) < 275
    assert metrics["lowatch_series_dropped_total"] == 0
    assert {alert.kind for alert in alerts} == {"idle-vip"}
