"""Every domain's answer with all its views in it."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_prefix
from lowatch.core.answers import AnswerStatus, View
from lowatch.resolve.system.getaddrinfo import Seen
from lowatch.resolve.system.nsswitch import parse_nsswitch
from lowatch.resolve.views.merge import Rules
from lowatch.resolve.views.merged_answers import MergedAnswers
from tests.unit.resolve.given_dns import GivenDns, failing, resolved

WWW, API = "www.example.com", "api.example.com"
VIP, ELSEWHERE = parse_address("192.0.2.10"), parse_address("198.51.100.7")
RULES = Rules(parse_nsswitch("hosts: files dns"))


def merged(dns: GivenDns, *domains: str) -> MergedAnswers:
    answers = MergedAnswers(dns, RULES)
    answers.follow(frozenset(domains))
    return answers


def test_a_name_of_which_only_dns_knows_has_the_answer_of_dns() -> None:
    dns = GivenDns(resolved(WWW, "192.0.2.10"))
    assert merged(dns, WWW).answer(WWW) is dns.answer(WWW)


def test_a_line_of_hosts_decides_and_the_answer_stays_the_same_object() -> None:
    answers = merged(GivenDns(resolved(WWW, "198.51.100.7")), WWW)
    assert answers.replace_rules(RULES, {WWW: (VIP,)}) == {WWW}
    answer = answers.answer(WWW)
    assert (answer.view, answer.addresses) == (View.HOSTS, (VIP,))
    assert answers.answer(WWW) is answer
    assert answers.replace_rules(RULES, {WWW: (VIP,)}) == set()


def test_it_is_found_by_where_any_view_leads() -> None:
    answers = merged(GivenDns(resolved(WWW, "198.51.100.7"), resolved(API, "192.0.2.10")), WWW, API)
    answers.replace_rules(RULES, {WWW: (VIP,)})
    assert set(answers.at(VIP)) == {WWW, API}
    assert set(answers.at(ELSEWHERE)) == {WWW}
    assert answers.inside([parse_prefix("192.0.2.0/24")]) == {WWW, API}


def test_statuses_and_reasons_are_those_of_the_whole_answers() -> None:
    answers = merged(GivenDns(failing(WWW), failing(API)), WWW, API)
    assert answers.statuses == {AnswerStatus.UNKNOWN: 2}
    answers.replace_rules(RULES, {WWW: (VIP,)})
    assert answers.statuses == {AnswerStatus.RESOLVED: 1, AnswerStatus.UNKNOWN: 1}
    assert list(answers.unresolved()) == [API]
    assert list(answers.not_resolved()) == [API]


def test_what_getaddrinfo_said_counts_until_it_is_taken_back() -> None:
    answers = merged(GivenDns(resolved(WWW, "198.51.100.7")), WWW)
    assert answers.put_seen(WWW, Seen((VIP,))) == {WWW}
    assert answers.answer(WWW).view is View.GETADDRINFO
    assert answers.put_seen(WWW, None) == {WWW}
    assert answers.answer(WWW).view is View.DNS


def test_what_getaddrinfo_could_not_say_leaves_the_name_unsure() -> None:
    answers = merged(GivenDns(resolved(WWW, "198.51.100.7")), WWW)
    answers.put_seen(WWW, Seen(None, "timed out"))
    assert {name: other.reason for name, other in answers.unsure().items()} == {WWW: "timed out"}
    assert answers.answer(WWW).addresses == (ELSEWHERE,)
