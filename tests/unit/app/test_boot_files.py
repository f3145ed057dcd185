"""When the files that configure addresses are read, and what counts as held."""

from __future__ import annotations

from dataclasses import dataclass, field

from lowatch.app.boot_files import compared, with_boot
from lowatch.core.addresses import Address, PrefixSet, parse_address, parse_prefix
from lowatch.core.boot import BootFiles, Configured
from lowatch.core.findings import FindingKind
from lowatch.core.known import Known, Unknown
from tests.unit.report.audit_worlds import audit, orphan, tracked

VIP, OTHER = parse_address("192.0.2.10"), parse_address("192.0.2.11")


@dataclass
class Holder:
    addresses: Known[frozenset[Address]] | Unknown = field(default_factory=lambda: Known(frozenset({VIP})))
    prefixes: PrefixSet | None = field(default_factory=PrefixSet)

    def every_address(self) -> Known[frozenset[Address]] | Unknown:
        return self.addresses

    def local_prefixes(self) -> PrefixSet | None:
        return self.prefixes


def never() -> BootFiles:
    raise AssertionError("read")


def address(which: Address) -> Configured:
    return Configured(which, 32, "lo", "/etc/x", 1, "x")


def route(text: str, length: int | None) -> Configured:
    return Configured(parse_address(text), length, "lo", "/etc/x", 1, "x", is_route=True)


def test_nothing_is_read_where_there_is_nothing_to_say() -> None:
    quiet = audit(findings=[tracked(FindingKind.HOLDER_DOWN, "lo is down")])
    assert with_boot(quiet, Holder(), never) is quiet


def test_a_finding_about_an_address_has_them_read() -> None:
    shown = with_boot(
        audit(findings=[orphan("a.example", "192.0.2.10", "80/tcp")]),
        Holder(),
        lambda: BootFiles((address(VIP),)),
    )
    assert shown.boot is not None
    assert shown.boot.of(VIP) == (address(VIP),)
    assert shown.boot.missing == ()


def test_addresses_and_routes_that_are_not_held() -> None:
    local = PrefixSet([parse_prefix("198.51.100.0/24")])
    entries = (
        address(VIP),
        address(OTHER),
        route("198.51.100.0", 24),
        route("203.0.113.0", 24),
        route("203.0.113.1", None),
    )
    assert compared(Holder(prefixes=local), BootFiles(entries)).missing == (entries[1], entries[3])


def test_nothing_is_missing_for_certain_where_the_addresses_are_unknown() -> None:
    files = BootFiles((address(OTHER),))
    assert compared(Holder(addresses=Unknown("netlink", "refused")), files).missing is None
    assert compared(Holder(prefixes=None), files).missing is None
