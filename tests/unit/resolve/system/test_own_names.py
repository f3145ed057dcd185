"""The names in /etc/hosts beside held addresses, and those of the host itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.core.limits.names import CANDIDATE_NAMES, OWN_NAMES
from lowatch.resolve.system.own_names import FoundNames, OwnNames
from tests.unit.core.worlds import VIP, VIP6


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "hosts", tmp_path / "resolv.conf"


def own(files: tuple[Path, Path]) -> OwnNames:
    return OwnNames(*files)


def test_names_beside_held_addresses(files: tuple[Path, Path]) -> None:
    files[0].write_text(
        "127.0.0.1 localhost.localdomain localhost\n"
        "192.0.2.10\tWWW.example.com www api.example.com # old.example.com\n"
        "192.0.2.99 other.example.com\n"
        "2001:DB8::10 six.example.com\n"
        "192.0.2.10 x.local 10.2.0.192.in-addr.arpa b\xfccher.example\n"
        "192.0.2.10\n"
        "bogus www2.example.com\n"
    )
    found = own(files).in_hosts({VIP, VIP6})
    assert found == FoundNames(frozenset({"www.example.com", "api.example.com", "six.example.com"}))
    assert own(files).in_hosts(()) == FoundNames()


def test_a_missing_file_has_no_name_and_an_unreadable_one_is_unknown(files: tuple[Path, Path]) -> None:
    assert own(files).in_hosts({VIP}) == own(files).of_host("web1") == FoundNames()
    for file in files:
        file.mkdir()
    assert own(files).in_hosts({VIP}).names is None
    assert str(files[0]) in own(files).in_hosts({VIP}).problem
    assert own(files).of_host("web1").names is None
    assert str(files[1]) in own(files).of_host("web1").problem


def test_too_many_names_are_said(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CANDIDATE_NAMES, "value", 2)
    files[0].write_text("".join(f"192.0.2.10 n{number}.example\n" for number in range(3)))
    found = own(files).in_hosts({VIP})
    assert found.names == {"n0.example", "n1.example"}
    assert found.problem == f"{files[0]}: more than 2 names of held addresses"
    files[0].write_text("192.0.2.10 n1.example n0.example n1.example\n")
    assert own(files).in_hosts({VIP}).problem == ""


def test_the_host_is_named_by_itself_or_with_each_search_domain(files: tuple[Path, Path]) -> None:
    files[1].write_text("domain old.example\nsearch Example.com. corp.example . example.com # x\n")
    assert own(files).of_host("Web1").names == {"web1.example.com", "web1.corp.example"}
    assert own(files).of_host("web1.other.example").names == {"web1.other.example"}
    assert own(files).of_host("localhost.localdomain").names == set()
    files[1].write_text("search a.example\ndomain b.example c.example\n")
    assert own(files).of_host("web1").names == {"web1.b.example"}


def test_many_search_domains_are_cut(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OWN_NAMES, "value", 1)
    files[1].write_text("search a.example b.example\n")
    assert own(files).of_host("web1").names == {"web1.a.example"}


def test_a_change_is_seen(files: tuple[Path, Path]) -> None:
    before = own(files).seen()
    assert own(files).seen() == before
    files[0].write_text("192.0.2.10 www.example.com\n")
    assert own(files).seen() != before
