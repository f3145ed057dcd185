"""`lowatch clean` does only what was rehearsed without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.core.findings import Action
from lowatch.core.fixes.ground import Ground
from lowatch.core.held import Held
from lowatch.core.plan import Plan, Step
from tests.support.cleaning import Cleaner, picture
from tests.support.daemon import configuration
from tests.support.netns import Netns

REHEARSED = "rehearsed: ends the finding, takes nothing else away"


@pytest.fixture
def clean(netns: Netns, tmp_path: Path) -> Cleaner:
    """Without a domain all addresses are idle."""
    return Cleaner(tmp_path, configuration(None, 'hold = "0s"\ndomains = []'))


def blunt(action: Action, held: Held, ground: Ground, in_use: object) -> Plan:
    return (Step("remove", held),)


def test_a_plan_shows_that_it_was_rehearsed(netns: Netns, clean: Cleaner) -> None:
    netns.ip("addr add 192.0.2.10/32 dev lo")
    shown = clean.plan().stdout
    assert shown.startswith("lowatch clean --apply would fix 1 of 1 finding.\n")
    assert f"would   ip address del 192.0.2.10/32 dev lo\n          {REHEARSED}\n" in shown


def test_a_wrong_plan_is_not_carried_out(
    netns: Netns, clean: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowatch.core.fixes.offer.plan_for", blunt)
    netns.batch(["addr add 192.0.2.10/24 dev lo", "addr add 192.0.2.11/24 dev lo"])
    before = picture()
    done = clean.apply()
    assert "in a copy of this network, it would also remove 192.0.2.11/24 on lo" in " ".join(
        done.stdout.split()
    )
    assert "ip address del 192.0.2.10/24" not in done.stdout
    assert "192.0.2.10/24" in netns.ip("addr show dev lo")
    if clean.scripts():  # of the secondary, which may go alone
        clean.undo()
    assert picture() == before


def test_several_that_do_harm_together(
    netns: Netns, clean: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the last IPv4 address of the interface its routes go."""
    monkeypatch.setattr("lowatch.cli.clean_apply.apart", lambda chosen, _: list(chosen))
    monkeypatch.setattr("lowatch.core.fixes.ground.Ground.lost_with_the_last", lambda *_: "")
    netns.batch(
        [
            "addr del 127.0.0.1/8 dev lo",
            "addr add 192.0.2.10/32 dev lo",
            "addr add 192.0.2.11/32 dev lo",
            "route add local 10.9.0.0/30 dev lo table 100",
        ]
    )
    before = picture()
    done = clean.apply()
    assert done.code == 1
    assert (
        "lowatch: stopped: in a copy of this network, it would also remove the route 10.9.0.0/30"
        in done.stderr
    )
    assert picture() == before
    assert clean.scripts() == []


def test_where_nothing_can_be_rehearsed_the_plan_stands(
    netns: Netns, clean: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowatch.kernel.rehearsal.namespaces._Libc.unshare", lambda *_: 1)
    netns.ip("addr add 192.0.2.10/32 dev lo")
    done = clean.apply()
    assert "1 plan could not be rehearsed." in done.stdout
    assert "not rehearsed: this user may make no network namespace" in done.stdout
    assert "1 of 1 plan done" in done.stdout
    assert done.code == 0
