"""anycast-healthchecker with BIRD: it announces and withdraws, and never touches the address."""

from __future__ import annotations

import pytest

from tests.neighbours.lab import VIP, Lab
from tests.support.checking import mend
from tests.support.neighbours import AnycastHealthchecker, Bird
from tests.support.waiting import eventually

BIRD = """\
include "/etc/lab/anycast-prefixes.conf";
router id 198.51.100.1;
protocol device { }
protocol direct {
    ipv4;
    interface "lo";
}
protocol bgp upstream {
    local 198.51.100.1 as 65001;
    neighbor 198.51.100.2 as 65002;
    connect delay time 1;
    connect retry time 1;
    error wait time 1, 1;
    ipv4 {
        import none;
        export where net ~ ACAST_PS_ADVERTISE;
        next hop self;
    };
}
"""
NOTHING_YET = "define ACAST_PS_ADVERTISE = [ 10.189.200.255/32 ];\n"
HEALTHCHECKER = """\
[daemon]
pidfile = /etc/lab/anycast-healthchecker.pid
bird_conf = /etc/lab/anycast-prefixes.conf
bird_reconfigure_cmd = /usr/sbin/birdc -s /etc/lab/bird.ctl configure
"""
SERVICE = """\
[web]
check_cmd = /usr/bin/curl -sf -o /dev/null http://127.0.0.1/
check_interval = 0.2
check_timeout = 10
check_rise = 1
check_fail = 1
check_disabled = false
interface = lo
ip_prefix = 192.0.2.10/32
"""


def start(lab: Lab) -> AnycastHealthchecker:
    """Returns when the address is announced, and watched by lowatch."""
    lab.routed()
    lab.web1.ip(f"address add {VIP}/32 dev lo")  # by ifupdown, netplan, networkd: for good
    (lab.directory / "anycast-prefixes.conf").write_text(NOTHING_YET)
    bird, configuration = (text.replace("/etc/lab", str(lab.directory)) for text in (BIRD, HEALTHCHECKER))
    lab.start(Bird(lab.directory, bird))
    healthchecker = AnycastHealthchecker(lab.directory, configuration, SERVICE)
    lab.start(healthchecker)
    lab.until_announced()
    return healthchecker


def test_the_route_is_withdrawn_and_the_address_stays(lab: Lab) -> None:
    start(lab)
    daemon = lab.watch()
    lab.assert_served()
    lab.transcript.run("cat service.conf")
    lab.show("web1 is healthy: the address is announced", router=True)

    lab.web.kill()
    lab.until_withdrawn()
    finding = lab.assert_orphan()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    lab.show("web1's web server ends: the route is withdrawn, and the address stays", router=True)
    lab.show_finding()
    lab.show_mended(finding)
    lab.transcript.assert_documented("anycast-healthchecker")


def test_a_service_that_is_back_is_announced_only_with_its_address(lab: Lab) -> None:
    """The way back from the fix."""
    healthchecker = start(lab)
    lab.watch()
    lab.web.kill()
    lab.mend(lab.assert_orphan())
    lab.web.start()
    missing = "isn't assigned to lo interface"
    eventually(lambda: missing in healthchecker.log)
    assert not lab.announced()

    lab.web1.ip(f"address add {VIP}/32 dev lo")
    lab.until_announced()
    lab.assert_served()


@pytest.mark.parametrize("gently", [True, False], ids=["SIGTERM", "SIGKILL"])
def test_ended_it_leaves_the_announcement_too(lab: Lab, gently: bool) -> None:
    """Then nobody is told elsewhere that the service is dead; the fix withdraws the route as well."""
    healthchecker = start(lab)
    lab.watch()
    (healthchecker.stop if gently else healthchecker.kill)()
    lab.assert_served()
    lab.web.kill()
    finding = lab.assert_orphan()
    assert lab.announced()
    mend(lab.web1, finding["fix"])
    lab.until_withdrawn()
    lab.assert_elsewhere()
