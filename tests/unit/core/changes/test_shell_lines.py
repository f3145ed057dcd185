"""The `ip` commands of an undo script; tests/netns/test_clean.py runs one."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.changes.rows import FOREVER, AddressRow, RouteRow
from lowatch.core.changes.shell_lines import shell_lines
from lowatch.core.changes.undo import Entry, Was

VIP, VIP6, PEER = map(parse_address, ("192.0.2.10", "2001:db8::10", "192.0.2.99"))


def line(row: AddressRow | RouteRow, was: Was = "removed") -> str:
    [found] = shell_lines([Entry(was, row)])
    return found


def test_an_address() -> None:
    assert (
        line(AddressRow("lo", VIP, 32, label="lo", flags=0x81)) == "ip address replace 192.0.2.10/32 dev lo"
    )
    full = AddressRow("lo", VIP, 24, PEER, "lo:vip", 0x200, 253, PEER, 7, 66, 400, 500)
    assert line(full) == (
        "ip address replace 192.0.2.10 peer 192.0.2.99/24 dev lo broadcast 192.0.2.99 label lo:vip "
        "scope 253 metric 7 proto 66 noprefixroute valid_lft 500 preferred_lft 400"
    )
    old = AddressRow("dummy 0", VIP6, 64, flags=0x02 | 0x20, preferred=0, valid=FOREVER)
    assert line(old) == (
        "ip address replace 2001:db8::10/64 dev 'dummy 0' nodad valid_lft forever preferred_lft 0"
    )


def test_a_route() -> None:
    host = RouteRow("lo", parse_prefix("192.0.2.10/32"), 255, 2, 66, 254)
    assert line(host) == "ip route append local 192.0.2.10/32 dev lo table 255 proto 66 scope 254"
    full = host._replace(
        tos=4, priority=5, source=VIP, metrics=(("RTAX_LOCK", 4), ("RTAX_MTU", 1400), ("RTAX_INITCWND", 9))
    )
    assert line(full) == (
        "ip route append local 192.0.2.10/32 dev lo table 255 proto 66 tos 4 scope 254 metric 5 "
        "src 192.0.2.10 mtu lock 1400 initcwnd 9"
    )
    six = RouteRow("lo", parse_prefix("2001:db8::/64"), 254, 1, 2, priority=256, preference=1)
    assert line(six) == "ip -6 route add 2001:db8::/64 dev lo table 254 proto 2 metric 256 pref high"


def test_what_was_added_is_deleted_last_and_what_was_kept_is_left_alone() -> None:
    one, other = AddressRow("lo", VIP, 24), AddressRow("lo", VIP, 32)
    entries = [Entry("added", other), Entry("removed", one), Entry("kept", AddressRow("lo", PEER, 32))]
    assert list(shell_lines(entries)) == [
        "ip address replace 192.0.2.10/24 dev lo",
        "ip address del 192.0.2.10/32 dev lo",
    ]
