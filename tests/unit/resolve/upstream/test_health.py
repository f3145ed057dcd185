"""lowatch.resolve.upstream.health: rest after silence, then one query first."""

from __future__ import annotations

from lowatch.resolve.upstream.health import COOLDOWN, COOLDOWN_LIMIT, Health

TIMEOUT = 2.0


def test_it_rests_after_silence_and_longer_each_time() -> None:
    health, now, rests = Health(), 100.0, []
    for _ in range(6):
        health.note_silence(now)
        rests.append(health.shunned_until - now)
        now = health.shunned_until
        health.note_asked(now, TIMEOUT)
        now += TIMEOUT
    assert rests == [5, 10, 20, 40, 60, 60]
    assert (rests[0], rests[-1]) == (COOLDOWN, COOLDOWN_LIMIT)


def test_queries_that_fell_silent_together_count_once() -> None:
    health = Health()
    for _ in range(64):
        health.note_silence(100.0)
    assert health.shunned_until == 105.0


def test_after_the_rest_one_query_goes_ahead() -> None:
    health = Health()
    health.note_silence(100.0)
    assert not health.admits(104.9)
    assert health.admits(105.0)
    health.note_asked(105.0, TIMEOUT)
    assert not health.admits(106.9)
    assert health.admits(107.0)


def test_any_reply_restores_it() -> None:
    health = Health()
    health.note_silence(100.0)
    health.note_reply()
    assert health.admits(100.0)
    health.note_asked(100.0, TIMEOUT)
    assert health.admits(100.0)


def test_three_unanswered_in_a_row_give_it_up_and_one_refusal_does() -> None:
    health = Health()
    for expected in (False, False, True):
        health.note_silence(100.0, "no reply within 2 s")
        assert health.given_up is expected
    assert health.reason == "no reply within 2 s"
    refused = Health()
    refused.note_silence(100.0, "Connection refused", refused=True)
    assert refused.given_up


def test_a_recovery_is_reported_only_after_a_server_was_given_up() -> None:
    health = Health()
    health.note_silence(100.0)
    assert not health.note_reply()
    health.note_silence(100.0, refused=True)
    assert health.note_reply()
    assert not health.note_reply()
    assert not health.given_up
