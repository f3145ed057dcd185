"""keepalived: it takes its VIP along whenever it can say so, and leaves it when it is killed."""

from __future__ import annotations

from tests.neighbours.lab import Lab
from tests.support.neighbours import Keepalived

CONFIGURATION = """\
global_defs {
    vrrp_version 3                # advertisements more often than once a second
    script_user root
    enable_script_security
}
vrrp_script web {
    script "/usr/bin/curl -sf -o /dev/null http://127.0.0.1/"
    interval 1
    fall 1
    rise 1
}
vrrp_instance web {
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.10/32 dev lo
    }
    track_script {
        web
    }
}
"""


# For what the script says, where that matters: keepalived wants setgroups() before it runs one,
# which the user namespace that an ordinary user's tests run in does not have.
SCRIPT = CONFIGURATION[CONFIGURATION.index("vrrp_script") : CONFIGURATION.index("vrrp_instance")]
TRACK_FILE = """\
vrrp_track_file web {
    file /etc/lab/health
    weight 0
}
"""
BY_FILE = CONFIGURATION.replace(SCRIPT, TRACK_FILE).replace("track_script", "track_file")


def start_pair(lab: Lab, configuration: str = CONFIGURATION) -> Keepalived:
    """web1's, which becomes master before web2's is there."""
    lab.one_segment()
    set_health(lab, good=True)
    ours = Keepalived(lab.directory, configuration.replace("/etc/lab", str(lab.directory)))
    lab.start(ours)
    lab.until_held()
    theirs = CONFIGURATION.replace("priority 150", "priority 100")
    lab.start(Keepalived(lab.directory, theirs, "keepalived2"), lab.web2)
    return ours


def set_health(lab: Lab, *, good: bool) -> None:
    (lab.directory / "health").write_text(f"{int(not good)}\n")


def test_killed_it_leaves_the_vip(lab: Lab) -> None:
    keepalived = start_pair(lab)
    daemon = lab.watch()
    lab.assert_served()
    lab.transcript.run("cat keepalived.conf")
    lab.show("web1 is master")

    keepalived.kill()
    lab.until_held(lab.web2)
    lab.assert_served()  # here, though the network has gone to web2
    lab.show("keepalived and its child get SIGKILL; web2 becomes master")

    lab.web.kill()
    finding = lab.assert_orphan()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
    lab.show("then web1's web server ends, too")
    lab.show_finding()
    lab.show_mended(finding)
    lab.transcript.assert_documented("keepalived")


def test_started_again_it_takes_the_vip_away(lab: Lab) -> None:
    """Debian's unit does not start it again: it has no Restart=."""
    keepalived = start_pair(lab, BY_FILE)
    daemon = lab.watch()
    keepalived.kill()
    lab.until_held(lab.web2)
    lab.web.kill()
    lab.assert_orphan()

    set_health(lab, good=False)
    keepalived.start()
    lab.assert_elsewhere()
    daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])


def test_alive_it_takes_the_vip_along(lab: Lab) -> None:
    """When the service fails, when it is stopped, and when only its first process is killed."""
    keepalived = start_pair(lab, BY_FILE)
    daemon = lab.watch(hold="5s")
    lab.assert_served()
    lab.web.kill()
    set_health(lab, good=False)
    lab.until_gone()
    lab.until_held(lab.web2)
    lab.assert_elsewhere()

    set_health(lab, good=True)
    lab.web.start()
    lab.until_held()
    lab.assert_served()
    keepalived.stop()
    lab.until_held(lab.web2)
    lab.assert_elsewhere()

    keepalived.start()
    lab.until_held()
    keepalived.kill_first()
    lab.until_held(lab.web2)
    lab.assert_elsewhere()
    assert daemon.announced("orphan-vip") == []
