from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lowatch.core.addresses import Port, parse_address
from lowatch.core.answers import AnswerStatus, View
from lowatch.core.audit import Audit
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState
from lowatch.core.printable import printable
from lowatch.core.verdicts import JudgedEndpoint, OrphanKey, Verdict
from lowatch.report.metrics import families
from lowatch.report.metrics.audit import AuditEncoder, Rendered, orphan_values, render_audit
from lowatch.report.metrics.exposition import encode, escape, exposition, format_number, series
from lowatch.report.metrics.families import Family
from tests.unit.report.audit_worlds import (
    accepted,
    answer,
    audit,
    bad_night,
    big,
    clear,
    endpoint,
    held,
    incomplete,
    tracked,
    unresolved,
)
from tests.unit.report.golden import assert_golden

EVERY_FAMILY = (*families.AUDIT_FAMILIES, *families.DAEMON_FAMILIES, *families.PROCESS_FAMILIES)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def rendered(of: Audit, **caps: int) -> Rendered:
    return AuditEncoder(**caps).render(of, orphan_values(of.endpoints))


def samples(body: bytes) -> Samples:
    """As another's parser reads them; fails where a series or a family comes twice."""
    found: Samples = {}
    names: set[str] = set()
    for family in text_string_to_metric_families(body.decode()):
        assert family.name not in names
        names.add(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def key(family: Family, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    assert set(labels) == set(family.labels)
    return family.name, frozenset(labels.items())


def orphan_key(
    domain: str, address: str, port: int, protocol: str = "tcp", interface: str = "lo"
) -> tuple[str, frozenset[tuple[str, str]]]:
    return key(
        families.LO_ORPHAN_VIP,
        interface=interface,
        address=address,
        domain=domain,
        port=str(port),
        protocol=protocol,
    )


ORPHAN = OrphanKey("lo", parse_address("192.0.2.10"), "www.example.com", Port(443, "tcp"))


def of_family(found: Samples, family: Family) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    return [each for each in found if each[0] == family.name]


@pytest.mark.parametrize("world", [clear, bad_night, incomplete])
def test_golden(world: Callable[[], Audit]) -> None:
    name = world.__name__.replace("_", "-")
    assert_golden(f"metrics-{name}.txt", rendered(world()).body.decode())


def test_each_series_has_the_name_of_a_network_namespace() -> None:
    """So that two audits of one host can be in one directory of the textfile collector."""
    plain = samples(render_audit(bad_night()).body)
    there = samples(render_audit(replace(bad_night(), netns='b"lue')).body)
    name = frozenset({("netns", 'b"lue')})
    assert there == {(family, labels | name): value for (family, labels), value in plain.items()}
    odd = render_audit(replace(bad_night(), netns="b\x1blue")).body  # from a recording
    assert (b'netns="b\\\\x1blue"' in odd, b"\x1b" in odd) == (True, False)


def test_the_families_are_the_contracts() -> None:
    """A promise to users: alerts and dashboards depend on each of these."""
    assert {family.name: family.labels for family in EVERY_FAMILY if family.labels} == {
        "lo_orphan_vip": ("interface", "address", "domain", "port", "protocol"),
        "lowatch_finding": ("kind", "severity", "state", "interface", "address", "domain"),
        "lowatch_findings": ("kind", "state"),
        "lowatch_held_addresses": ("interface", "family"),
        "lowatch_domains": ("status",),
        "lowatch_domain_status": ("domain", "status"),
        "lowatch_finding_acknowledged": ("kind", "interface", "address", "domain"),
        "lowatch_problems": ("source",),
        "lowatch_dns_queries_total": ("rcode",),
        "lowatch_netlink_events_total": ("group",),
        "lowatch_refused_connects_total": ("interface", "address", "port"),
        "lowatch_limit_reached_total": ("limit",),
        "lowatch_reload_pending": ("key",),
        "lowatch_build_info": ("version", "python", "dnspython", "pyroute2"),
    }
    assert {family.name for family in EVERY_FAMILY if not family.labels} == {
        "lowatch_dns_query_duration_seconds",
        "lowatch_dns_lag_seconds",
        "lowatch_loop_lag_seconds",
        "lowatch_dns_parser_mismatches_total",
        "lowatch_netlink_overruns_total",
        "lowatch_netlink_resyncs_total",
        "lowatch_netlink_fallbacks_total",
        "lowatch_audits_total",
        "lowatch_audit_duration_seconds",
        "lowatch_last_audit_timestamp_seconds",
        "lowatch_audit_complete",
        "lowatch_config_last_reload_successful",
        "lowatch_config_last_reload_success_timestamp_seconds",
        "lowatch_journal_dropped_total",
        "lowatch_series_dropped_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
    }


@pytest.mark.parametrize("family", EVERY_FAMILY, ids=lambda family: family.name)
def test_a_family_keeps_prometheus_conventions(family: Family) -> None:
    assert re.fullmatch("[a-z_]+", family.name)
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert family.help.strip() == family.help != ""
    assert family.help.endswith(".")


class TestOrphans:
    @pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.UNKNOWN}))
    def test_only_an_orphan_is_one(self, verdict: Verdict) -> None:
        judged = endpoint("www.example.com", "192.0.2.10", "443/tcp", verdict)
        assert orphan_values([judged]) == {ORPHAN: verdict == "orphan"}

    def test_unknown_has_no_value(self) -> None:
        judged = endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.UNKNOWN)
        assert orphan_values([judged]) == {}

    def test_the_value_given_counts_and_not_the_verdict(self) -> None:
        """The daemon keeps the last known value of what has become unknown."""
        judged = endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.UNKNOWN)
        found = samples(AuditEncoder().render(audit(endpoints=[judged]), {ORPHAN: 1}).body)
        assert found[orphan_key("www.example.com", "192.0.2.10", 443)] == 1

    @pytest.mark.parametrize("verdicts", list(permutations((Verdict.SERVED, Verdict.ORPHAN))))
    def test_seen_in_two_views_it_is_one_series_and_an_orphan_wins(
        self, verdicts: tuple[Verdict, ...]
    ) -> None:
        judged = [
            endpoint("www.example.com", "192.0.2.10", "443/tcp", verdict)._replace(view=view)
            for verdict, view in zip(verdicts, (View.DNS, View.HOSTS), strict=True)
        ]
        found = samples(render_audit(audit(endpoints=judged)).body)
        assert found[orphan_key("www.example.com", "192.0.2.10", 443)] == 1

    def test_protocol_interface_and_family_tell_endpoints_apart(self) -> None:
        judged = [
            endpoint("ns.example.com", "192.0.2.53", "53/udp", Verdict.ORPHAN),
            endpoint("ns.example.com", "192.0.2.53", "53/tcp", Verdict.SERVED),
            endpoint("ns.example.com", "2001:db8::53", "53/udp", Verdict.SERVED),
            endpoint("ns.example.com", "192.0.2.53", "53/tcp", Verdict.ORPHAN, interface="dummy0"),
        ]
        found = samples(rendered(audit(endpoints=judged)).body)
        assert [each for each in found.items() if each[0][0] == "lo_orphan_vip"] == [
            (orphan_key("ns.example.com", "192.0.2.53", 53, interface="dummy0"), 1),
            (orphan_key("ns.example.com", "192.0.2.53", 53), 0),
            (orphan_key("ns.example.com", "192.0.2.53", 53, "udp"), 1),
            (orphan_key("ns.example.com", "2001:db8::53", 53, "udp"), 0),
        ]

    def test_over_the_cap_orphans_are_kept_first_and_the_rest_is_counted(self) -> None:
        judged = [
            endpoint(f"n{n}.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED) for n in range(10, 20)
        ]
        judged[7] = judged[7]._replace(verdict=Verdict.ORPHAN)
        result = rendered(audit(endpoints=judged), orphan_cap=3)
        found = samples(result.body)
        kept = of_family(found, families.LO_ORPHAN_VIP)
        assert [dict(labels)["domain"][:3] for _name, labels in kept] == ["n10", "n11", "n17"]
        assert result.dropped == 7

    def test_at_the_cap_nothing_is_dropped(self) -> None:
        judged = [endpoint(f"n{n}.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED) for n in range(3)]
        assert rendered(audit(endpoints=judged), orphan_cap=3).dropped == 0

    def test_what_has_left_the_audit_has_left_the_exposition(self) -> None:
        encoder = AuditEncoder()
        judged = [endpoint(f"n{n}.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED) for n in range(3)]
        for present in (judged, judged[1:], judged[:1], [], judged):
            body = encoder.render(audit(), orphan_values(present)).body
            assert body == rendered(audit(endpoints=present)).body
            assert encoder.kept == len(present)


class TestFindings:
    def test_orphans_are_counted_but_have_their_own_family(self) -> None:
        found = samples(rendered(bad_night()).body)
        kinds = {dict(labels)["kind"] for _, labels in of_family(found, families.FINDING)}
        assert kinds == {"missing-vip", "wide-prefix", "backlogged-vip", "idle-vip", "views-disagree"}
        assert found[key(families.FINDINGS, kind="orphan-vip", state="firing")] == 1
        assert found[key(families.FINDINGS, kind="orphan-vip", state="pending")] == 1

    def test_every_kind_and_state_is_counted_from_zero(self) -> None:
        found = samples(rendered(audit()).body)
        counted = {
            (dict(labels)["kind"], dict(labels)["state"]): found[name, labels]
            for name, labels in of_family(found, families.FINDINGS)
        }
        states = ("pending", "firing", "acknowledged")
        assert counted == {(kind, state): 0 for kind in FindingKind for state in states}

    def test_what_does_not_apply_is_an_empty_label(self) -> None:
        of = audit([tracked(FindingKind.HOLDER_DOWN, "lo is down", interface="lo")])
        labels = {"severity": "warning", "state": "firing", "address": "", "domain": ""}
        expected = key(families.FINDING, kind="holder-down", interface="lo", **labels)
        assert samples(rendered(of).body)[expected] == 1

    def test_ports_and_prefixes_do_not_make_series_twice(self) -> None:
        full = tracked(
            FindingKind.BACKLOGGED_VIP, "full", address="192.0.2.10", domain="www.example.com", port="443"
        )
        other = tracked(
            FindingKind.BACKLOGGED_VIP, "full", address="192.0.2.10", domain="www.example.com", port="80"
        )
        result = rendered(audit([full, other]))
        found = samples(result.body)
        assert len(of_family(found, families.FINDING)) == 1
        assert found[key(families.FINDINGS, kind="backlogged-vip", state="firing")] == 2
        assert result.dropped == 0

    def test_a_resolved_one_is_not_shown(self) -> None:
        gone = tracked(FindingKind.IDLE_VIP, "was idle", address="192.0.2.77", state=FindingState.RESOLVED)
        found = samples(rendered(audit([gone])).body)
        assert of_family(found, families.FINDING) == []
        assert sum(found[each] for each in of_family(found, families.FINDINGS)) == 0

    def test_over_the_cap_the_worst_are_kept_and_counts_stay_whole(self) -> None:
        idle = [tracked(FindingKind.IDLE_VIP, "idle", address=f"192.0.2.{n}") for n in range(20)]
        missing = tracked(FindingKind.MISSING_VIP, "missing", interface=None, address="192.0.2.99")
        result = rendered(audit([*idle, missing]), finding_cap=5)
        found = samples(result.body)
        kept = of_family(found, families.FINDING)
        assert len(kept) == 5
        assert "missing-vip" in {dict(labels)["kind"] for _, labels in kept}
        assert found[key(families.FINDINGS, kind="idle-vip", state="firing")] == 20
        assert result.dropped == 16


def test_held_addresses_are_counted_by_interface_and_family() -> None:
    everywhere = [
        held("192.0.2.10"),
        held("10.9.0.0", 16, by="route"),
        held("2001:db8::10", 128),
        held("192.0.2.11")._replace(interface="kube-ipvs0"),
    ]
    found = samples(rendered(audit(held=everywhere)).body)
    counted = {
        tuple(sorted(labels)): found[name, labels]
        for name, labels in of_family(found, families.HELD_ADDRESSES)
    }
    assert counted == {
        (("family", "ipv4"), ("interface", "lo")): 2,
        (("family", "ipv6"), ("interface", "lo")): 1,
        (("family", "ipv4"), ("interface", "kube-ipvs0")): 1,
        (("family", "ipv6"), ("interface", "kube-ipvs0")): 0,
    }


def test_domains_of_every_status_are_counted_from_zero() -> None:
    found = samples(rendered(audit(statuses={AnswerStatus.STALE: 4})).body)
    counted = {status: found[key(families.DOMAINS, status=status)] for status in AnswerStatus}
    assert counted == {status: 4 if status is AnswerStatus.STALE else 0 for status in AnswerStatus}


def test_domains_that_do_not_resolve_are_named() -> None:
    found = samples(rendered(unresolved()).body)
    statuses = {"wwww.example.com": "nxdomain", "mx.example.com": "nodata", "api.example.com": "stale"}
    expected = {key(families.DOMAIN_STATUS, domain=d, status=s) for d, s in statuses.items()}
    assert set(of_family(found, families.DOMAIN_STATUS)) == expected


def test_of_too_many_the_most_doubtful_are_named_and_the_others_counted() -> None:
    names = [answer(f"n{n}.example.com", AnswerStatus.NXDOMAIN) for n in range(1500)]
    lost = answer("zz.example.com", AnswerStatus.UNKNOWN, reason="SERVFAIL")
    world = audit(names=[*names, lost], statuses={AnswerStatus.NXDOMAIN: 5000, AnswerStatus.UNKNOWN: 1})
    body, dropped = rendered(world)
    found = samples(body)
    assert len(of_family(found, families.DOMAIN_STATUS)) == 1000
    assert key(families.DOMAIN_STATUS, domain="zz.example.com", status="unknown") in found
    assert dropped == 4001


def test_acknowledged_findings_of_every_kind_are_named() -> None:
    found = samples(rendered(accepted()).body)
    place = {"interface": "lo", "address": "192.0.2.11", "domain": "old.example.com"}
    assert set(of_family(found, families.FINDING_ACKNOWLEDGED)) == {
        key(families.FINDING_ACKNOWLEDGED, kind="orphan-vip", **place),
        key(families.FINDING_ACKNOWLEDGED, kind="idle-vip", interface="lo", address="192.0.2.1", domain=""),
    }


def test_a_finding_that_is_acknowledged_for_one_port_alone_is_not() -> None:
    """They share a series, and an alert leaves out whatever it names."""
    of = accepted()
    orphan = next(one for one in of.findings if one.finding.subject.kind is FindingKind.ORPHAN_VIP)
    subject = orphan.finding.subject._replace(port=Port(8443, "tcp"))
    other = replace(orphan, finding=replace(orphan.finding, subject=subject), state=FindingState.PENDING)
    found = samples(rendered(replace(of, findings=(*of.findings, other))).body)
    kinds = {dict(labels)["kind"] for _, labels in of_family(found, families.FINDING_ACKNOWLEDGED)}
    assert kinds == {"idle-vip"}


def test_what_could_not_be_observed() -> None:
    whole, part = (samples(rendered(world).body) for world in (clear(), bad_night()))
    assert whole[key(families.AUDIT_COMPLETE)] == 1
    assert part[key(families.AUDIT_COMPLETE)] == 0
    assert whole[key(families.PROBLEMS, source="dns")] == 0
    assert part[key(families.PROBLEMS, source="dns")] == 2
    assert part[key(families.PROBLEMS, source="netlink")] == 1


def test_one_audit_by_itself() -> None:
    of = bad_night()
    assert render_audit(of) == rendered(of)


def test_the_order_of_observation_does_not_show() -> None:
    of = bad_night()
    shuffled = replace(
        of,
        endpoints=tuple(random.sample(of.endpoints, len(of.endpoints))),
        findings=tuple(random.sample(of.findings, len(of.findings))),
        held=tuple(random.sample(of.held, len(of.held))),
    )
    assert rendered(shuffled) == rendered(of)


def test_ten_thousand_endpoints_are_ten_thousand_series() -> None:
    found = samples(rendered(big(10_000)).body)
    assert len(of_family(found, families.LO_ORPHAN_VIP)) == 10_000


class TestText:
    @given(st.text(st.characters(blacklist_categories=("Cs",))))
    def test_any_label_comes_back_as_it_was_but_for_what_a_terminal_would_obey(self, text: str) -> None:
        judged = JudgedEndpoint(text, parse_address("192.0.2.10"), text, Port(443, "tcp"), Verdict.ORPHAN)
        body = rendered(audit(endpoints=[judged])).body
        interface = text if text.isprintable() else printable(text)
        labels = [
            sample.labels
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == "lo_orphan_vip"
        ]
        assert [(each["domain"], each["interface"]) for each in labels] == [(text, interface)]

    def test_escapes(self) -> None:
        assert escape('a"b\\c\nd\\n') == r"a\"b\\c\nd\\n"

    def test_what_is_no_unicode_spoils_no_scrape(self) -> None:
        assert encode(["lo\udcff\n"]) == b"lo?\n"

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (1795403527.25, "1795403527.25"),
            (1e-7, "1e-07"),
            (float("inf"), "+Inf"),
            (float("-inf"), "-Inf"),
            (float("nan"), "NaN"),
        ],
    )
    def test_numbers(self, value: float, text: str) -> None:
        assert format_number(value) == text

    @given(st.floats(allow_nan=False))
    def test_a_number_loses_nothing(self, value: float) -> None:
        assert float(format_number(value)) == value

    def test_a_family_without_series_still_has_its_header(self) -> None:
        family = Family("a_metric", "gauge", 'A "quoted" \\ help\nof two lines.')
        assert list(exposition(family, [])) == [
            '# HELP a_metric A "quoted" \\\\ help\\nof two lines.\n# TYPE a_metric gauge\n'
        ]

    def test_a_family_without_labels_has_one_bare_series(self) -> None:
        assert series(Family("a_metric", "gauge", "Help.")) == "a_metric"

    def test_too_few_values_are_an_error(self) -> None:
        with pytest.raises(TypeError):
            series(families.FINDINGS, "orphan-vip")

    def test_too_many_values_are_an_error(self) -> None:
        with pytest.raises(TypeError):
            series(families.DOMAINS, "stale", "unknown")


def test_lines_are_well_formed() -> None:
    """https://prometheus.io/docs/instrumenting/exposition_formats/: the last line ends too."""

    def lines(bodies: Iterable[bytes]) -> Iterable[str]:
        for body in bodies:
            assert body.endswith(b"\n")
            yield from body.decode()[:-1].split("\n")

    comment = re.compile(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (gauge|counter|histogram))")
    sample = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [-+.0-9eInfNa]+')
    for line in lines(rendered(world()).body for world in (clear, bad_night, incomplete)):
        assert comment.fullmatch(line) or sample.fullmatch(line), line
