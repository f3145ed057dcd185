"""answer_book and names: whatever happens, what is kept up is what a look at all would give."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import Address, Port, destination, parse_address, parse_prefix
from lowatch.core.answers import Answer, AnswerStatus
from lowatch.resolve.records.answer_book import AnswerBook
from lowatch.resolve.records.name_table import NameTable
from lowatch.resolve.records.slot_state import LookupOutcome, update
from lowatch.resolve.records.slots import NEVER
from lowatch.wire.dns import Reply, ReplyKind, failure, srv_record

HOSTS = ("a.test", "b.test", "c.test")
SERVICES = ("_x._tcp.test", "_y._udp.test")
TARGETS = ("a.test", "t.test", "u.test")
WELL_KNOWN = "ipv4only.arpa"
V4 = [parse_address(text) for text in ("192.0.2.10", "192.0.2.11", "198.51.100.1")]
V6 = [
    parse_address(text)
    for text in ("2001:db8::10", "::ffff:192.0.2.10", "64:ff9b::c000:20a", "64:ff9b::c000:20b")
]
PREFIXES = [parse_prefix(text) for text in ("192.0.2.0/24", "192.0.2.10", "2001:db8::/32", "64:ff9b::/96")]
SETTINGS = DnsSettings(unknown_after=50.0)

DENIALS = st.sampled_from(
    [Reply(ReplyKind.NODATA, "NOERROR", ttl=60), Reply(ReplyKind.NXDOMAIN, "NXDOMAIN", ttl=60)]
)
FAILURES = st.just(failure("SERVFAIL", "SERVFAIL"))


def found(addresses: list[Address]) -> st.SearchStrategy[Reply]:
    some = st.lists(st.sampled_from(addresses), min_size=1, max_size=2, unique=True)
    return some.map(lambda each: Reply(ReplyKind.ADDRESSES, "NOERROR", tuple(sorted(each)), ttl=60))


RECORDS = [srv_record(port, target) for port in (443, 8443) for target in TARGETS]
WELL_KNOWN_REPLIES = [
    Reply(ReplyKind.ADDRESSES, "NOERROR", (parse_address("64:ff9b::c000:aa"),), ttl=60),
    Reply(ReplyKind.NODATA, "NOERROR", ttl=60),
]


class Book(RuleBasedStateMachine):
    """Names that come and go, and lookups that end in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.names = NameTable()
        self.answers = AnswerBook(self.names)
        self.domains: set[str] = set()
        self.now = 1000.0
        self.with_synthesised: dict[str, Answer] = {}

    @rule(domains=st.sets(st.sampled_from(HOSTS + SERVICES)))
    def configure(self, domains: set[str]) -> None:
        added, _, gone = self.names.configure(domains)
        self.answers.added(added)
        self.answers.removed(gone)
        self.domains = domains
        self.with_synthesised = {
            name: answer for name, answer in self.with_synthesised.items() if name in domains
        }

    @rule(name=st.sampled_from((*HOSTS, *TARGETS)), reply=st.one_of(found(V4), DENIALS, FAILURES))
    def a(self, name: str, reply: Reply) -> None:
        self.take(name, 0, reply)

    @rule(name=st.sampled_from((*HOSTS, *TARGETS)), reply=st.one_of(found(V6), DENIALS, FAILURES))
    def aaaa(self, name: str, reply: Reply) -> None:
        self.take(name, 1, reply)

    @rule(name=st.sampled_from(SERVICES), reply=st.one_of(found(RECORDS), DENIALS, FAILURES))
    def srv(self, name: str, reply: Reply) -> None:
        self.take(name, 0, reply)

    @rule(reply=st.sampled_from(WELL_KNOWN_REPLIES))
    def well_known(self, reply: Reply) -> None:
        self.take(WELL_KNOWN, 1, reply)

    @rule(seconds=st.sampled_from([1.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def take(self, name: str, family: int, reply: Reply) -> None:
        number = self.names.number_of(name)
        if number is None:
            return
        slot = 2 * number + family
        before = self.names.slots.load(slot)
        after, _ = update(before, LookupOutcome(reply, "192.0.2.53"), self.now, SETTINGS, 0.0)
        self.names.slots.store(slot, after)
        self.names.note_asked(slot)
        if after.rrset is before.rrset:
            return
        touched, found = self.answers.changed(slot, before, after)
        assert len(set(found)) == len(found)
        changed = {self.names.text_of(one) for one in touched}
        assert changed <= self.domains
        for domain in self.domains - changed:
            if domain in self.with_synthesised:
                assert self.answers.answer(domain) == self.with_synthesised[domain], (
                    "changed without a word"
                )

    @invariant()
    def answers_are_kept_until_they_change(self) -> None:
        for domain in self.domains:
            answer = self.answers.answer(domain)
            assert self.answers.answer(domain) is answer
            if self.with_synthesised.get(domain) == answer and domain in HOSTS:
                assert self.with_synthesised[domain] == answer
            self.with_synthesised[domain] = answer

    @invariant()
    def counts_are_those_of_the_answers(self) -> None:
        statuses = Counter(self.raw_status(domain) for domain in self.domains)
        assert +self.answers.statuses == statuses

    def raw_status(self, domain: str) -> AnswerStatus:
        """Before synthesised addresses are set apart: a name that has no others counts as resolved."""
        answer = self.answers.answer(domain)
        if domain in HOSTS and answer.aaaa.synthesised and answer.aaaa.status is AnswerStatus.NODATA:
            return (
                answer.a.status
                if answer.a.status in (AnswerStatus.UNKNOWN, AnswerStatus.STALE)
                else AnswerStatus.RESOLVED
            )
        return answer.status

    @invariant()
    def unresolved_are_those_with_an_unknown_answer(self) -> None:
        every = {domain: self.answers.answer(domain) for domain in self.domains}
        expected = {domain: a.unknown_reasons for domain, a in every.items() if any(a.unknown_reasons)}
        assert self.answers.unresolved() == expected

    @invariant()
    def what_is_not_resolved_is_known_by_name(self) -> None:
        found = self.answers.not_resolved()
        assert len(set(found)) == len(found)
        assert set(found) == {
            one for one in self.domains if self.raw_status(one) is not AnswerStatus.RESOLVED
        }
        assert self.answers.not_resolved() is found

    @invariant()
    def names_are_found_by_their_addresses(self) -> None:
        for prefix in PREFIXES:
            inside = {
                domain
                for domain in self.domains
                for rrset in (self.answers.answer(domain).a, self.answers.answer(domain).aaaa)
                for address in rrset.addresses + rrset.synthesised
                if prefix.covers(destination(address))
            }
            assert self.answers.inside([prefix]) == inside
            if prefix.is_host:
                assert set(self.answers.at(prefix.address)) == inside

    @invariant()
    def ports_are_those_of_the_records(self) -> None:
        ports = {
            record.port
            for domain in self.domains
            for record in self.answers.answer(domain).srv_records or ()
        }
        assert self.answers.srv_ports == ports
        assert all(
            port.protocol == ("udp" if "_udp" in domain else "tcp")
            for domain in self.domains
            for port in (s.port for s in self.answers.answer(domain).srv_records or ())
        )

    @invariant()
    def nothing_is_followed_for_nobody(self) -> None:
        wanted = {target for domain in self.domains for target in self.targets(domain)}
        every = (*HOSTS, *SERVICES, *TARGETS)
        followed = {name for name in every if self.names.number_of(name) is not None}
        assert followed == self.domains | wanted
        assert all(due == NEVER for due in self.names.slots.due)

    def targets(self, domain: str) -> set[str]:
        return {record.target for record in self.answers.answer(domain).srv_records or ()}


Book.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBook = Book.TestCase


def test_a_service_has_the_ports_of_its_records_at_its_targets_addresses() -> None:
    book = Book()
    book.configure({"_x._tcp.test"})
    book.srv("_x._tcp.test", Reply(ReplyKind.ADDRESSES, "NOERROR", tuple(RECORDS[:2]), ttl=60))
    assert not book.names.all_asked.is_set()  # the targets have yet to be asked for
    book.a("a.test", Reply(ReplyKind.ADDRESSES, "NOERROR", (V4[0],), ttl=60))
    book.a("t.test", Reply(ReplyKind.ADDRESSES, "NOERROR", (V4[1],), ttl=30))
    for name in ("a.test", "t.test"):
        book.aaaa(name, Reply(ReplyKind.NODATA, "NOERROR", ttl=60))
    assert book.names.all_asked.is_set()
    answer = book.answers.answer("_x._tcp.test")
    assert (answer.status, answer.addresses) == (AnswerStatus.RESOLVED, (V4[0], V4[1]))
    assert answer.ports_at(V4[0], ()) == (Port(443, "tcp"),)
    assert answer.ports_at(V4[2], ()) == ()
    book.a("t.test", failure("SERVFAIL", "SERVFAIL"))
    answer = book.answers.answer("_x._tcp.test")
    assert (answer.status, answer.a.reason) == (AnswerStatus.STALE, "t.test: SERVFAIL")
    assert answer.addresses == (V4[0], V4[1])


def test_a_target_that_is_a_service_itself_is_none() -> None:
    """A zone could have us follow names without end, and take its records for addresses."""
    book = Book()
    book.configure({"_x._tcp.test"})
    records = (srv_record(8193, "_bcd._tcp.evil"), srv_record(443, "a.test"))
    book.srv("_x._tcp.test", Reply(ReplyKind.ADDRESSES, "NOERROR", tuple(sorted(records)), ttl=60))
    assert book.names.number_of("_bcd._tcp.evil") is None
    records = book.answers.answer("_x._tcp.test").srv_records or ()
    assert [record.target for record in records] == ["a.test"]
