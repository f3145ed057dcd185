"""Real ARP between two namespaces: who answers for an address, and in whose name requests are sent."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.netns import Netns

HERE, NEIGHBOUR, SILENT = "198.51.100.1", "198.51.100.2", "198.51.100.99"
"""In the subnet of the NIC: this host's own address, the neighbour's, and one that nobody has."""

_BROADCAST = b"\xff" * 6
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_ICMP = struct.Struct("!BBHHH")
_ETH_P_ALL, _ETH_P_IP, _ETH_P_ARP = 0x0003, 0x0800, 0x0806
_REQUEST, _REPLY = 1, 2
_ICMP_AT = _ETHERNET.size + _IPV4.size
_DISCARD = 9
_SIOCDARP = 0x8953
_SIOCGIFADDR = 0x8915
_ARPREQ = struct.Struct("=HH4s8x16xi16x16s")


def arp_settings(netns: Netns, **settings: tuple[int, int]) -> None:
    """arp_ignore and arp_announce: `arp_settings(netns, all=(0, 0), eth0=(1, 2))`.

    A new namespace begins with those of the first one, whatever they are.
    """
    with netns.entered():
        for interface, values in settings.items():
            for name, value in zip(("arp_ignore", "arp_announce"), values, strict=True):
                Path("/proc/sys/net/ipv4/conf", interface, name).write_text(f"{value}\n")


class Wire:
    """A veth pair from `host` to a namespace of a neighbour, who reads all frames at its end.

    nic: the host's end, up and with HERE/24. Frames come in the order in which they were sent: what is
    not answered before the next one is, is not answered. So nothing here waits for silence.
    mac: the neighbour's, which the host knows for good.
    """

    def __init__(self, host: Netns, nic: str = "eth0") -> None:
        self._host, self._nic = host, nic
        neighbour = host.sibling()
        host.ip(f"link add {nic} type veth peer name peer0 netns {neighbour.path}")
        neighbour.batch([f"addr add {NEIGHBOUR}/24 dev peer0", "link set peer0 up"])
        host.batch([f"addr add {HERE}/24 dev {nic}", f"link set {nic} up"])
        with neighbour.entered():
            self._raw, self._mac = _raw_socket("peer0")
        with host.entered():
            there, self._host_mac = _raw_socket(nic)
            there.close()
        self.mac = self._mac.hex(":")
        host.ip(f"neigh replace {NEIGHBOUR} lladdr {self.mac} dev {nic} nud permanent")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._raw.close()

    def answers(self, address: str, sender: str = NEIGHBOUR) -> bool:
        """Whether the host answers an ARP request for the address."""
        with _on_one_cpu():
            self._raw.send(self._request(address, sender))
            self._raw.send(self._echo_request())
        answered = False
        for frame in self._frames():
            operation, named, _ = _arp_of(frame)
            answered |= operation == _REPLY and named == address
            if frame[12:14] == b"\x08\x00" and frame[_ICMP_AT] == 0:
                return answered
        raise AssertionError("frames end")

    def sender(self, source: str) -> str:
        """In whose name the host asks for a neighbour's MAC, to send it something from `source`."""
        with self._host.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((source, 0))
            client.sendto(b"", (SILENT, _DISCARD))
            try:
                return next(
                    named
                    for operation, named, wanted in map(_arp_of, self._frames())
                    if (operation, wanted) == (_REQUEST, SILENT)
                )
            finally:
                fcntl.ioctl(client, _SIOCDARP, self._forgotten(SILENT))

    def _frames(self) -> Iterator[bytes]:
        while True:
            yield self._raw.recv(2048)

    def _request(self, address: str, sender: str) -> bytes:
        wanted = (bytes(6), socket.inet_aton(address))
        arp = _ARP.pack(1, _ETH_P_IP, 6, 4, _REQUEST, self._mac, socket.inet_aton(sender), *wanted)
        return _ETHERNET.pack(_BROADCAST, self._mac, _ETH_P_ARP) + arp

    def _echo_request(self) -> bytes:
        """A ping of the host's own address, which is answered whatever its ARP settings are."""
        ends = (socket.inet_aton(NEIGHBOUR), socket.inet_aton(HERE))
        icmp = _ICMP.pack(8, 0, _checksum(_ICMP.pack(8, 0, 0, 7, 1)), 7, 1)
        header = (0x45, 0, _IPV4.size + len(icmp), 0, 0, 64, socket.IPPROTO_ICMP)
        ipv4 = _IPV4.pack(*header, _checksum(_IPV4.pack(*header, 0, *ends)), *ends)
        return _ETHERNET.pack(self._host_mac, self._mac, _ETH_P_IP) + ipv4 + icmp

    def _forgotten(self, address: str) -> bytes:
        """struct arpreq, of a neighbour that the host is to know nothing of."""
        return _ARPREQ.pack(socket.AF_INET, 0, socket.inet_aton(address), 0, self._nic.encode())


def _raw_socket(device: str) -> tuple[socket.socket, bytes]:
    """With the device's MAC."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    raw.bind((device, _ETH_P_ALL))
    raw.settimeout(5.0)
    return raw, raw.getsockname()[4]


def _arp_of(frame: bytes) -> tuple[int, str, str]:
    """Operation, sender, target; operation 0 where it is not ARP."""
    if frame[12:14] != b"\x08\x06":
        return 0, "", ""
    _, _, _, _, operation, _, sender, _, target = _ARP.unpack_from(frame, _ETHERNET.size)
    return operation, socket.inet_ntoa(sender), socket.inet_ntoa(target)


def _checksum(data: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


@contextmanager
def _on_one_cpu() -> Iterator[None]:
    """Frames that are sent through one CPU's backlog stay in order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def who_has(place: Netns, nic: str, address: str, hosts: Iterable[str]) -> set[str]:
    """The MACs that answer when a namespace asks its Ethernet for an address.

    hosts: an address of each host there. They are asked for next, and each host answers in order: once
    all of them have answered, nobody else will.
    """
    waiting = set(hosts)
    answering = set()
    with place.entered():
        raw, mac = _raw_socket(nic)
        with raw, _on_one_cpu():
            own = _own_address(nic)
            for wanted in (address, *sorted(waiting)):
                arp = (mac, socket.inet_aton(own), bytes(6), socket.inet_aton(wanted))
                raw.send(
                    _ETHERNET.pack(_BROADCAST, mac, _ETH_P_ARP)
                    + _ARP.pack(1, _ETH_P_IP, 6, 4, _REQUEST, *arp)
                )
            while waiting:
                frame = raw.recv(2048)
                operation, named, _ = _arp_of(frame)
                if operation == _REPLY and named == address:
                    answering.add(frame[6:12].hex(":"))
                elif operation == _REPLY:
                    waiting.discard(named)
    return answering


def _own_address(nic: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16s24x", nic.encode())
        return socket.inet_ntoa(fcntl.ioctl(control, _SIOCGIFADDR, request)[20:24])
