"""The findings of a text report."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.addresses import parse_address
from lowatch.core.audit import Audit
from lowatch.core.boot import Boot, BootFiles, Configured, compare
from lowatch.core.findings import FindingKind
from lowatch.core.lifecycle import FindingState
from lowatch.report.text.audit import render
from tests.unit.report.audit_worlds import (
    NOW,
    audit,
    bad_night,
    big,
    many_names,
    one_orphan,
    orphan,
    tracked,
)

VIP = parse_address("192.0.2.10")


def plain(world: Audit, width: int = 80) -> str:
    return render(world, colour=False, width=width)


class TestFindings:
    def test_a_thousand_names_at_three_addresses_are_three_blocks(self) -> None:
        text = plain(many_names())
        assert text.count("\nCRITICAL") == 3
        assert "n0.example.com, n102.example.com, n105.example.com and 331 more" in text
        assert len(text.splitlines()) < 35

    def test_a_name_with_thousands_of_addresses_is_a_screen(self) -> None:
        text = plain(
            audit([orphan("big.example.com", f"10.1.{n // 250}.{n % 250}", "443/tcp") for n in range(4000)])
        )
        assert text.startswith("4,000 critical findings, all orphan-vip.")
        assert "orphan-vip: 3,999 more" in text
        assert "    and 3,979 more\n" in text
        assert len(text.splitlines()) < 40

    def test_states_at_one_address_are_reported_as_one(self) -> None:
        one = orphan("a.example.com", "192.0.2.10", "443/tcp", since=NOW - 900)
        other = orphan("b.example.com", "192.0.2.10", "443/tcp", since=NOW - 9, state=FindingState.PENDING)
        text = plain(audit([one, other]))
        assert text.count("CRITICAL") == 1
        assert "    state  1 firing, 1 pending, since 2026-11-23T02:57:07Z\n" in text

    def test_ports_of_one_trouble_are_reported_together(self) -> None:
        text = plain(one_orphan())
        assert text.count("CRITICAL") == 1
        assert text.count("ip address del") == 1
        assert text.count("why") == 1
        assert "80/tcp and 443/tcp" in text

    def test_where_the_address_is_configured_comes_before_the_fix(self) -> None:
        entry = Configured(VIP, 32, "lo", "/etc/network/interfaces", 12, "ifupdown")
        text = plain(replace(one_orphan(), boot=compare(BootFiles((entry,)), None)))
        assert "    boot   configured in /etc/network/interfaces:12 (ifupdown)\n    fix    " in text
        assert text.count("boot  ") == 1

    def test_a_missing_address_was_not_added_by_anybody(self) -> None:
        missing = tracked(FindingKind.MISSING_VIP, "gone", interface=None, address="192.0.2.10")
        text = plain(replace(audit([missing]), boot=Boot()))
        assert "    boot   no configuration file adds it (0 read)\n" in text

    def test_a_finding_without_an_address_has_no_such_line(self) -> None:
        down = tracked(FindingKind.HOLDER_DOWN, "lo is down")
        assert "boot" not in plain(replace(audit([down]), boot=Boot()))

    def test_a_state_that_says_nothing_new_has_no_time(self) -> None:
        assert "    state  firing\n" in plain(one_orphan())
        assert "state  pending for 12 s, since 2026-11-23T03:11:55Z\n" in plain(bad_night())
        assert "no longer present" in plain(bad_night())

    def test_of_many_alike_the_first_is_reported_and_the_others_listed(self) -> None:
        text = plain(big(idle=7))
        assert text.count("    fix    ") == 1
        assert "idle-vip: 6 more" in text
        assert text.index("198.51.100.2 on lo") < text.index("198.51.100.7 on lo")
        assert plain(big(idle=5)).count("    fix    ") == 5

    def test_acknowledged_ones_are_a_line_each_and_last(self) -> None:
        text = plain(bad_night())
        assert "  idle-vip  192.0.2.77 on lo, until 2026-11-30T23:00:00Z: kept until the move,\n" in text
        assert text.index("Acknowledged") > text.index("wide-prefix: ")
        assert "ip address del 192.0.2.77" not in text
