"""The programs that add addresses when a machine boots, each with a file that has a VIP."""

from __future__ import annotations

from typing import NamedTuple

from tests.support.booted import DBUS


class Program(NamedTuple):
    """file: what configures the VIP in line 4, and below it 192.0.2.99, which stays.

    start, stop: what happens at boot, and its contrary. access: the owner and the mode of the file.
    """

    name: str
    file: str
    text: str
    start: str
    stop: str
    access: str = "root:root 644"


NETWORKD = Program(
    "networkd",
    "/etc/systemd/network/10-lo.network",
    "[Match]\nName=lo\n[Network]\nAddress=192.0.2.20/32\nAddress=192.0.2.99/32\n",
    "systemctl unmask --quiet systemd-networkd.socket systemd-networkd.service; "
    "systemctl restart systemd-networkd.service",
    "systemctl mask --quiet --now systemd-networkd.socket systemd-networkd.service",
)
IFUPDOWN = Program(
    "ifupdown",
    "/etc/network/interfaces",
    "auto lo\niface lo inet loopback\n    up true\n    up ip address replace 192.0.2.20/32 dev lo\n"
    "    up ip address replace 192.0.2.99/32 dev lo\n",
    "ifup --force lo",
    "ifdown --force lo; ip link set lo up",
)
NETWORKMANAGER = Program(
    "NetworkManager",
    "/etc/NetworkManager/system-connections/lo.nmconnection",
    "[ipv4]\nmethod=manual\n# VIPs\naddress1=192.0.2.20/32\naddress2=192.0.2.99/32\n"
    "[connection]\ntype=loopback\ninterface-name=lo\n",
    f"systemctl unmask --quiet {DBUS}; systemctl restart NetworkManager.service",
    f"systemctl stop NetworkManager.service; systemctl mask --quiet --now {DBUS}; "
    "rm -rf /run/NetworkManager /var/lib/NetworkManager/*; "
    "sysctl --quiet net.ipv6.conf.lo.accept_ra=1 net.ipv6.conf.lo.addr_gen_mode=0",
    "root:root 600",
)
FRR = Program(
    "FRR",
    "/etc/frr/frr.conf",
    "hostname lab\ninterface lo\n description VIPs\n ip address 192.0.2.20/32\n"
    " ip address 192.0.2.99/32\nexit\n",
    "systemctl reset-failed frr.service; systemctl restart frr.service",
    "systemctl stop frr.service",
    "frr:frr 640",
)
ZEBRA = FRR._replace(
    file="/etc/frr/zebra.conf",
    start=f"rm -f /etc/frr/frr.conf; {FRR.start}",
)
