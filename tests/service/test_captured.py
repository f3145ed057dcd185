"""captured-vip with real cgroups, which only root may make: whose socket answers on a VIP."""

from pathlib import Path

from tests.odd_kernels.units import listener_in
from tests.support.checking import check, lowatch
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

WWW = "www.example.com"
ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def own_cgroup() -> Path:
    root = next(root for root in ROOTS if (root / "cgroup.controllers").exists())
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return root / next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))


def test_case_14_users_get_the_default_page(netns: Netns, tmp_path: Path) -> None:
    """The VIP's own service is gone, and another unit answers there. Who does is seen by everyone."""
    netns.ip("link set lo up")
    file = tmp_path / "lowatch.toml"
    with (
        Knot({"example.com": "www A 192.0.2.10"}) as knot,
        listener_in(netns, own_cgroup() / "web.service"),
    ):

        def named(unit: str) -> str:
            return configuration(knot, f'[[domain]]\nname = "{WWW}"\nports = ["80/tcp"]\nunit = "{unit}"')

        for unit in "web.service", "":
            seen = check(tmp_path, named(unit))
            assert (seen.code, seen.findings(), seen.verdict(WWW)) == (0, [], "served")
        seen = check(tmp_path, named("nginx.service"))
        explained = lowatch("explain", "-c", str(file), WWW)
        again = check(tmp_path, named("nginx.service"), f"{WWW}:80")
    assert (seen.code, seen.kinds(), seen.verdict(WWW)) == (1, {"captured-vip": 1}, "captured")
    finding = seen.finding("captured-vip")
    assert finding["message"].startswith(
        "www.example.com resolves to 192.0.2.10, but web.service, by a listener on 192.0.2.10 (inode "
    )
    assert finding["message"].endswith("), serves 80/tcp there, not nginx.service")
    assert finding["fix"] == []
    assert "captured: web.service" in explained.stdout
    assert again.verdict(WWW) == "captured", "a name on the command line keeps its unit"


def test_case_13_who_answers_on_all_addresses_is_told_where_another_port_has_its_own_service(
    netns: Netns, tmp_path: Path
) -> None:
    """kubernetes#72236, and nobody has named a unit: the node's own sshd answers beside the service."""
    netns.ip("link set lo up")
    with (
        Knot({"example.com": "www A 192.0.2.10"}) as knot,
        listener_in(netns, own_cgroup() / "ssh.service", "0.0.0.0", 22),
    ):
        text = configuration(knot, f'[[domain]]\nname = "{WWW}"\nports = ["22/tcp", "80/tcp"]')
        with listener_in(netns, own_cgroup() / "web.service"):
            seen = check(tmp_path, text)
        gone = check(tmp_path, text)
    assert (seen.code, seen.kinds(), seen.verdict(WWW)) == (0, {"captured-vip": 1}, "served")
    finding = seen.finding("captured-vip")
    assert (finding["severity"], finding["port"]) == ("info", 22)
    assert "ssh.service, by a listener on all addresses (inode " in finding["message"]
    assert "web.service serves 80/tcp by a listener on that address: " in finding["message"]
    assert (gone.code, gone.kinds()) == (1, {"captured-vip": 1, "orphan-vip": 1})
    assert "but nothing listens on 80/tcp: " in gone.finding("captured-vip")["message"]
