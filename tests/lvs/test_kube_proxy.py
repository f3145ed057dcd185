"""A Kubernetes node whose kube-proxy uses IPVS, as far as the kernel sees it.

kube-proxy puts the address of each service on kube-ipvs0, a dummy that stays down, and makes a virtual
service of each of its ports. It masquerades what comes from those addresses, so that a pod's answers come
back. The node has no socket for any of this: a client on the node is accepted all the same.

    node   10.244.0.1 on pods0, kube-ipvs0 with the services' addresses; lowatch runs here
    pod    10.244.0.2 on eth0, with a web server
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lvs.segment import ask
from tests.support.checking import Checked, check, mend
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.neighbours import WebServer
from tests.support.netns import Netns

WEB, DNS, IDLE = "10.96.0.80", "10.96.0.53", "10.96.0.99"
POD = "10.244.0.2"
ZONE = f"web A {WEB}\nkube-dns A {DNS}"
TOP = 'interfaces = ["lo", "kube-ipvs0"]\nhold = "0s"\n'
ACCEPTED = """
[[acknowledge]]
kind = "holder-down"
interface = "kube-ipvs0"
until = 2099-12-31
reason = "kube-proxy leaves it down, and it works"
"""


class Node:
    def __init__(self, node: Netns, directory: Path, stack: ExitStack) -> None:
        self.netns, self.directory = node, directory
        self.pod = node.sibling()
        node.ip(f"link add pods0 type veth peer name eth0 netns {self.pod.path}")
        for place, address, name in (node, "10.244.0.1", "pods0"), (self.pod, POD, "eth0"):
            place.batch([f"addr add {address}/24 dev {name}", f"link set {name} up"])
        self.web = WebServer(directory, "pod")
        with self.pod.entered():
            stack.enter_context(self.web)
        node.sysctl("net.ipv4.ip_forward", 1)
        node.sysctl("net.ipv4.vs.conntrack", 1)
        node.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        node.sysctl("net.ipv4.conf.all.arp_announce", 2)
        node.nft(
            "table ip kube { chain postrouting { type nat hook postrouting priority srcnat; "
            "oifname pods0 ip saddr != 10.244.0.1 masquerade; }; }"
        )
        node.ip("link add kube-ipvs0 type dummy")
        self.knot = stack.enter_context(Knot({"cluster.example": ZONE}))

    def service(self, address: str, port: int = 80, *, protocol: str = "tcp") -> None:
        """A virtual service without endpoints."""
        if address not in self.netns.ip("addr show dev kube-ipvs0"):
            self.netns.ip(f"addr add {address}/32 dev kube-ipvs0")
        self.netns.run("ipvsadm", "--add-service", f"--{protocol}-service", f"{address}:{port}", "-s", "rr")

    def endpoint(self, address: str, port: int = 80, *, protocol: str = "tcp", ready: bool = True) -> None:
        """Whether the pod is an endpoint of a service."""
        command = ["--add-server", "--masquerading"] if ready else ["--delete-server"]
        service = [f"--{protocol}-service", f"{address}:{port}"]
        self.netns.run("ipvsadm", command[0], *service, "--real-server", f"{POD}:{port}", *command[1:])

    def configuration(self, *domains: str) -> str:
        names = ", ".join(f'"{domain}"' for domain in domains)
        return configuration(self.knot, f"{TOP}domains = [{names}]", tables=ACCEPTED)

    def check(self, *domains: str) -> Checked:
        return check(self.directory, self.configuration(*domains))


@pytest.fixture
def node(netns: Netns, tmp_path: Path) -> Iterator[Node]:
    with ExitStack() as stack:
        yield Node(netns, tmp_path, stack)


def test_a_service_is_redirected_while_it_has_endpoints(node: Node) -> None:
    """No socket serves it: only a connect finds out, and again when it ends."""
    web = "web.cluster.example"
    node.service(WEB)
    node.endpoint(WEB)
    assert ask(node.netns, WEB) == "pod"
    with Daemon(node.directory, node.configuration(f"{web}:80")) as daemon:
        assert daemon.verdict(web) == "redirected"
        assert daemon.orphan(web, WEB, interface="kube-ipvs0") == 0
        seen = node.check(f"{web}:80")
        assert (seen.code, seen.verdict(web)) == (0, "redirected")
        assert seen.endpoints(web)[80]["listener"] is None

        # The last endpoint goes; the service stays, and IPVS refuses.
        node.endpoint(WEB, ready=False)
        with pytest.raises(ConnectionRefusedError):
            ask(node.netns, WEB)
        daemon.until(lambda: daemon.orphan(web, WEB, interface="kube-ipvs0") == 1)
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing"])
        assert node.check(f"{web}:80").verdict(web) == "orphan"

        # A new pod is ready.
        node.endpoint(WEB)
        assert ask(node.netns, WEB) == "pod"
        daemon.until(lambda: daemon.announced("orphan-vip") == ["firing", "resolved"])
        assert daemon.verdict(web) == "redirected"


def test_a_service_is_deleted_and_its_address_stays(node: Node) -> None:
    """No command is offered for the address while it has a virtual service."""
    web = "web.cluster.example"
    node.service(WEB)
    assert node.check(f"{web}:80").finding("orphan-vip")["fix"] == []

    node.netns.run("ipvsadm", "--delete-service", "--tcp-service", f"{WEB}:80")
    with pytest.raises(ConnectionRefusedError):
        ask(node.netns, WEB)
    orphan = node.check(f"{web}:80").finding("orphan-vip")
    assert orphan["fix"] == [f"ip address del {WEB}/32 dev kube-ipvs0"]
    mend(node.netns, orphan["fix"])
    assert node.check(f"{web}:80").code == 0


def test_a_virtual_service_is_a_use_of_its_address(node: Node) -> None:
    """One port of kube-dns is dead. The address stays: another, which nobody configured, is not."""
    dns = "kube-dns.cluster.example"
    node.service(DNS, 9153)
    node.service(DNS, 80)
    node.endpoint(DNS, 80)
    node.service(IDLE)
    node.endpoint(IDLE)
    assert ask(node.netns, DNS) == ask(node.netns, IDLE) == "pod"
    with pytest.raises(ConnectionRefusedError):
        ask(node.netns, DNS, 9153)
    seen = node.check(f"{dns}:9153")
    assert seen.verdict(dns, 9153) == "orphan"
    assert seen.finding("orphan-vip")["fix"] == []
    assert seen.finding("orphan-vip")["advice"] == (
        "start the service for 9153/tcp on 10.96.0.53; no command is offered: "
        "10.96.0.53 has an IPVS virtual service"
    )
    assert seen.findings("idle-vip") == []  # IDLE: no domain, no socket, and in use


def test_udp_is_unknown_until_it_is_refused(node: Node) -> None:
    """Whether a service behind IPVS is there cannot be told by an empty datagram, which it ignores."""
    dns = "kube-dns.cluster.example"
    node.service(DNS, 53, protocol="udp")
    node.endpoint(DNS, 53, protocol="udp")
    with node.pod.entered():
        node.pod.udp("0.0.0.0", 53)
    seen = node.check(f"{dns}:53/udp")
    assert (seen.code, seen.verdict(dns, 53)) == (3, "unknown")
    node.endpoint(DNS, 53, protocol="udp", ready=False)
    seen = node.check(f"{dns}:53/udp")
    assert (seen.code, seen.verdict(dns, 53)) == (1, "orphan")


def test_case_11_external_ip_is_another_hosts_primary(node: Node) -> None:
    """kubernetes#66966: of the other host, this node reaches what the service has, and nothing else."""
    node.pod.ip("addr add 10.244.0.66/24 dev eth0")  # the other host, with a database
    with node.pod.entered():
        node.pod.listener("10.244.0.66", 5432)
    node.netns.sockets.connect("10.244.0.66", 5432)
    node.service("10.244.0.66")
    node.netns.run(
        *("ipvsadm", "--add-server", "--tcp-service", "10.244.0.66:80", "--masquerading"),
        *("--real-server", f"{POD}:80"),
    )
    node.knot.replace("cluster.example", "db A 10.244.0.66")
    with pytest.raises(ConnectionRefusedError):
        node.netns.sockets.connect("10.244.0.66", 5432)
    node.netns.sockets.connect("10.244.0.66", 80)
    seen = node.check("db.cluster.example:5432", "db.cluster.example:80")
    assert seen.verdict("db.cluster.example", 5432) == "orphan"
    assert seen.verdict("db.cluster.example", 80) == "redirected"
    assert seen.kinds() == {"orphan-vip": 1, "holder-down": 1}
    assert seen.finding("orphan-vip")["fix"] == []  # it would end the service


