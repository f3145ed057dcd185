"""lowatch.resolve.views.resolver: what applications get, and what the others say."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from lowatch.core.addresses import FixedLocalPrefixes, PrefixSet, parse_address, parse_port, parse_prefix
from lowatch.core.answers import Answer, AnswerStatus, OtherView, RRset, SrvRecord, View
from lowatch.resolve.records.srv import Target, srv_answer
from lowatch.resolve.system.file_system import READ_AT_ONCE
from lowatch.resolve.system.getaddrinfo import Seen
from tests.support.aio import run_async
from tests.support.descriptors import no_descriptor_left
from tests.unit.resolve.answering_channels import held
from tests.unit.resolve.given_dns import GivenDns, failing, resolved, rrset
from tests.unit.resolve.views.etc import Etc, addresses, running

WWW, API, SRV = "www.example.com", "api.example.com", "_http._tcp.example.com"
WIDE_PREFIX = PrefixSet([parse_prefix("192.0.2.0/24")])
WIDE = FixedLocalPrefixes(WIDE_PREFIX)


def test_a_line_of_hosts_overrides_dns(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1", "2001:db8::1"), resolved(API, "203.0.113.2"))
        views = etc.views(dns)
        async with running(views) as changes:
            answer = views.answer(WWW)
            assert answer == Answer(
                WWW,
                RRset(AnswerStatus.RESOLVED, addresses("192.0.2.1"), server=str(etc.hosts)),
                RRset(AnswerStatus.NODATA, server=str(etc.hosts)),
                View.HOSTS,
                others=(OtherView(View.DNS, addresses("203.0.113.1", "2001:db8::1")),),
            )
            assert views.answer(WWW) is answer
            assert views.answer(API) is dns.answer(API)
            assert changes.domains == [WWW]

    run_async(scenario())


@pytest.mark.parametrize(
    ("switch", "view", "others"),
    [
        ("hosts: files dns", View.HOSTS, (View.DNS,)),
        ("hosts: dns files", View.DNS, (View.HOSTS,)),
        ("hosts: dns", View.DNS, (View.HOSTS,)),
    ],
)
def test_nsswitch_says_who_decides(etc: Etc, switch: str, view: View, others: tuple[View, ...]) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")
    etc.nsswitch.write_text(f"{switch}\n")

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views):
            answer = views.answer(WWW)
            assert (answer.view, tuple(other.view for other in answer.others)) == (view, others)

    run_async(scenario())


def test_behind_dns_hosts_decides_of_what_dns_does_not_have(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")
    etc.nsswitch.write_text("hosts: dns files\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns)
        async with running(views):
            assert views.statuses == {AnswerStatus.RESOLVED: 1}
            dns.give(resolved(WWW))
            assert views.answer(WWW).view is View.HOSTS
            assert views.statuses == {AnswerStatus.RESOLVED: 1}
            dns.give(failing(WWW))
            assert views.answer(WWW).others == (OtherView(View.DNS, None, "A: SERVFAIL"),)
            assert views.unresolved() == {}

    run_async(scenario())


def test_where_hosts_says_the_same_there_is_nothing_to_tell(etc: Etc) -> None:
    etc.hosts.write_text(f"203.0.113.1 {WWW}\n")
    etc.nsswitch.write_text("hosts: dns files\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns)
        async with running(views):
            assert views.answer(WWW) == dns.answer(WWW)

    run_async(scenario())


def test_files_are_followed_and_only_what_changed_is_reported(etc: Etc) -> None:
    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.2"))
        views = etc.views(dns)
        async with running(views) as changes:
            assert views.answer(WWW).view is View.DNS
            etc.hosts.write_text(f"192.0.2.1 {WWW}\n192.0.2.2 {API}\n")
            views.files_changed()
            await changes.until(lambda: len(changes.domains) == 2)
            www = views.answer(WWW)
            etc.hosts.write_text(f"192.0.2.1 {WWW}\n192.0.2.3 {API}\n")
            views.files_changed()
            await changes.until(lambda: len(changes.domains) == 3)
            assert changes.domains[-1] == API
            assert views.answer(WWW) is www
            assert views.answer(API).addresses == addresses("192.0.2.3")
            etc.nsswitch.write_text("hosts: dns\n")
            views.files_changed()
            await changes.until(lambda: len(changes.domains) == 5)
            assert views.answer(WWW).view is View.DNS
            etc.hosts.unlink()
            views.files_changed()
            await changes.until(lambda: len(changes.domains) == 7)
            assert views.answer(WWW) is dns.answer(WWW)

    run_async(scenario())


def test_an_answer_stays_the_same_object_while_it_reads_the_same(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns)
        async with running(views):
            answer = views.answer(WWW)
            dns.give(Answer(WWW, rrset("203.0.113.1"), rrset()))  # another object, the same content
            assert views.answer(WWW) is answer
            dns.give(resolved(WWW, "203.0.113.9"))
            assert views.answer(WWW) is not answer

    run_async(scenario())


def test_who_leads_where_in_any_view(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n0.0.0.0 {API}\n")
    etc.seen[WWW] = Seen(addresses("198.51.100.7"))

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.1")))
        async with running(views):
            await views.cross_check([WWW], 5)
            assert views.inside(WIDE_PREFIX) == {WWW}
            assert views.inside([parse_prefix("203.0.113.1/32")]) == {WWW, API}
            assert set(views.at(parse_address("198.51.100.7"))) == {WWW}
            assert set(views.at(parse_address("127.0.0.1"))) == {API}  # where a connect to 0.0.0.0 goes
            assert set(views.at(parse_address("192.0.2.99"))) == set()
            etc.hosts.unlink()
            views.files_changed()
            await asyncio.sleep(0.01)
            assert views.inside(WIDE_PREFIX) == set()

    run_async(scenario())


def test_statuses_and_unknowns_are_those_of_the_composed_answers(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        dns = GivenDns(failing(WWW), failing(API))
        views = etc.views(dns)
        async with running(views):
            assert views.statuses == {AnswerStatus.RESOLVED: 1, AnswerStatus.UNKNOWN: 1}
            unresolved = views.unresolved()
            assert unresolved == {API: ("SERVFAIL", "SERVFAIL")}
            assert views.unresolved() is unresolved
            dns.give(resolved(WWW, "192.0.2.5"))
            assert views.unresolved() is unresolved
            dns.give(resolved(API, "192.0.2.5"))
            assert views.unresolved() == {}
            assert views.statuses == {AnswerStatus.RESOLVED: 2}

    run_async(scenario())


def test_an_srv_name_has_a_dns_view_only(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {SRV}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(SRV, "203.0.113.1"))
        views = etc.views(dns)
        async with running(views):
            await views.cross_check([SRV], 5)
            assert views.answer(SRV) is dns.answer(SRV)
            assert etc.looked_up == []

    run_async(scenario())


def test_domains_may_be_replaced(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW} {API}\n")
    etc.seen[WWW] = Seen(addresses("198.51.100.7"))

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views) as changes:
            await views.cross_check([WWW], 5)
            views.replace_domains([API])
            assert views.inside([parse_prefix("0.0.0.0/0")]) <= {API}
            await changes.until(lambda: changes.domains[-1] == API)
            assert views.answer(API).view is View.HOSTS
            assert views.answer(WWW).others == ()

    run_async(scenario())


def test_a_large_hosts_file_does_not_hold_the_loop(etc: Etc) -> None:
    line = "0.0.0.0 ad.tracker.example.net\n"
    etc.hosts.write_text(line * 300_000 + f"192.0.2.1 {WWW}\n")
    assert etc.hosts.stat().st_size > READ_AT_ONCE

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        turns = 0

        def tick() -> None:
            nonlocal turns, timer
            turns += 1
            timer = loop.call_later(0.001, tick)

        timer = loop.call_later(0.001, tick)
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views):
            timer.cancel()
            assert views.answer(WWW).addresses == addresses("192.0.2.1")
        assert turns > 20  # of the 140 breaths that the reading thread takes

    run_async(scenario())


def test_problems_are_reported_beside_those_of_dns(etc: Etc) -> None:
    etc.hosts.write_text(f"nonsense {WWW}\n")
    etc.nsswitch.write_text("hosts:\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"))
        views = etc.views(dns)
        async with running(views):
            dns.problems.append("no nameserver")
            assert list(views.problems) == [
                "no nameserver",
                f"{etc.nsswitch}:1: the hosts line has no service: no name can be resolved",
                f"{etc.hosts}:1: 'nonsense' is not an address, ignoring it for {WWW}",
            ]
            await views.cross_check([WWW], 5)
            assert etc.looked_up == []  # it would have ended this process
            assert views.answer(WWW).others[-1].reason == views.problems[1]
            assert views.stub_addresses == dns.stub_addresses
            assert views.srv_ports == dns.srv_ports

    run_async(scenario())


def test_nsswitch_is_looked_at_before_getaddrinfo_is_asked(etc: Etc) -> None:
    """Whoever wrote it has had no time to tell."""

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views):
            etc.nsswitch.write_text("hosts:\n")
            await views.cross_check([WWW], 5)
            assert etc.looked_up == []

    run_async(scenario())


def test_what_cannot_be_read_keeps_what_it_said(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views) as changes:
            etc.hosts.unlink()
            etc.hosts.mkdir()
            views.files_changed()
            await asyncio.sleep(0.01)
            refused = f"{etc.hosts}: a directory, not a regular file: keeping what was last read"
            assert views.unread == (refused,)
            assert list(views.problems) == []
            assert views.answer(WWW).addresses == addresses("192.0.2.1")
            assert changes.domains == [WWW]
            etc.hosts.rmdir()
            views.files_changed()
            await changes.until(lambda: len(changes.domains) == 2)
            assert views.unread == ()

    run_async(scenario())


@pytest.mark.parametrize("file", ["hosts", "nsswitch", "host_conf", "resolv_conf"])
def test_each_file_that_is_there_and_cannot_be_read_is_reported(etc: Etc, file: str) -> None:
    """Applications of other users may be able to read it."""
    path: Path = getattr(etc, file)
    path.unlink(missing_ok=True)
    path.symlink_to(path)

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")), local=FixedLocalPrefixes(None))
        async with running(views) as changes:
            (line,) = views.unread
            assert line.startswith(f"{path}: Too many levels of symbolic links")
            path.unlink()
            path.touch()
            changes.domains.clear()
            views.files_changed()
            await changes.until(lambda: changes.domains == [WWW])  # for an audit that says so
            assert views.unread == ()

    run_async(scenario())


def test_without_a_descriptor_it_keeps_what_they_said_and_tries_again(
    etc: Etc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event tells that there are some again, and no file has changed by then."""
    monkeypatch.setattr("lowatch.resolve.views.files_follower._UNREADABLE_AGAIN", 0.05)
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views) as changes:
            etc.hosts.write_text(f"192.0.2.2 {WWW}\n")
            with no_descriptor_left():
                views.files_changed()
                await asyncio.sleep(0.01)
                assert views.unread
                assert all("Too many open files" in line for line in views.unread)
                assert views.answer(WWW).addresses == addresses("192.0.2.1")
            await changes.until(lambda: views.answer(WWW).addresses == addresses("192.0.2.2"))
            assert views.unread == ()

    run_async(scenario())


