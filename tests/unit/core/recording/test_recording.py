from __future__ import annotations

from lowatch.core.answers import AnswerStatus
from lowatch.core.name_outcomes import FollowedNames
from tests.unit.core.worlds import VIP, answer

from .samples import MAIL, recording


def test_the_answer_of_a_name() -> None:
    gone, far = answer(name="gone.example.com"), answer(VIP, name="far.example.com")
    recorded = recording(not_resolved=(gone,), elsewhere=(far,))
    assert recorded.answer(MAIL) == answer(VIP, name=MAIL)
    assert recorded.answer("gone.example.com") is gone
    assert recorded.answer("far.example.com") is far
    assert recorded.answer("www.example.org") is None


def test_the_names_that_were_followed() -> None:
    gone = answer(name="gone.example.com")
    recorded = recording(statuses={AnswerStatus.RESOLVED: 2}, not_resolved=(gone,))
    assert recorded.followed == FollowedNames({AnswerStatus.RESOLVED: 2}, (gone,))
