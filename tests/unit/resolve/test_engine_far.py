"""Names that lead elsewhere are asked for once per far_ttl, and at once when an address is added."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import FixedLocalPrefixes, PrefixSet, parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus
from lowatch.core.known import Unknown
from lowatch.core.limits.names import DNS_LOOKUPS
from lowatch.core.next_questions import Pace
from lowatch.resolve.far_sweep import REFUSED_EVERY
from lowatch.resolve.records.far_slots import SETTLED_AFTER_ADDRESS, SETTLED_AFTER_START
from lowatch.wire.dns import Reply, ReplyKind, failure, srv_record
from tests.support.virtual_time import run_virtually
from tests.unit.resolve.answering_channels import (
    ELSEWHERE,
    SERVER,
    addresses,
    guarded,
    held,
)

WWW, SRV, TARGET = "www.example.com", "_x._tcp.example.com", "target.example.com"
HOUR = 3600.0
LATEST = 1.05 * 61 + 1
"""Seconds after which a name of TTL 60 was asked again, at the latest."""
RESTS_AT = SETTLED_AFTER_START + LATEST + 1


def prefixes(*texts: str) -> PrefixSet:
    return PrefixSet((parse_prefix(text).address, parse_prefix(text).length) for text in texts)


HERE = FixedLocalPrefixes(prefixes("127.0.0.0/8", "192.0.2.10/32"))


def gaps(times: list[float]) -> list[float]:
    return [later - sooner for sooner, later in pairwise(times)]


def test_a_name_that_leads_elsewhere_is_asked_for_once_an_hour() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(RESTS_AT)
            assert max(gaps(it.answers.times(WWW))) < LATEST
            assert it.engine.resting == 1
            await it.until(6 * HOUR)
            for rrtype in (1, 28):
                times = [at for at in it.answers.times(WWW, rrtype) if at > RESTS_AT]
                assert 5 <= len(times) <= 7
                assert max(gaps(times)) <= HOUR + 1
                assert min(gaps(times)) >= 0.95 * HOUR - 1

    run_virtually(scenario())


@pytest.mark.parametrize(("settings", "is_guarded"), [({"far_ttl": 0.0}, True), ({}, False)])
def test_off_or_unguarded_it_is_asked_for_by_its_ttl(settings: dict[str, float], is_guarded: bool) -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE, guarded=is_guarded, **settings) as it:
            await it.until(HOUR)
            assert max(gaps(it.answers.times(WWW))) < LATEST
            assert it.engine.resting == 0

    run_virtually(scenario())


def test_names_that_begin_together_to_rest_are_spread() -> None:
    names = [f"n{number}.example.com" for number in range(500)]

    async def scenario() -> None:
        async with guarded(names, local=HERE, max_qps=2000) as it:
            await it.until(RESTS_AT)
            assert it.engine.resting == len(names)
            await it.until(3 * HOUR)
            for start in range(int(RESTS_AT), int(3 * HOUR) - 600, 600):
                within = [one for one in it.answers.asked if start <= one.at < start + 600]
                assert 100 <= len(within) <= 230  # 167 on average

    run_virtually(scenario())


def test_a_name_that_leads_here_never_rests() -> None:
    async def scenario() -> None:
        async with guarded([WWW], {WWW: addresses("192.0.2.10")}, local=HERE) as it:
            await it.until(HOUR)
            assert it.engine.resting == 0
            for rrtype in (1, 28):
                assert max(gaps(it.answers.times(WWW, rrtype))) < LATEST

    run_virtually(scenario())


def test_a_name_that_has_led_here_never_rests() -> None:
    async def scenario() -> None:
        async with guarded([WWW], {WWW: addresses("192.0.2.10")}, local=HERE) as it:
            it.answers.replies[WWW] = ELSEWHERE
            await it.until(2 * HOUR)
            assert it.engine.answer(WWW).addresses == ELSEWHERE.addresses
            assert max(gaps(it.answers.times(WWW))) < LATEST

    run_virtually(scenario())


def test_a_name_that_leads_here_by_another_view_is_asked_for_at_once_and_by_its_ttl() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.keep_near([WWW, "unknown.example"])
            await it.until(1001)
            assert it.answers.times(WWW)[-1] == pytest.approx(1000, abs=0.1)
            await it.until(2 * HOUR)
            assert max(gaps(it.answers.times(WWW)[-50:])) < LATEST

    run_virtually(scenario())


def test_an_address_that_is_added_is_looked_for_at_once() -> None:
    names = [f"n{number}.example.com" for number in range(1000)]

    async def scenario() -> None:
        local = FixedLocalPrefixes(prefixes("127.0.0.0/8"))
        async with guarded(names, local=local, max_qps=400) as it:
            await it.until(1000)
            assert it.engine.resting == len(names)
            it.answers.replies[names[700]] = addresses("192.0.2.20")
            local.prefixes = prefixes("127.0.0.0/8", "192.0.2.20/32")
            it.changed.clear()
            it.engine.follow_held(held("192.0.2.20"))
            await it.until(1010)
            asked = it.answers.since(1000)
            assert {one.name for one in asked if one.rrtype == 1} == set(names)
            assert it.changed == [names[700]]
            for second in range(1000, 1006):  # half of max_qps
                assert len([one for one in asked if second <= one.at < second + 1]) <= 240
            # By their TTL for ten minutes, because a cache may have had an old answer; then they rest.
            await it.until(1000 + SETTLED_AFTER_ADDRESS)
            assert max(gaps([at for at in it.answers.times(names[1]) if at > 1000])) < LATEST
            await it.until(1000 + SETTLED_AFTER_ADDRESS + 2 * LATEST)
            assert it.engine.resting == len(names) - 1

    run_virtually(scenario())


@pytest.mark.parametrize(("added", "rrtypes"), [("192.0.2.20", {1}), ("2001:db8::20", {28})])
def test_only_the_family_of_the_address_is_asked_for(added: str, rrtypes: set[int]) -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.follow_held(held(added))
            await it.until(1005)
            assert {one.rrtype for one in it.answers.since(1000)} == rrtypes

    run_virtually(scenario())


def test_clients_that_are_refused_have_names_asked_for_at_once() -> None:
    """A record may have been changed to an address that is held. It is one round in ten minutes."""

    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.answers.replies[WWW] = addresses("192.0.2.10")
            it.changed.clear()
            it.engine.clients_refused(parse_address("192.0.2.10"))
            await it.until(1005)
            assert [one.rrtype for one in it.answers.since(1000)] == [1]
            assert it.changed == [WWW]

    run_virtually(scenario())


def test_names_are_asked_for_once_in_ten_minutes_whoever_is_refused() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.clients_refused(parse_address("192.0.2.10"))
            await it.until(1400)  # it rests again
            assert it.engine.resting == 1
            asked = len(it.answers.since(1000))
            it.engine.clients_refused(parse_address("192.0.2.10"))
            it.engine.clients_refused(parse_address("2001:db8::10"))
            await it.until(1405)
            assert len(it.answers.since(1000)) == asked
            await it.until(1000 + REFUSED_EVERY)
            it.engine.follow_held(held())  # after each audit
            await it.until(1000 + REFUSED_EVERY + 5)
            assert {one.rrtype for one in it.answers.since(1000 + REFUSED_EVERY)} == {1, 28}

    run_virtually(scenario())


@pytest.mark.parametrize("now_held", [held(), held("fe80::1"), Unknown("netlink", "EPERM")])
def test_no_address_is_added_no_name_is_asked_for(now_held: object) -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.follow_held(now_held)  # type: ignore[arg-type]
            await it.until(1005)
            assert it.answers.since(1000) == []

    run_virtually(scenario())


def test_the_name_of_an_address_that_is_added_is_asked_for_by_its_ttl() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.follow_held(held("198.51.100.1"))
            await it.until(3 * HOUR)
            assert max(gaps([at for at in it.answers.times(WWW) if at > 999])) < LATEST
            assert it.engine.resting == 0

    run_virtually(scenario())


def test_addresses_that_come_and_go_cost_no_more_than_ttls_and_half_the_rate_limit() -> None:
    names = [f"n{number}.example.com" for number in range(300)]

    async def scenario() -> None:
        async with guarded(names, local=HERE, max_qps=200) as it:
            await it.until(1000)
            for second in range(120):
                it.engine.follow_held(held() if second % 2 else held("192.0.2.20"))
                await it.until(1001 + second)
            asked = [one for one in it.answers.since(1000) if one.rrtype == 1]
            assert len(asked) <= 3 * len(names)
            assert {one.name for one in asked} == set(names)

    run_virtually(scenario())


def test_a_failure_is_retried_as_without_far_ttl_and_is_stale_first() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(2 * HOUR)
            it.answers.replies[WWW] = failure("SERVFAIL", "SERVFAIL")
            await it.until(3 * HOUR + 60)
            failed = [at for at in it.answers.times(WWW) if at > 2 * HOUR]
            assert max(gaps(failed)) < 330
            # The last good answer is an hour old. It is unknown an hour after the first failure.
            await it.until(failed[0] + 0.9 * HOUR)
            assert it.engine.answer(WWW).a.status is AnswerStatus.STALE
            assert it.engine.answer(WWW).addresses == ELSEWHERE.addresses
            await it.until(failed[0] + 1.1 * HOUR)
            assert it.engine.answer(WWW).a.status is AnswerStatus.UNKNOWN
            it.answers.replies[WWW] = ELSEWHERE
            await it.until(failed[0] + 1.3 * HOUR)
            assert it.engine.answer(WWW).a.status is AnswerStatus.RESOLVED
            assert it.engine.resting == 1

    run_virtually(scenario())


def test_the_first_denial_is_verified_soon_the_next_ones_rest() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(2 * HOUR)
            it.answers.replies[WWW] = Reply(ReplyKind.NXDOMAIN, "NXDOMAIN", ttl=60)
            await it.until(3.1 * HOUR)
            first, second, third, *_ = (at for at in it.answers.times(WWW) if at > 2 * HOUR)
            assert second - first < 10
            assert third - second < LATEST
            assert it.engine.answer(WWW).a.status is AnswerStatus.NXDOMAIN
            await it.until(3.2 * HOUR)
            assert it.engine.resting == 1

    run_virtually(scenario())


def test_addresses_that_rotate_never_rest() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            for minute in range(120):
                it.answers.replies[WWW] = addresses(f"198.51.100.{1 + minute % 3}")
                await it.until(62 * minute)
            assert max(gaps(it.answers.times(WWW))) < 2 * LATEST
            assert it.engine.resting == 0

    run_virtually(scenario())


def test_a_ttl_longer_than_far_ttl_counts() -> None:
    async def scenario() -> None:
        replies = {WWW: addresses("198.51.100.1", ttl=3000)}
        async with guarded([WWW], replies, local=HERE, far_ttl=600.0) as it:
            await it.until(6 * HOUR)
            assert min(gaps(it.answers.times(WWW))) > 3000
            assert it.engine.resting == 0

    run_virtually(scenario())


def test_an_srv_name_rests_with_its_targets_and_one_that_leads_here_wakes_all() -> None:
    async def scenario() -> None:
        local = FixedLocalPrefixes(prefixes("127.0.0.0/8"))
        record = srv_record(443, TARGET)
        replies = {SRV: ELSEWHERE._replace(addresses=(record,))}
        async with guarded([SRV], replies, local=local) as it:  # type: ignore[arg-type]
            await it.until(1000)
            assert it.engine.resting == 2
            it.answers.replies[TARGET, 1] = addresses("192.0.2.10")
            local.prefixes = HERE.prefixes
            it.engine.follow_held(held("192.0.2.10"))
            await it.until(1001)
            assert {(one.name, one.rrtype) for one in it.answers.since(1000)} == {(SRV, 33), (TARGET, 1)}
            assert it.changed[-1] == SRV
            await it.until(2 * HOUR)
            for name, rrtype in ((SRV, 33), (TARGET, 1), (TARGET, 28)):
                assert max(gaps([at for at in it.answers.times(name, rrtype) if at > 1001])) < LATEST

    run_virtually(scenario())


def test_a_reload_that_changes_far_ttl_counts_at_once() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.engine.replace_settings(DnsSettings((SERVER,), far_ttl=0.0))
            await it.until(1002)
            assert [one.rrtype for one in it.answers.since(1000)] == [1, 28]
            await it.until(HOUR)
            assert max(gaps([at for at in it.answers.times(WWW) if at > 999])) < LATEST
            it.engine.replace_settings(DnsSettings((SERVER,), far_ttl=600.0))
            await it.until(3 * HOUR)
            assert 590 < max(gaps([at for at in it.answers.times(WWW) if at > HOUR])) <= 601

    run_virtually(scenario())


def test_a_suspend_is_noticed_though_no_name_is_due() -> None:
    async def scenario() -> None:
        async with guarded([WWW], local=HERE) as it:
            await it.until(1000)
            it.clock.suspended += HOUR
            it.engine.follow_held(held())  # an audit, at least every 30 s
            await it.until(1002)
            assert {one.rrtype for one in it.answers.since(1000)} == {1, 28}

    run_virtually(scenario())


def test_a_nameserver_that_does_not_answer_is_not_flooded() -> None:
    far = [f"n{number}.example.com" for number in range(2000)]

    async def scenario() -> None:
        async with guarded(far, local=HERE, max_qps=1000) as it:
            await it.until(1000)
            assert it.engine.resting == len(far)
            it.answers.replies.update(dict.fromkeys(far))
            it.engine.follow_held(held("192.0.2.20"))
            await it.until(1001)
            asked = [one for one in it.answers.since(1000) if one.rrtype == 1]
            assert 200 <= len(asked) <= DNS_LOOKUPS.value + 10
            it.answers.replies.clear()

    run_virtually(scenario())


def test_when_a_name_is_asked_for_next_and_why() -> None:
    async def scenario() -> None:
        async with guarded([WWW], {(WWW, 28): failure("SERVFAIL", "SERVFAIL")}, local=HERE) as it:
            assert it.engine.next_questions("other.example") == ()
            await it.until(1000)
            a, aaaa = it.engine.next_questions(WWW)
            assert (a.rrtype, a.pace, aaaa.rrtype, aaaa.pace) == ("A", Pace.FAR, "AAAA", Pace.RETRY)
            assert 0 < aaaa.seconds <= 316
            before = len(it.answers.times(WWW))
            await it.until(1000 + a.seconds - 2)
            assert len(it.answers.times(WWW)) == before
            await it.until(1000 + a.seconds + 1)
            assert len(it.answers.times(WWW)) == before + 1
            it.answers.replies[WWW] = addresses("192.0.2.10")
            it.engine.ask_soon(WWW)
            await it.until(1000 + a.seconds + 2)
            assert it.engine.next_questions(WWW)[0].pace is Pace.TTL

    run_virtually(scenario())


def test_a_name_that_is_configured_anew_begins_anew() -> None:
    async def scenario() -> None:
        async with guarded([WWW], {WWW: addresses("192.0.2.10")}, local=HERE) as it:
            it.engine.replace_domains([])
            it.answers.replies[WWW] = ELSEWHERE
            it.engine.replace_domains([WWW])
            await it.until(RESTS_AT + LATEST)
            assert it.engine.resting == 1

    run_virtually(scenario())
