"""keepalived.conf: ours against the addresses that keepalived itself adds."""

from __future__ import annotations

from pathlib import Path

from lowatch.boot.keepalived import read
from lowatch.boot.source import Source
from lowatch.core.addresses import format_address
from tests.support.neighbours import Keepalived
from tests.support.netns import Netns
from tests.support.shown_addresses import shown_addresses
from tests.support.waiting import eventually

MAIN = """\
! a comment { in the way
# another }
static_ipaddress {
    192.0.2.50/32 dev lo   # 192.0.2.99/32
    192.0.2.51 dev lo label lo:s ! 192.0.2.99/32 dev lo
}
vrrp_instance one {
    state MASTER
    virtual_ipaddress {
        192.0.2.60
        192.0.2.61/24 brd 192.0.2.255 dev lo scope host label lo:v
    }
    interface vrrp0
    virtual_router_id 51
    priority 255
    virtual_ipaddress_excluded
    {
        2001:db8::60 dev lo
    }
    authentication {
        auth_type PASS
        auth_pass "1!#2"
    }
    virtual_routes {
        198.51.100.0/24 dev vrrp0
    }
}
include conf.d/*.conf
include none.conf
"""
SECOND = """\
vrrp_instance two {
    interface vrrp0
    state MASTER
    virtual_router_id 52
    priority 255
    include addresses.inc
    virtual_ipaddress { 192.0.2.80/32 dev lo }
}
"""
ADDRESSES = """\
virtual_ipaddress {
    192.0.2.70/32

    @here 192.0.2.71/32
    @^here 192.0.2.72/32
}
"""


def held(netns: Netns) -> set[tuple[str, str]]:
    return shown_addresses(netns.ip("-json address show"))


def test_the_addresses_of_each_block(netns: Netns, tmp_path: Path) -> None:
    netns.ip("link add vrrp0 type veth peer name vrrp1")
    netns.ip("address add 10.99.0.1/24 dev vrrp0")
    netns.ip("link set vrrp0 up")
    netns.ip("link set vrrp1 up")
    directory = tmp_path / "etc/keepalived"
    (directory / "conf.d").mkdir(parents=True)
    (directory / "conf.d/two.conf").write_text(SECOND)
    (directory / "conf.d/addresses.inc").write_text(ADDRESSES)
    source = Source(tmp_path)
    with netns.entered(), Keepalived(directory, MAIN) as keepalived:
        entries = list(read(source))
        ours = {
            (f"{format_address(entry.address)}/{entry.prefixlen}", entry.interface or "")
            for entry in entries
            if "@here" not in entry.note
        }
        eventually(lambda: held(netns) == ours, about=lambda: f"{held(netns)} {ours} {keepalived.log}")
    assert source.unread == []
    assert len(ours) == 8
    assert {entry.note for entry in entries} == {
        "",
        "while it is master",
        "while it is master, where @here applies",
        "while it is master, where @^here applies",
    }
