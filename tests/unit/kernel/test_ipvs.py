"""The list of IPVS virtual services, as ip_vs_info_seq_show() writes it."""

from pathlib import Path

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.known import Unknown
from lowatch.core.limits.kernel import VIRTUAL_SERVICES_READ
from lowatch.kernel.ipvs import VirtualServices, virtual_services

HEAD = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
V4 = """\
TCP  0A60000A:0050 rr
  -> 0AF40002:1F90      Masq    1      0          0
UDP  0A60000B:0035 wlc persistent 300 0
"""
V6 = """\
SCTP [2001:0db8:0000:0000:0000:0000:0000:000a]:0050 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:1F90      Masq    1      0          0
"""


@pytest.mark.parametrize(
    ("text", "addresses", "marked"),
    [
        (HEAD, [], False),
        (HEAD + V4, ["10.96.0.10", "10.96.0.11"], False),
        (HEAD + V4 + V6, ["10.96.0.10", "10.96.0.11", "2001:db8::a"], False),
        (HEAD + "FWM  00000007 rr\n" + V6, ["2001:db8::a"], True),
    ],
    ids=["none", "IPv4", "IPv6 too", "for a firewall mark"],
)
def test_addresses(tmp_path: Path, text: str, addresses: list[str], marked: bool) -> None:
    place = tmp_path / "ip_vs"
    place.write_text(text)
    assert virtual_services(place) == VirtualServices(frozenset(map(parse_address, addresses)), marked)


def test_without_the_module(tmp_path: Path) -> None:
    assert virtual_services(tmp_path / "ip_vs") == VirtualServices()


def test_without_proc(tmp_path: Path) -> None:
    """Then nothing is known: there may be services."""
    place = tmp_path / "net/ip_vs"
    assert virtual_services(place) == Unknown("ip_vs", f"there is no {place.parent}")


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    assert virtual_services(tmp_path) == Unknown("ip_vs", f"{tmp_path}: Is a directory")


def test_a_list_that_is_too_long_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "ip_vs"
    place.write_text(HEAD + V4)
    monkeypatch.setattr(VIRTUAL_SERVICES_READ, "value", 100)
    before = VIRTUAL_SERVICES_READ.times
    assert virtual_services(place) == Unknown(
        "ip_vs", "there are more IPVS virtual services than the limit"
    )
    assert VIRTUAL_SERVICES_READ.times == before + 1
