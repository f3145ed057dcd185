"""ExaBGP's healthcheck: it puts the VIP on lo, and takes it away if it has a label and its last words."""

from __future__ import annotations

from tests.neighbours.lab import Lab
from tests.support.neighbours import ExaBGP

CONFIGURATION = """\
process watch-web {
    run /usr/bin/python3 -m exabgp healthcheck --config /etc/lab/healthcheck.conf;
    encoder text;
}
neighbor 198.51.100.2 {
    router-id 198.51.100.1;
    local-address 198.51.100.1;
    local-as 65001;
    peer-as 65002;
    family {
        ipv4 unicast;
    }
    api {
        processes [ watch-web ];
    }
}
"""
HEALTHCHECK = """\
command = curl -sf -o /dev/null http://127.0.0.1/
interval = 0.2
fast-interval = 0.1
rise = 1
fall = 1
ip = 192.0.2.10/32
withdraw-on-down
dynamic-ip-setup
"""
LABEL = "label = web\n"


def start(lab: Lab, healthcheck: str) -> ExaBGP:
    """Returns when the address is held and announced, and watched by lowatch."""
    lab.routed()
    (lab.directory / "healthcheck.conf").write_text(healthcheck)
    exabgp = ExaBGP(lab.directory, CONFIGURATION.replace("/etc/lab", str(lab.directory)))
    lab.start(exabgp)
    lab.until_held()
    lab.until_announced()
    return exabgp


def test_without_a_label_it_never_removes_the_address(lab: Lab) -> None:
    """Though --dynamic-ip-setup says so; alive and well, in the middle of its normal business."""
    exabgp = start(lab, HEALTHCHECK)
    daemon = lab.watch()
    lab.assert_served()
    lab.transcript.run("cat healthcheck.conf")
    lab.show("web1 is healthy: the address is held and announced", router=True)

    lab.web.kill()
    lab.until_withdrawn()
    finding = lab.assert_orphan()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    lab.show("web1's web server ends: the route is withdrawn, and the address stays", router=True)
    lab.show_finding()
    lab.show_mended(finding)
    lab.transcript.assert_documented("exabgp")

    lab.web.start()
    lab.until_held()
    lab.until_announced()
    lab.assert_served()
    exabgp.stop()
    lab.until_withdrawn()
    assert lab.held()


def test_killed_it_leaves_the_address(lab: Lab) -> None:
    """Even with a label: the healthcheck notices that ExaBGP is gone, and goes without a word."""
    exabgp = start(lab, HEALTHCHECK + LABEL)
    daemon = lab.watch()
    lab.assert_served()
    lab.transcript.run("grep -e label -e dynamic healthcheck.conf")

    exabgp.kill_first()
    lab.until_withdrawn()
    lab.assert_served()
    lab.show("ExaBGP gets SIGKILL: its session ends, its healthcheck ends, the address stays", router=True)
    lab.web.kill()
    finding = lab.assert_orphan()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    lab.show("then web1's web server ends, too", router=True)
    lab.show_finding()
    lab.show_mended(finding)
    lab.transcript.assert_documented("exabgp-killed")


def test_started_again_with_a_label_it_removes_the_address(lab: Lab) -> None:
    """As Debian's unit has it, with Restart=always."""
    exabgp = start(lab, HEALTHCHECK + LABEL)
    daemon = lab.watch()
    exabgp.kill_first()
    lab.web.kill()
    lab.assert_orphan()
    exabgp.start()
    lab.until_gone()
    lab.assert_elsewhere()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def test_with_a_label_it_takes_the_address_along(lab: Lab) -> None:
    exabgp = start(lab, HEALTHCHECK + LABEL)
    daemon = lab.watch(hold="5s")
    lab.assert_served()
    lab.web.kill()
    lab.until_gone()
    lab.assert_elsewhere()

    lab.web.start()
    lab.until_held()
    lab.until_announced()
    lab.assert_served()
    exabgp.stop()
    lab.assert_elsewhere()
    assert daemon.announced("orphan-vip") == []
