"""From a cgroup's inode number to the unit that owns it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from lowatch.core.limits.kernel import CGROUPS
from lowatch.kernel.cgroups import CgroupUnits

APP = "user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service"


@pytest.fixture
def hierarchy(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").touch()
    for name in (
        "system.slice/nginx.service/worker.service",
        "system.slice/ssh.socket",
        "machine.slice/machine-web.scope/payload/system.slice/nginx.service",
        APP,
        "init.scope",
    ):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("system.slice/nginx.service", "nginx.service"),
        ("system.slice/nginx.service/worker.service", "nginx.service"),
        ("system.slice/ssh.socket", "ssh.socket"),
        ("user.slice/user-1000.slice/user@1000.service", "user@1000.service"),
        (APP, "user@1000.service"),
        ("machine.slice/machine-web.scope/payload/system.slice/nginx.service", "machine-web.scope"),
        ("init.scope", "init.scope"),
        ("machine.slice", None),
        (".", None),
    ],
)
def test_units_by_cgroup(hierarchy: Path, path: str, unit: str | None) -> None:
    """The system's own: nobody's cgroup passes for a system unit by its name."""
    units = CgroupUnits((hierarchy / "absent", hierarchy))
    assert units.unit((hierarchy / path).stat().st_ino) == unit


class Counting(CgroupUnits):
    walks = 0

    def _walk(self, top: str, unit: str | None) -> None:
        self.walks += 1
        super()._walk(top, unit)


def test_units_that_come_later(hierarchy: Path) -> None:
    """An id that is not known walks the tree again, after a rest."""
    ticks: Iterator[int] = count()
    units = Counting((hierarchy,), now=lambda: float(next(ticks)))  # so that a walk takes a second
    init = (hierarchy / "init.scope").stat().st_ino
    assert [units.unit(0), units.unit(0), units.unit(init)] == [None, None, "init.scope"]
    assert units.walks == 1
    later = hierarchy / "system.slice" / "later.service"
    later.mkdir()
    assert units.unit(later.stat().st_ino) is None
    assert units.walks == 1
    assert not units.retry_due()
    while not units.retry_due():
        assert next(ticks) < 30
    assert units.unit(later.stat().st_ino) == "later.service"
    assert units.walks == 2
    assert not units.retry_due()


def test_what_is_gone_is_not_kept(hierarchy: Path) -> None:
    units = CgroupUnits((hierarchy,), now=lambda: 0.0)
    gone = hierarchy / "system.slice" / "ssh.socket"
    number = gone.stat().st_ino
    assert units.unit(number) == "ssh.socket"
    gone.rmdir()
    for unknown in range(1_000_000, 1_000_010):
        assert units.unit(unknown) is None
    assert units.unit(number) is None


def test_a_bounded_number(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CGROUPS, "value", 4)
    before = CGROUPS.times
    units = CgroupUnits((hierarchy,))
    assert units.unit(0) is None
    assert (len(units), CGROUPS.times) == (4, before + 1)


def test_thousands_of_cgroups_hold_nobody_up(tmp_path: Path) -> None:
    """Those without any below are not listed: 4,000 with sixty files each took 170 ms."""
    (tmp_path / "cgroup.controllers").touch()
    for number in range(1_000):
        scope = tmp_path / "machine.slice" / f"c{number}.scope"
        scope.mkdir(parents=True)
        for name in range(20):
            (scope / f"memory.{name}").touch()
    units = CgroupUnits((tmp_path,))
    began = time.thread_time()
    assert units.unit(scope.stat().st_ino) == "c999.scope"
    assert time.thread_time() - began < 0.1  # 5 ms


@pytest.mark.parametrize("roots", [(), (Path("/nonexistent"),)])
def test_no_cgroup2_no_units(roots: tuple[Path, ...]) -> None:
    assert CgroupUnits(roots).unit(1) is None
    assert CgroupUnits(roots).unit(None) is None
