"""What getaddrinfo says, compared with what the files and DNS say it should."""

from __future__ import annotations

import asyncio

import pytest

from lowatch.core.addresses import FixedLocalPrefixes, PrefixSet, parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus, OtherView, View
from lowatch.core.limits.names import GETADDRINFO_CHECKED
from lowatch.resolve.system.getaddrinfo import Seen
from tests.support.aio import run_async
from tests.support.virtual_time import run_virtually
from tests.unit.resolve.given_dns import GivenDns, resolved
from tests.unit.resolve.views.etc import Etc, addresses, running

WWW, API, DB = "www.example.com", "api.example.com", "db.example.com"


WIDE = FixedLocalPrefixes(PrefixSet([parse_prefix("192.0.2.0/24")]))


AGAIN = "differs from DNS: asking both again"


GAI = View.GETADDRINFO


def test_by_itself_it_asks_first_about_what_leads_here_and_keeps_what_matters(etc: Etc) -> None:
    other, wrong = "other.example.com", "wrong.example.com"
    etc.seen = {
        WWW: Seen(addresses("192.0.2.1")),
        other: Seen(addresses("203.0.113.2")),
        wrong: Seen(addresses("203.0.113.9")),
    }

    async def scenario() -> None:
        dns = GivenDns(
            resolved(other, "203.0.113.2"), resolved(wrong, "203.0.113.3"), resolved(WWW, "192.0.2.1")
        )
        views = etc.views(dns, local=WIDE, threads=False)
        async with running(views) as changes:
            await changes.until(lambda: wrong in changes.domains)
            assert views.answer(WWW) is dns.answer(WWW)  # it agrees
            assert views.answer(wrong).others == (OtherView(GAI, None, AGAIN),)
            assert dns.asked_again == [wrong]
            await changes.another()
            assert views.answer(wrong).view is GAI
            assert views.answer(wrong).addresses == addresses("203.0.113.9")
            assert views.answer(other) is dns.answer(other)  # asked or not, it agrees, and leads elsewhere
            assert etc.looked_up[0] == WWW
            assert set(views.at(parse_address("203.0.113.9"))) == {wrong}

    run_virtually(scenario())


def test_a_name_that_comes_to_lead_here_is_asked_about_at_once(etc: Etc) -> None:
    names = [f"n{number}.example.com" for number in range(1000)]

    async def scenario() -> None:
        dns = GivenDns(*(resolved(name, "203.0.113.1") for name in names))
        etc.seen = {name: Seen(addresses("203.0.113.1")) for name in names}
        views = etc.views(dns, local=WIDE)
        async with running(views) as changes:
            etc.seen[names[77]] = Seen(addresses("192.0.2.78"))
            dns.give(resolved(names[77], "192.0.2.77"))
            await changes.until(lambda: bool(views.answer(names[77]).others))

    run_async(scenario())


def test_a_disagreement_that_ends_is_forgotten_and_a_failure_ends_none(etc: Etc) -> None:
    there = addresses("198.51.100.7")
    etc.seen[WWW] = Seen(there)

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")), threads=False)
        async with running(views) as changes:
            await changes.until(lambda: bool(changes.domains))
            assert views.answer(WWW).others == (OtherView(GAI, None, AGAIN),)
            await changes.another()
            assert (views.answer(WWW).view, views.answer(WWW).addresses) == (GAI, there)
            etc.seen[WWW] = Seen(None, "Temporary failure")
            await changes.another()
            kept = views.answer(WWW)
            assert (kept.view, kept.addresses, kept.a.status) == (GAI, there, AnswerStatus.STALE)
            assert kept.a.reason == "Temporary failure"
            etc.seen[WWW] = Seen(addresses("203.0.113.1"))
            await changes.another()
            assert views.answer(WWW).others == ()

    run_virtually(scenario())


@pytest.mark.parametrize("follows", [True, False])
def test_a_failure_counts_where_something_hangs_on_it(etc: Etc, follows: bool) -> None:
    """Where what applications get follows from the files and DNS, a name that leads elsewhere is known."""
    etc.nsswitch.write_text(f"hosts: files {'dns' if follows else 'sss dns'}\n")
    etc.seen[WWW] = Seen(None, "Temporary failure")

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")), threads=False)
        async with running(views) as changes:
            await asyncio.sleep(10)
            assert WWW in etc.looked_up
            assert bool(views.unsure()) is not follows
            assert not changes.domains or not follows

    run_virtually(scenario())