@pytest.mark.parametrize("file", ["hosts", "nsswitch", "host_conf", "resolv_conf"])
@pytest.mark.parametrize("kind", ["fifo", "device", "large"])
def test_getaddrinfo_is_not_asked_where_it_would_read_for_ever(etc: Etc, file: str, kind: str) -> None:
    """The C library opens what is there: a thread that waits for a FIFO's other end never comes back."""
    path: Path = getattr(etc, file)
    path.unlink(missing_ok=True)

    async def scenario() -> None:
        etc.seen[WWW] = Seen(addresses("203.0.113.1"))
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views):
            if kind == "fifo":
                os.mkfifo(path)
            elif kind == "device":
                path.symlink_to("/dev/zero")
            else:
                path.touch()
                os.truncate(path, 2 << 30)
            await views.cross_check([WWW], 5)
            assert etc.looked_up == []
            assert views.answer(WWW).others[-1].addresses is None
            assert str(path) in views.answer(WWW).others[-1].reason
            path.unlink()
            await views.cross_check([WWW], 5)
            assert etc.looked_up == [WWW]

    run_async(scenario())


GAI = View.GETADDRINFO


@pytest.mark.parametrize(
    ("seen", "other"),
    [
        (Seen(addresses("203.0.113.1")), OtherView(GAI, addresses("203.0.113.1"))),
        (
            Seen(None, "Temporary failure"),
            OtherView(GAI, None, "Temporary failure"),
        ),
        (Seen(addresses("203.0.113.1", "64:ff9b::cb00:7101")), OtherView(GAI, addresses("203.0.113.1"))),
    ],
)
def test_what_is_asked_for_is_shown(etc: Etc, seen: Seen, other: OtherView) -> None:
    """The last: what a DNS64 made of the A address is no disagreement."""
    etc.seen[WWW] = seen

    async def scenario() -> None:
        dns = GivenDns(Answer(WWW, rrset("203.0.113.1"), rrset(synthesised=("64:ff9b::cb00:7101",))))
        views = etc.views(dns)
        await views.cross_check([WWW], 5)  # before anything runs, too
        assert views.answer(WWW).others == (other,)
        assert views.answer(WWW).addresses == addresses("203.0.113.1")

    run_async(scenario())


