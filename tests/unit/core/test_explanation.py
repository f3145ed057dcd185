"""Whether an explanation left anything unknown."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.answers import AnswerStatus, OtherView, View
from lowatch.core.explanation import AddressEvidence, Explanation, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.snapshot import Problem
from tests.unit.core.worlds import VIP, WWW, answer, rrset

LOCAL = RouteAnswer(local=True, prefix=None, interface="lo")
WHOLE = Explanation(WWW, "web-17", 0.0, 0.0, answer=answer(VIP), addresses=(AddressEvidence(VIP, LOCAL),))


def test_it_is_complete_where_everything_is_known() -> None:
    assert WHOLE.complete
    assert Explanation("192.0.2.10", "web-17", 0.0, 0.0).complete


def explained(**rest: object) -> Explanation:
    values = {"answer": WHOLE.answer, "addresses": WHOLE.addresses, **rest}
    return Explanation(WWW, "web-17", 0.0, 0.0, **values)  # type: ignore[arg-type]


def test_it_is_not_where_anything_is_unknown() -> None:
    unknown = replace(answer(VIP), a=rrset(status=AnswerStatus.UNKNOWN, reason="timeout"))
    unheard = replace(answer(VIP), others=(OtherView(View.GETADDRINFO, None, "timeout"),))
    lost = AddressEvidence(VIP, Unknown("netlink", "overrun"))
    assert not explained(answer=unknown).complete
    assert not explained(answer=unheard).complete
    assert not explained(addresses=(lost,)).complete
    assert not explained(problems=(Problem("dns", "timeout"),)).complete