def test_a_difference_that_asking_again_ends_was_none(etc: Etc) -> None:
    """A record has just changed: the C library knows it already, and our answer's TTL is not over."""
    etc.seen[WWW] = Seen(addresses("203.0.113.2"))

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns, threads=False)
        async with running(views) as changes:
            await changes.until(lambda: bool(changes.domains))
            assert dns.asked_again == [WWW]
            dns.give(resolved(WWW, "203.0.113.2"))
            await changes.another()
            assert views.answer(WWW).others == ()
            etc.seen[WWW] = Seen(())  # and as little counts a failure that nss-resolve takes for a no
            await changes.another()
            assert views.answer(WWW).others == (OtherView(GAI, None, AGAIN),)
            etc.seen[WWW] = Seen(addresses("203.0.113.2"))
            await changes.another()
            assert views.answer(WWW).others == ()

    run_virtually(scenario())


def test_a_change_during_the_lookup_makes_no_difference(etc: Etc) -> None:
    """What getaddrinfo returns then may be from before the change: it is asked again at once."""

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "192.0.2.1"))

        def look_up(name: str) -> Seen:
            etc.looked_up.append(name)
            if len(etc.looked_up) > 1:
                return Seen(addresses("192.0.2.2"))
            dns.give(resolved(WWW, "192.0.2.2"))
            return Seen(addresses("192.0.2.1"))

        etc.look_up = look_up  # type: ignore[method-assign]
        views = etc.views(dns, local=WIDE, threads=False)
        async with running(views) as changes:
            await asyncio.sleep(1)
            assert etc.looked_up == [WWW, WWW]
            assert changes.domains == [WWW]
            assert dns.asked_again == []
            assert views.answer(WWW) is dns.answer(WWW)

    run_virtually(scenario())


def test_what_was_seen_before_dns_changed_is_old_until_it_is_asked_again(etc: Etc) -> None:
    etc.seen[WWW] = Seen(addresses("192.0.2.9"))

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "192.0.2.1"))
        views = etc.views(dns, local=WIDE, threads=False)
        async with running(views) as changes:
            await changes.until(lambda: bool(changes.domains))
            await changes.another()
            dns.give(resolved(WWW, "192.0.2.2"))
            answer = views.answer(WWW)
            assert (answer.addresses, answer.a.status) == (addresses("192.0.2.9"), AnswerStatus.STALE)

    run_virtually(scenario())


def test_views_that_trade_places_are_compared_again_soon(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    """getaddrinfo was doubted before: this doubt is a new one all the same, and cannot wait."""
    monkeypatch.setattr("lowatch.resolve.views.crosscheck_schedule.UNVERIFIED_AFTER", 0.02)
    elsewhere, here = addresses("203.0.113.1"), addresses("192.0.2.1")
    etc.seen[WWW] = Seen(here)

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns, local=WIDE)
        async with running(views) as changes:
            await changes.until(lambda: views.answer(WWW).addresses == here)
            etc.seen[WWW] = Seen(elsewhere)
            dns.give(resolved(WWW, "192.0.2.1"))
            await changes.until(lambda: views.answer(WWW).addresses == elsewhere)
            assert views.answer(WWW).view is GAI

    run_async(scenario())


def test_stuck_lookups_make_what_was_seen_unknown(etc: Etc) -> None:
    etc.seen = {WWW: Seen(addresses("198.51.100.7")), API: Seen(None, "Temporary failure")}
    etc.hanging = {DB}

    async def scenario() -> None:
        dns = GivenDns(
            resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.2"), resolved(DB, "203.0.113.3")
        )
        views = etc.views(dns, threads=False)
        await views.cross_check([WWW, API], 5)
        async with running(views) as changes:
            await changes.until(lambda: bool(views.answer(WWW).a.reason))
            assert views.answer(WWW).a.reason == "getaddrinfo is busy with db.example.com"
            assert views.unsure() == {API: OtherView(GAI, None, "getaddrinfo is busy with db.example.com")}

    run_virtually(scenario())


def test_names_that_disagree_by_the_thousand_cost_no_more_than_so_many(etc: Etc) -> None:
    names = [f"n{number}.example.com" for number in range(5000)]
    etc.seen = dict.fromkeys(names, Seen(()))
    at_once = GETADDRINFO_CHECKED.value

    async def scenario() -> None:
        views = etc.views(GivenDns(*(resolved(name, "203.0.113.1") for name in names)), threads=False)
        for first in range(0, len(names), at_once):
            await views.cross_check(names[first : first + at_once], 60)
        shown = [name for name in names if views.answer(name).others]
        assert shown == names[-4096:]

    run_virtually(scenario())