@pytest.mark.parametrize("got", [("192.0.2.9",), ("192.0.2.9", "2001:db8::9"), ()])
def test_what_getaddrinfo_says_is_what_applications_get(etc: Etc, got: tuple[str, ...]) -> None:
    etc.seen[WWW] = Seen(addresses(*got))

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1", "2001:db8::1")))
        await views.cross_check([WWW], 5)
        answer = views.answer(WWW)
        assert (answer.view, set(answer.addresses)) == (GAI, set(addresses(*got)))
        assert answer.others == (OtherView(View.DNS, addresses("203.0.113.1", "2001:db8::1")),)
        assert views.statuses == {AnswerStatus.RESOLVED if got else AnswerStatus.NODATA: 1}

    run_async(scenario())


def test_what_systemd_resolved_decides_it_decides_while_it_runs(etc: Etc) -> None:
    """Its socket may stay when it has ended: then nobody listens there."""
    etc.nsswitch.write_text("hosts: resolve [!UNAVAIL=return] dns\n")
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n")

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1")))
        async with running(views) as changes:
            assert views.answer(WWW).addresses == addresses("203.0.113.1")
            with socket.socket(socket.AF_UNIX) as varlink:
                varlink.bind(str(etc.resolved))
                varlink.listen()
                views.files_changed()
                await changes.until(lambda: views.answer(WWW).view is View.HOSTS)
            etc.resolved.touch()
            views.files_changed()
            await changes.until(lambda: views.answer(WWW).view is View.DNS)

    run_async(scenario())


