"""python -m tests.kernels.features: what the running kernel can do, a line each: "yes NAME" or "no NAME".

Asked, never looked up by a version. docs/internals/kernels.md has what lowatch does without each.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from struct import Struct

from lowatch.core.addresses import parse_address
from lowatch.wire import inet_diag, nexthop, rtnetlink
from lowatch.wire.netlink import NLMSG_DONE, attribute, request, spans
from tests.kernel_behaviour.asking import (
    LO,
    NETLINK_ROUTE,
    NETLINK_SOCK_DIAG,
    KernelError,
    ask,
    lookup,
    netlink_socket,
    route_to,
)
from tests.support.netns import CommandError, Netns, isolate_session

_SOL_NETLINK, _NETLINK_GET_STRICT_CHK = 270, 12
_IPPROTO_MPTCP = 262
_IFADDRMSG = Struct("=BBBBI")
_IFA_LOCAL, _IFA_PROTO = 2, 11
_NLM_F_CREATE = 0x400


def _ip(*commands: str) -> Callable[[Netns], bool]:
    """Whether `ip` can do all of it."""

    def has(netns: Netns) -> bool:
        for command in commands:
            netns.ip(command)
        return True

    return has


def _looks_up(protocol: str) -> Callable[[Netns], bool]:
    """As lowatch tells "no such socket" from "no such module": only the second fails a dump."""

    def has(netns: Netns) -> bool:
        del netns
        reply, span = ask(NETLINK_SOCK_DIAG, inet_diag.dump_nothing(0, protocol))
        del reply
        return span.type == NLMSG_DONE

    return has


def _strict_dumps(netns: Netns) -> bool:
    del netns
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        sock.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
    return True


def _matched_route(netns: Netns) -> bool:
    netns.ip("link add eth0 type bridge")
    netns.ip("addr add 192.0.2.1/24 dev eth0")
    netns.ip("link set eth0 up")
    return route_to("192.0.2.1").ifindex != 1


def _flows(netns: Netns) -> bool:
    netns.batch(["rule add pref 100 lookup local", "rule del pref 0"])
    netns.ip("rule add pref 50 to 127.0.0.9 ipproto tcp dport 81 prohibit")
    flow = rtnetlink.Flow(parse_address("127.0.0.9"), None, "tcp", None, 81)
    try:
        ask(NETLINK_ROUTE, rtnetlink.get_flow(0, flow))
    except KernelError as error:
        return error.errno == errno.EACCES
    return False


def _nexthops(netns: Netns) -> bool:
    del netns
    try:
        ask(NETLINK_ROUTE, nexthop.get_nexthop(0, 1))
    except KernelError as error:
        return error.errno == errno.ENOENT
    return False


def _closed_sockets(netns: Netns) -> bool:
    del netns
    netlink_socket(NETLINK_SOCK_DIAG, *inet_diag.DESTROY_GROUPS).close()
    return True


def _cgroup(netns: Netns) -> bool:
    netns.listener("127.0.0.1", 80)
    found = lookup("127.0.0.1", "80/tcp")
    return found is not None and found.cgroup is not None


def _mptcp(netns: Netns) -> bool:
    del netns
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_MPTCP).close()
    return True


def _origin(netns: Netns) -> bool:
    """Without `ip`, whose own version would decide."""
    del netns
    address = parse_address("192.0.2.10")
    body = _IFADDRMSG.pack(socket.AF_INET, 32, 0, 0, LO)
    body += attribute(_IFA_LOCAL, address) + attribute(_IFA_PROTO, b"\x63")
    with closing(netlink_socket(NETLINK_ROUTE)) as sock:
        sock.send(request(rtnetlink.RTM_NEWADDR, _NLM_F_CREATE, 0, body))
        sock.send(rtnetlink.dump_addresses(0))
        data = sock.recv(1 << 16)
        found = [
            rtnetlink.parse_address(data, s.start, s.end)
            for s in spans(data)
            if s.type == rtnetlink.RTM_NEWADDR
        ]
    return any(one.shape.protocol == 0x63 for one in found if one is not None)


def _source_goes(netns: Netns) -> bool:
    netns.batch(["link add eth0 type veth peer name eth1", "link set eth1 up", "link set eth0 up"])
    netns.ip("addr add 2001:db8:1::1/64 dev eth0 nodad")
    netns.ip("addr add 2001:db8::10/128 dev lo nodad")
    netns.ip("-6 route add 2001:db8:9::/48 via 2001:db8:1::2 src 2001:db8::10")
    netns.ip("addr del 2001:db8::10/128 dev lo")
    return "src" not in netns.ip("-6 route show 2001:db8:9::/48")


def _rmem(netns: Netns) -> bool:
    with netns.entered():
        return Path("/proc/sys/net/core/rmem_max").exists()


def _nat(netns: Netns) -> bool:
    netns.nft("table ip nat { chain out { type nat hook output priority -100; redirect; }; }")
    return True


def _ipvs(netns: Netns) -> bool:
    with netns.entered():
        subprocess.run(
            ["modprobe", "-a", "ip_vs", "ip_vs_rr", "ip_vs_wlc"], check=True, capture_output=True
        )
        return Path("/proc/net/ip_vs").exists()


FEATURES: dict[str, Callable[[Netns], bool]] = {
    "IPv6": _ip("addr add 2001:db8::10/128 dev lo"),
    "dumps are filtered in the kernel": _strict_dumps,
    "the matched route of an address": _matched_route,
    "the route of a flow, ports included": _flows,
    "nexthop objects": _nexthops,
    "the exact lookup of a TCP socket": _looks_up("tcp"),
    "the exact lookup of a UDP socket": _looks_up("udp"),
    "closed sockets are announced": _closed_sockets,
    "the cgroup of a socket": _cgroup,
    "who added an address (IFA_PROTO)": _origin,
    "MPTCP": _mptcp,
    "NAT by nftables": _nat,
    "dummy interfaces": _ip("link add dummy9 type dummy"),
    "VRF": _ip("link add vrf9 type vrf table 10"),
    "IPVS": _ipvs,
    "a link that is up can be renamed": _ip(
        "link add eth0 type bridge", "link set eth0 up", "link set eth0 name eth9"
    ),
    "a deleted IPv6 address is no route's source any more": _source_goes,
    "net.core.rmem_max in each network namespace": _rmem,
}


def has(feature: str) -> bool:
    with Netns() as netns, netns.entered():
        try:
            return FEATURES[feature](netns)
        except (OSError, CommandError, subprocess.CalledProcessError):
            return False


def main() -> int:
    isolate_session()
    for feature in FEATURES:
        print("yes" if has(feature) else "no", feature, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
