"""One Ethernet segment with several hosts, each a network namespace, and a client's view of it."""

from __future__ import annotations

import json
import socket

from tests.support.arp import who_has
from tests.support.netns import Netns
from tests.support.waiting import eventually


class Segment:
    """A switch, which is a bridge in a namespace of its own. A host's port is its eth0."""

    def __init__(self, first: Netns) -> None:
        self._first = first
        self._switch = first.sibling()
        self._switch.batch(["link add switch type bridge", "link set switch up"])
        self._hosts: dict[str, Netns] = {}

    def host(self, address: str, place: Netns | None = None) -> Netns:
        """A host with that address (and its prefix length) on its eth0. place: a namespace that exists."""
        place = place or self._first.sibling()
        port = f"port{len(self._hosts)}"
        place.ip(f"link add eth0 type veth peer name {port} netns {self._switch.path}")
        self._switch.batch([f"link set {port} master switch", f"link set {port} up"])
        place.batch([f"addr add {address} dev eth0", "link set eth0 up"])
        eventually(lambda: "state UP" in place.ip("link show eth0"))
        eventually(lambda: "state forwarding" in self._switch.run("bridge", "link", "show", "dev", port))
        # A new namespace begins with the settings of the first one, whatever they are.
        for setting in ("arp_ignore", "arp_announce", "rp_filter"):
            for conf in ("all", "eth0", "lo"):
                place.sysctl(f"net.ipv4.conf.{conf}.{setting}", 0)
        self._hosts[address.partition("/")[0]] = place
        return place

    def who_has(self, address: str, asked_by: Netns) -> set[str]:
        """The own addresses of the hosts that answer a host's ARP request for an address."""
        others = {own: host for own, host in self._hosts.items() if host is not asked_by}
        owners = {mac(host): own for own, host in others.items()}
        return {owners[answering] for answering in who_has(asked_by, "eth0", address, others)}


def mac(host: Netns) -> str:
    """That of its eth0."""
    (link,) = json.loads(host.ip("-json link show eth0"))
    return str(link["address"])


def ask(host: Netns, address: str, port: int = 80, timeout: float = 10.0) -> str:
    """Who answers a connect from a host: the last word of the response. Raises OSError as connect()."""
    with host.entered(), socket.create_connection((address, port), timeout) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with client.makefile() as response:
            return response.read().split()[-1]


def answers(host: Netns, address: str, times: int = 4, timeout: float = 10.0) -> set[str]:
    """Who answers several connects from a host, one after the other."""
    return {ask(host, address, timeout=timeout) for _ in range(times)}