def test_a_target_of_an_srv_record_is_looked_up_in_the_files(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {API}\n")
    etc.seen = {API: Seen(addresses("192.0.2.1"))}
    port = parse_port("80")

    async def scenario() -> None:
        dns = GivenDns(Answer(SRV, srv_records=()))
        views = etc.views(dns, local=WIDE)
        async with running(views) as changes:
            dns.give_srv(SRV, Target(API, port, rrset("203.0.113.1"), rrset()))
            await changes.until(lambda: views.answer(SRV).view is View.HOSTS)
            answer = views.answer(SRV)
            assert answer.srv_records == (SrvRecord(API, port, addresses("192.0.2.1")),)
            assert (answer.addresses, answer.others) == (
                addresses("192.0.2.1"),
                (OtherView(View.DNS, addresses("203.0.113.1")),),
            )
            assert views.at(parse_address("192.0.2.1")) == {SRV}
            async with asyncio.timeout(5):
                while API not in etc.looked_up:  # it agrees: nothing tells of that
                    await asyncio.sleep(0.01)
            dns.give_srv(SRV, Target(WWW, port, rrset("203.0.113.1"), rrset()))
            assert views.answer(SRV).addresses == addresses("203.0.113.1")

    run_async(scenario())


def test_of_a_rotating_answer_what_both_have_stands(etc: Etc) -> None:
    etc.seen[WWW] = Seen(addresses("192.0.2.1", "192.0.2.9"))

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "192.0.2.1", "192.0.2.2")))
        await views.cross_check([WWW], 5)
        assert views.answer(WWW).addresses == addresses("192.0.2.1", "192.0.2.2", "192.0.2.9")

    run_async(scenario())


def test_what_getaddrinfo_could_not_tell_is_unsure(etc: Etc) -> None:
    etc.seen = {WWW: Seen(None, "Temporary failure"), API: Seen(addresses("203.0.113.2"))}

    async def scenario() -> None:
        views = etc.views(GivenDns(resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.2")))
        await views.cross_check([WWW, API], 5)
        assert views.unsure() == {WWW: OtherView(GAI, None, "Temporary failure")}

    run_async(scenario())


def test_a_name_that_leads_here_by_hosts_is_kept_near(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n203.0.113.9 {API}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.2"))
        async with running(etc.views(dns, local=WIDE)):
            assert dns.near == {WWW}

    run_async(scenario())


def test_a_name_that_leads_to_an_added_address_by_hosts_is_kept_near(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {WWW}\n192.0.2.2 {API}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(WWW, "203.0.113.1"), resolved(API, "203.0.113.2"))
        views = etc.views(dns)
        async with running(views):
            views.follow_held(held("192.0.2.1"))
            assert dns.near == set()
            dns.added = [parse_prefix("192.0.2.1/32")]
            views.follow_held(held("192.0.2.1"))
            assert dns.near == {WWW}
            views.keep_near([API])
            assert dns.near == {WWW, API}
            views.clients_refused(parse_address("192.0.2.1"))
            assert dns.refused == [parse_address("192.0.2.1")]

    run_async(scenario())


def test_an_srv_name_whose_target_leads_here_by_hosts_is_kept_near(etc: Etc) -> None:
    etc.hosts.write_text(f"192.0.2.1 {API}\n")

    async def scenario() -> None:
        dns = GivenDns(resolved(SRV))
        target = Target(API, parse_port("80/tcp"), rrset("203.0.113.1"), rrset())
        dns.srv_records[SRV] = rrset("203.0.113.1"), [target]
        dns.give(srv_answer(SRV, *dns.srv_records[SRV]))
        views = etc.views(dns, local=WIDE)
        async with running(views):
            dns.give(srv_answer(SRV, *dns.srv_records[SRV]))
            await eventually_near(dns, SRV)

    run_async(scenario())


async def eventually_near(dns: GivenDns, name: str) -> None:
    async with asyncio.timeout(30):
        while name not in dns.near:
            await asyncio.sleep(0)