def test_case_13_the_nodes_sshd_answers_on_a_service_address(node: Node) -> None:
    """kubernetes#72236: a port that no service has is served, by whoever listens on all addresses."""
    node.service(WEB)
    node.endpoint(WEB)
    node.netns.listener("0.0.0.0", 22)
    node.netns.sockets.connect(WEB, 22)
    seen = node.check("web.cluster.example:22", "web.cluster.example:80")
    assert (seen.code, seen.findings("orphan-vip")) == (0, [])
    rows = seen.endpoints("web.cluster.example")
    assert (rows[22]["verdict"], rows[80]["verdict"]) == ("served", "redirected")
    assert rows[22]["listener"]["address"] == "0.0.0.0"


def test_kube_ipvs0_is_down_and_works(node: Node) -> None:
    """It is a dummy without ARP. What the kernel delivers does not depend on its state."""
    node.service(WEB)
    node.endpoint(WEB)
    shown = node.netns.ip("link show kube-ipvs0")
    assert ("NOARP" in shown, "state DOWN" in shown) == (True, True)
    assert ask(node.netns, WEB) == "pod"
    seen = node.check("web.cluster.example:80")
    down = seen.finding("holder-down")
    assert (seen.code, down["state"], down["interface"]) == (0, "acknowledged", "kube-ipvs0")
    assert seen.verdict("web.cluster.example") == "redirected"
