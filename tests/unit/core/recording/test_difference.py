from __future__ import annotations

from dataclasses import replace
from typing import Any

from lowatch.app.replay import replay
from lowatch.core.answers import AnswerStatus
from lowatch.core.known import Known
from lowatch.core.policy import Policy
from lowatch.core.recording.difference import Difference, Section, differences
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import Problem
from tests.unit.core.worlds import (
    BLIND,
    DEAF,
    NGINX,
    VIP,
    WWW,
    answer,
    domain,
    held,
    local,
    rrset,
    seen,
    snapshot,
    view,
)

from .samples import MAIL, recording


def changed(*observed: Any, of: Recording | None = None, **rest: Any) -> Recording:
    base = of or recording()
    domains = {**base.snapshot.domains, **{one.answer.domain: one for one in observed}}
    return replace(base, snapshot=replace(base.snapshot, **{"domains": domains, **rest}))


def found(before: Recording, after: Recording) -> list[Difference]:
    return list(differences(replay(before), replay(after)))


def without(name: str) -> Recording:
    base = recording()
    return changed(domains={key: one for key, one in base.snapshot.domains.items() if key != name})


MAIL_ROW = "mail.example.com 192.0.2.10 25/tcp on lo"
MAIL_KEY = "backlogged-vip/lo/192.0.2.10/mail.example.com/25/tcp"


def test_nothing() -> None:
    assert found(recording(), recording()) == []
    later = changed(at=2_000_000.0, uptime=90_000.0, monotonic=5.0)
    assert found(recording(), later) == []


def test_inodes_and_queues_are_not_compared_but_who_serves_is() -> None:
    def served(**by: Any) -> Recording:
        listener = NGINX._replace(**by)
        return changed(view(local(VIP, *seen(("25/tcp", listener))), of=answer(VIP, name=MAIL)))

    assert found(served(), served(inode=8, queued=3)) == []
    assert found(served(), served(unit="postfix.service")) == [
        Difference(Section.ENDPOINT, MAIL_ROW, "served by nginx.service", "served by postfix.service")
    ]
    assert found(served(unit=None), served(unit=None, uid=0)) == [
        Difference(Section.ENDPOINT, MAIL_ROW, "served by uid 33", "served by uid 0")
    ]


def test_a_name_that_leads_elsewhere_now() -> None:
    assert found(recording(), without(MAIL)) == [
        Difference(Section.NAME, MAIL, "leads here", "leads elsewhere"),
        Difference(Section.ENDPOINT, MAIL_ROW, "backlogged by nginx.service", None),
        Difference(Section.FINDING, MAIL_KEY, "firing", None),
    ]
    assert {(one.before is None, one.after is None) for one in found(without(MAIL), recording())} == {
        *((False, False), (True, False)),
    }


def test_what_is_unknown_neither_came_nor_went() -> None:
    lost = replace(answer(name=MAIL), a=rrset(status=AnswerStatus.UNKNOWN, reason="timed out"))
    after = changed(of=without(MAIL), unresolved={MAIL: ("timed out", "")})
    after = replace(after, not_resolved=(lost,), statuses={AnswerStatus.UNKNOWN: 1})
    assert found(recording(), after) == [
        Difference(Section.NAME, MAIL, "leads here", "unknown"),
        Difference(Section.ENDPOINT, MAIL_ROW, "backlogged by nginx.service", "unknown"),
        Difference(Section.FINDING, MAIL_KEY, "firing", "unknown"),
        Difference(Section.PROBLEM, "dns: mail.example.com: A: timed out", None, ""),
    ]


def test_a_name_that_is_not_followed_any_more() -> None:
    gone = replace(without(MAIL), policy=Policy(domains={WWW: domain()}))
    assert Difference(Section.NAME, MAIL, "leads here", None) in found(recording(), gone)


def test_what_is_held() -> None:
    before = snapshot(
        held("192.0.2.10", label="lo"),
        held("192.0.2.11", flags=("deprecated",)),
        held("192.0.2.12", by="route", table=7),
    )
    after = snapshot(
        held("192.0.2.10", label="lo:vip", created=5.0),
        held("192.0.2.11"),
        held("192.0.2.13", peer=VIP),
    )
    policy = Policy(names_complete=False)
    assert found(Recording("1", policy, before), Recording("1", policy, after)) == [
        Difference(Section.HELD, "192.0.2.10/32 on lo", "lo", "lo:vip"),
        Difference(Section.HELD, "192.0.2.11/32 on lo", "deprecated", ""),
        Difference(Section.HELD, "192.0.2.13/32 peer 192.0.2.10 on lo", None, ""),
        Difference(Section.HELD, "route 192.0.2.12/32 on lo in table 7", "", None),
    ]


def test_what_is_held_is_unknown() -> None:
    """No address went: that it is unknown is a problem."""
    assert [one for one in found(recording(), changed(held=DEAF)) if one.section is Section.HELD] == []
    assert Difference(Section.PROBLEM, f"netlink: {DEAF.reason}", None, "") in found(
        recording(), changed(held=DEAF)
    )


def test_an_acknowledgement() -> None:
    plain = replace(recording(), policy=replace(recording().policy, acknowledgements=()))
    assert found(plain, recording()) == [
        Difference(Section.FINDING, "missing-vip/192.0.2.99", "firing", "acknowledged")
    ]


def test_problems_but_not_their_ages() -> None:
    before = replace(recording(), problems=(Problem("config", "a.txt: no such file"),))
    assert found(before, changed(sockets=BLIND)) == [
        Difference(Section.PROBLEM, "config: a.txt: no such file", "", None),
        Difference(Section.PROBLEM, "sock_diag: Operation not permitted", None, ""),
    ]
    stale = replace(answer(VIP, name=MAIL), a=rrset(VIP, status=AnswerStatus.STALE, stale_since=-5.0))
    old = changed(recording().snapshot.domains[MAIL]._replace(answer=stale))
    assert found(old, changed(of=old, monotonic=500.0)) == []
    assert isinstance(old.snapshot.held, Known)
