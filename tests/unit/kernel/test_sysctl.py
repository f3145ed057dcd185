"""ConfAll: what cannot be read is unknown, with the place and the reason, and is tried again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lowatch.core.arp import ArpSettings
from lowatch.core.known import Unknown
from lowatch.kernel.sysctl import PROC, ConfAll
from tests.support.netns import Netns


def write(place: Path, ignore: str, announce: str) -> None:
    directory = place / "ipv4/conf/all"
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("arp_ignore", ignore), ("arp_announce", announce)):
        (directory / name).write_text(text)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "proc", tmp_path / "bound"


def test_the_kernels_own(netns: Netns) -> None:
    with closing(ConfAll([PROC])) as conf:
        for ignore, announce in ((0, 0), (8, 2), (-1, 1)):
            netns.sysctl("net.ipv4.conf.all.arp_ignore", ignore)
            netns.sysctl("net.ipv4.conf.all.arp_announce", announce)
            assert conf.read() == ArpSettings(ignore, announce)


def test_it_is_that_of_the_namespace_in_which_it_was_first_read(netns: Netns) -> None:
    other = netns.sibling()
    netns.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    other.sysctl("net.ipv4.conf.all.arp_ignore", 2)
    with closing(ConfAll()) as conf, closing(ConfAll()) as of_other:
        first = conf.read()
        with other.entered():
            assert conf.read() == first
            there = of_other.read()
    assert isinstance(first, ArpSettings)
    assert isinstance(there, ArpSettings)
    assert (first.ignore, there.ignore) == (1, 2)


def test_the_first_place_that_has_both(places: tuple[Path, Path]) -> None:
    proc, bound = places
    write(bound, "1\n", "2\n")
    (proc / "ipv4/conf/all").mkdir(parents=True)
    (proc / "ipv4/conf/all/arp_ignore").write_text("0\n")
    with closing(ConfAll(places)) as conf:
        assert conf.read() == ArpSettings(1, 2)


def test_nowhere(places: tuple[Path, Path]) -> None:
    """And found as soon as it is there."""
    proc, bound = places
    with closing(ConfAll(places)) as conf:
        assert conf.read() == Unknown(
            "sysctl",
            f"net.ipv4.conf.all: {proc}/ipv4/conf/all/arp_ignore: No such file or directory; "
            f"{bound}/ipv4/conf/all/arp_ignore: No such file or directory",
        )
        write(bound, "0\n", "1\n")
        assert conf.read() == ArpSettings(0, 1)


@pytest.mark.parametrize("text", ["", "yes\n", "1 2\n"])
def test_no_number(places: tuple[Path, Path], text: str) -> None:
    write(places[0], "1\n", text)
    with closing(ConfAll(places)) as conf:
        unknown = conf.read()
        assert isinstance(unknown, Unknown)
        assert unknown.source == "sysctl"
        assert unknown.reason.startswith("net.ipv4.conf.all: invalid literal")
        write(places[0], "1\n", "2\n")
        assert conf.read() == ArpSettings(1, 2)


def test_nothing_stays_open(places: tuple[Path, Path]) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    write(places[0], "1\n", "2\n")
    conf = ConfAll(places)
    conf.read()
    assert open_files() == before + 2
    conf.close()
    conf.close()
    assert open_files() == before
