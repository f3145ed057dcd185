"""`lowatch check` on a real kernel, of names whose answers are out of the ordinary."""

from pathlib import Path

import pytest

from tests.support.checking import check
from tests.support.daemon import configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

MADE = "64:ff9b::c000:20a"
NAT64 = {"ipv4only.arpa": "@ A 192.0.0.170\n@ AAAA 64:ff9b::192.0.0.170"}
ZONES = {"example.com": f"www A 192.0.2.10\nwww AAAA {MADE}\nv6 AAAA {MADE}", **NAT64}


@pytest.mark.parametrize("served", [False, True])
def test_an_address_of_a_dns64_that_this_host_has_is_judged(
    netns: Netns, tmp_path: Path, served: bool
) -> None:
    """The real connect() goes to this host, whoever made the address."""
    netns.ip(f"addr add {MADE}/128 dev lo nodad")
    if served:
        netns.listener(MADE, 80)
    with Knot(ZONES) as knot:
        names = ["www.example.com", "v6.example.com"]
        text = configuration(knot, f'ports = ["80/tcp"]\ndomains = ["{names[0]}", "{names[1]}"]')
        seen = check(tmp_path, text)
    rows = {row["domain"]: (row["address"], row["verdict"]) for row in seen.report["endpoints"]}
    verdict = "served" if served else "orphan"
    assert rows == dict.fromkeys(names, (MADE, verdict))
    assert seen.kinds() == ({} if served else {"orphan-vip": 2})


def test_an_address_of_a_dns64_that_is_elsewhere_is_not(netns: Netns, tmp_path: Path) -> None:
    netns.ip("addr add 64:ff9b::1/128 dev lo nodad")
    netns.listener("64:ff9b::1", 80)
    with Knot(ZONES) as knot:
        seen = check(tmp_path, configuration(knot, 'domains = ["www.example.com"]'))
    assert (seen.code, seen.report["endpoints"], seen.report["problems"]) == (0, [], [])


def test_of_4000_addresses_the_one_that_is_held_is_found_and_the_rest_is_reported(
    netns: Netns, tmp_path: Path
) -> None:
    netns.ip("addr add 203.0.113.200/32 dev lo")
    many = [f"many A 10.{n // 250}.{n % 250}.1" for n in range(3000)]
    loopback = [f"many A 127.0.{n // 250}.{n % 250}" for n in range(1000)]
    targets = [f"_x._tcp SRV 1 1 80 {n:x}" for n in range(2400)]
    zones = {"a": "\n".join([*many, *loopback, "many A 203.0.113.200"]), "b": "\n".join(targets)}
    with Knot(zones) as knot:
        for name in ("many.a", "_x._tcp.b"):
            seen = check(tmp_path, configuration(knot, f'domains = ["{name}"]'))
            assert seen.report["complete"] is False
            message = seen.report["problems"][0]["message"]
            assert message.startswith(f"{name}: ")
            assert message.endswith("addresses or SRV records over the limit")
            if name.startswith("many"):
                assert [row["address"] for row in seen.findings("orphan-vip")] == ["203.0.113.200"] * 2
                assert seen.findings("idle-vip") == []
            else:
                assert seen.code == 3
