"""Names that the host and its addresses say of themselves: which are followed, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.answers import Answer, SrvRecord
from lowatch.core.candidate_names import CandidateNames, leads, led_by_ptr
from lowatch.core.learned_names import LearnedName
from lowatch.core.limits.names import CANDIDATE_NAMES
from lowatch.core.name_sources import CANDIDATES, NameSource
from lowatch.core.policy import DEFAULT_PORTS
from lowatch.core.reverse_names import reverse_name
from lowatch.core.snapshot import RefusedPort
from tests.unit.core.worlds import VIP, VIP6, local, ports, seen, view

HOSTS, HOSTNAME, PTR = CANDIDATES
OTHER = parse_address("198.51.100.7")
NO_PORT = Port(0, "tcp")


def replaced(
    names: CandidateNames,
    found: Mapping[NameSource, Collection[str]],
    asked: Collection[NameSource] = CANDIDATES,
) -> Mapping[str, NameSource]:
    names.replace(found, 0.0, asked=asked)
    return names.sources()


def test_a_name_counts_while_somebody_says_it_and_the_first_source_does() -> None:
    names = CandidateNames()
    found = {PTR: ["b.example", "a.example"], HOSTS: ["b.example"]}
    assert replaced(names, found) == {"b.example": HOSTS, "a.example": PTR}
    changes = names.changes
    assert replaced(names, found) == {"b.example": HOSTS, "a.example": PTR}
    assert names.changes == changes
    assert replaced(names, {PTR: ["b.example"]}) == {"b.example": PTR}
    assert names.changes > changes
    assert replaced(names, {}) == {}


def test_what_the_last_run_knew_counts_until_its_source_has_answered() -> None:
    names = CandidateNames()
    names.restore([("a.example", LearnedName(PTR, 0.0)), ("b.example", LearnedName(HOSTS, 0.0))])
    assert replaced(names, {}, asked=[HOSTS]) == {"a.example": PTR}
    assert replaced(names, {HOSTNAME: ["c.example"]}, asked=[HOSTS]) == {
        "c.example": HOSTNAME,
        "a.example": PTR,
    }
    assert replaced(names, {PTR: ["a.example"]}, asked=[HOSTS]) == {"a.example": PTR}
    assert replaced(names, {}, asked=[HOSTS]) == {}, "it was said again, and then no more"


def test_beyond_the_limit_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CANDIDATE_NAMES, "value", 2)
    names = CandidateNames()
    assert names.replace({HOSTS: ["c.example"], PTR: ["a.example", "b.example"]}, 0.0, asked=CANDIDATES)
    assert names.sources() == {"c.example": HOSTS, "a.example": PTR}
    names.restore([(f"n{number}.example", LearnedName(PTR, 0.0)) for number in range(9)])
    assert len(names) == 2


def test_ports_are_guessed_until_clients_show_them_and_outlast_a_change_of_source() -> None:
    names = CandidateNames()
    replaced(names, {PTR: ["a.example"]})
    spec = names.specs(DEFAULT_PORTS)["a.example"]
    assert spec.guessed
    assert not spec.from_hosts
    [alt] = ports("8080")
    observed = {"a.example": view(local(VIP, *seen(("80", None))))}
    names.observe(observed, [RefusedPort(VIP, "lo", alt, None)], 1.0, 600.0)
    replaced(names, {HOSTS: ["a.example"]})
    spec = names.specs(DEFAULT_PORTS)["a.example"]
    assert (spec.ports, spec.guessed, spec.from_hosts) == ((alt,), False, True)
    assert [name for name, _ in names] == ["a.example"]


def test_a_ptr_record_counts_only_if_its_name_leads_to_a_held_address() -> None:
    records = (
        SrvRecord("right.example", NO_PORT, (VIP6,)),
        SrvRecord("mapped.example", NO_PORT, (Address(bytes(10) + b"\xff\xff" + VIP),)),
        SrvRecord("liar.example", NO_PORT, (OTHER,)),
        SrvRecord("gone.example", NO_PORT),
    )
    answers = {reverse_name(VIP): Answer(reverse_name(VIP), srv_records=records)}
    found = led_by_ptr({VIP, VIP6}, [VIP, VIP6], lambda name: answers.get(name, Answer(name)))
    assert found == {"right.example", "mapped.example"}
    assert not leads([OTHER], {VIP})
