"""Which findings --apply fixes, why it leaves others alone, and which plans need an audit of their own."""

from __future__ import annotations

from lowatch.core.addresses import parse_address, parse_port
from lowatch.core.changes.candidates import Candidate, Filter, Known, apart, candidates
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.held import Held
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.plan import Plan, Step

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")
VIP6 = parse_address("2001:db8::10")
FIRING = Known(FindingState.FIRING, 1000.0)
ANY = Filter()


def plan(address: bytes = VIP, length: int = 32, interface: str = "lo") -> Plan:
    return (Step("remove", Held(parse_address(".".join(map(str, address))), length, interface)),)


def finding(
    port: int = 80, kind: FindingKind = FindingKind.ORPHAN_VIP, steps: Plan | None = None
) -> Finding:
    subject = Subject(kind, "lo", VIP, "www.example.com", parse_port(f"{port}/tcp"))
    start = Fix(Action.START, "start it", ("systemctl start nginx",))
    remove = Fix(Action.REMOVE, "remove it", ("ip ...",), plan=plan() if steps is None else steps)
    return Finding(subject, "nothing listens", fixes=(start, remove))


def tracked(one: Finding, state: FindingState = FindingState.FIRING) -> Tracked:
    return Tracked(one, state, 0.0, 0.0)


def test_findings_with_the_same_plan_are_one() -> None:
    found = candidates([tracked(finding(80)), tracked(finding(443))], None, ANY)
    [one] = found
    assert [each.subject.port for each in one.findings] == [parse_port("80/tcp"), parse_port("443/tcp")]
    assert (one.plan, one.refused, one.since) == (plan(), "", None)
    assert one.keys == {finding(80).key, finding(443).key}


def test_findings_without_a_plan_that_differ_in_the_port_are_one() -> None:
    rows = [tracked(finding(80, steps=())), tracked(finding(443, steps=()))]
    assert [len(one.findings) for one in candidates(rows, None, ANY)] == [2]
    rows[1] = tracked(finding(443, steps=()), FindingState.ACKNOWLEDGED)
    assert [len(one.findings) for one in candidates(rows, None, ANY)] == [1, 1]


def test_the_daemon_says_since_when() -> None:
    memory = {finding(80).key: FIRING, finding(443).key: FIRING._replace(since=500.0)}
    [one] = candidates([tracked(finding(80)), tracked(finding(443))], memory, ANY)
    assert (one.refused, one.since) == ("", 500.0)


def why(one: Tracked, memory: dict[str, Known] | None = None) -> str:
    [found] = candidates([one], memory, ANY)
    return found.refused


def test_what_is_left_alone() -> None:
    assert why(tracked(finding(), FindingState.ACKNOWLEDGED)) == "it is acknowledged"
    wide = finding(kind=FindingKind.WIDE_PREFIX)
    assert why(tracked(wide)) == "--apply fixes orphan-vip and idle-vip only"
    assert why(tracked(finding(steps=()))) == "no change is known to be harmless"
    assert why(tracked(finding()), {}) == "the running daemon does not report it"
    pending = {finding().key: Known(FindingState.PENDING, 1000.0)}
    assert why(tracked(finding()), pending) == "for the running daemon it is pending"


def test_an_interface_that_is_down_is_left_alone() -> None:
    down = Finding(Subject(FindingKind.HOLDER_DOWN, "lo"), "lo is down and holds 1 address")
    one, _ = candidates([tracked(finding()), tracked(down)], None, ANY)
    assert one.refused == "lo is down: what is removed could not be put back as it was"


def test_one_that_is_left_alone_protects_all_with_the_same_plan() -> None:
    memory = {finding(80).key: FIRING}
    [one] = candidates([tracked(finding(80)), tracked(finding(443))], memory, ANY)
    assert one.refused == "the running daemon does not report it"


def test_a_filter_names_kinds_and_addresses() -> None:
    rows = [tracked(finding())]
    kinds = frozenset({FindingKind.IDLE_VIP})
    assert candidates(rows, None, Filter(kinds)) == []
    assert candidates(rows, None, Filter(addresses=frozenset({OTHER}))) == []
    assert candidates(rows, None, Filter(frozenset({FindingKind.ORPHAN_VIP}), frozenset({VIP})))
    assert not candidates(rows, None, Filter(kinds, frozenset({VIP})))


def candidate(steps: Plan) -> Candidate:
    return Candidate((finding(),), Fix(Action.REMOVE, "", plan=steps), "")


def test_single_addresses_go_together_as_long_as_the_interface_keeps_one() -> None:
    one, other = candidate(plan(VIP)), candidate(plan(OTHER))
    assert apart([one, other], {"lo": 3}) == [one, other]
    assert apart([one, other], {"lo": 2}) == [one]
    assert apart([one, other], {"lo": 1}) == [one]  # alone, its own plan has taken that into account
    six = candidate((Step("remove", Held(VIP6, 128, "lo")),))
    assert apart([six, one], {"lo": 1}) == [six]


def test_any_other_plan_comes_alone() -> None:
    wide, one = candidate(plan(length=24)), candidate(plan(OTHER))
    assert apart([wide, one], {"lo": 5}) == [one]
    assert apart([wide, wide], {"lo": 5}) == [wide]
    assert apart([], {}) == []
