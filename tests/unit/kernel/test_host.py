"""Host, when its dumps fail or are interrupted: what it says is Unknown, or it asks about more."""

from __future__ import annotations

import errno

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.held import Held, Link
from lowatch.core.known import Known, Unknown
from lowatch.core.policy import Policy
from lowatch.kernel import request_socket as netlink
from lowatch.kernel.host import Host
from lowatch.wire.links import dump_links
from lowatch.wire.netlink import NLM_F_DUMP_INTR
from lowatch.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    dump_addresses,
    dump_local_routes,
)
from tests.unit.kernel.scripted_socket import OVERRUN, Said, done, error
from tests.unit.kernel.test_host_tables import LO, LOOPBACK, UP, address, link, padded, route, split

VIP, VIP6, ELSEWHERE = (parse_address(text) for text in ("192.0.2.10", "2001:db8::10", "203.0.113.1"))
LINKS = [link(LO, "lo", UP | LOOPBACK)]
ADDRESSES = [address("192.0.2.10/32"), address("2001:db8::10/128")]
ROUTES = [route("192.0.2.10/32")]
ROUTES6 = [route("2001:db8::10/128")]


class Kernel:
    """Answers dumps by table. rows: what each holds. failing: what it says instead of an end."""

    def __init__(self) -> None:
        self.rows = {"links": LINKS, "addresses": ADDRESSES, "routes": ROUTES, "routes6": ROUTES6}
        self.failing: dict[str, Said] = {}
        self.asked: list[str] = []
        self._says: list[Said] = []

    def open(self, _protocol: int) -> Kernel:
        self._says.clear()
        return self

    def send(self, request: bytes) -> None:
        table = TABLES[request]
        self.asked.append(table)
        rows = b"".join(map(padded, self.rows[table]))
        self._says += [rows] * bool(rows) + [self.failing.get(table, done())]

    def recv(self, _size: int) -> bytes:
        said = self._says.pop(0)
        if isinstance(said, OSError):
            raise said
        return said

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


TABLES = {
    dump_links(0): "links",
    dump_addresses(0): "addresses",
    dump_local_routes(0, AF_INET): "routes",
    dump_local_routes(0, AF_INET6): "routes6",
}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    fake = Kernel()
    monkeypatch.setattr(netlink, "open_socket", fake.open)
    return fake


@pytest.fixture
def host(kernel: Kernel) -> Host:
    fresh = Host(Policy())
    fresh.refresh()
    return fresh


def look_again(host: Host) -> None:
    """As a sweep does."""
    host.invalidate()
    host.refresh()


def test_tables_as_dumped(host: Host) -> None:
    assert host.links() == Known((Link(LO, "lo", up=True, loopback=True),))
    assert host.held() == Known((Held(VIP, 32, "lo", created=123.0), Held(VIP6, 128, "lo", created=123.0)))
    assert [host.may_be_local(one) for one in (VIP, VIP6, ELSEWHERE)] == [True, True, False]
    assert (host.interface(LO), host.watches(LO)) == ("lo", True)
    assert (host.interface(9), host.watches(9)) == (None, False)


def test_local_prefixes(host: Host, kernel: Kernel) -> None:
    """Those that may_be_local() covers: made once, until the tables change."""
    local = host.local_prefixes()
    assert local is not None
    assert {str(prefix) for prefix in local} == {"192.0.2.10/32", "2001:db8::10/128"}
    look_again(host)
    assert host.local_prefixes() is local
    kernel.rows["routes"] = [*ROUTES, route("192.0.2.0/24")]
    look_again(host)
    wider = host.local_prefixes()
    assert wider is not None
    assert {str(prefix) for prefix in wider} == {"192.0.2.10/32", "192.0.2.0/24", "2001:db8::10/128"}


def test_nothing_is_dumped_twice_without_need(host: Host, kernel: Kernel) -> None:
    host.refresh()
    assert kernel.asked == list(TABLES.values())


def test_only_what_differs_is_a_change(host: Host, kernel: Kernel) -> None:
    before = host.generation
    look_again(host)
    assert host.generation == before
    kernel.rows["addresses"] = []
    look_again(host)
    assert host.generation == before + 1
    assert [one.by for one in known(host.held())] == ["route", "route"]


def known(observed: Known[tuple[Held, ...]] | Unknown) -> tuple[Held, ...]:
    assert isinstance(observed, Known)
    return observed.value


@pytest.mark.parametrize(
    ("table", "said", "reason"),
    [
        ("links", error(errno.EPERM), "cannot list links: Operation not permitted"),
        ("addresses", OVERRUN, "cannot list addresses: replies were lost: the receive buffer overran"),
        ("routes", error(errno.EBUSY), "cannot list routes: Device or resource busy"),
        ("routes6", b"?", "cannot list routes: 1 octets left: no room for a header"),
    ],
)
def test_a_dump_that_fails_makes_all_unknown(
    host: Host, kernel: Kernel, table: str, said: Said, reason: str
) -> None:
    """Until it succeeds; nobody is left out as not local meanwhile."""
    before = host.generation
    kernel.failing[table] = said
    look_again(host)
    assert host.generation == before + 1
    assert host.held() == host.links() == Unknown("netlink", reason)
    assert host.may_be_local(ELSEWHERE)
    assert host.local_prefixes() is None
    kernel.failing.clear()
    kernel.asked.clear()
    host.refresh()
    assert host.generation == before + 2
    assert len(known(host.held())) == 2
    assert not host.may_be_local(ELSEWHERE)
    assert {name.removesuffix("6") for name in kernel.asked} == {table.removesuffix("6")}


def test_an_interrupted_dump_leaves_nobody_out(host: Host, kernel: Kernel) -> None:
    """It may lack a route that stands, and no event will tell of that one: all are asked about."""
    kernel.failing["routes6"] = done(flags=NLM_F_DUMP_INTR)
    kernel.rows["routes6"] = []
    look_again(host)
    assert kernel.asked.count("routes6") == 1 + 3, "asked again twice"
    assert host.unsettled
    assert host.local_prefixes() is None
    assert host.may_be_local(VIP6)
    assert host.may_be_local(ELSEWHERE)
    kernel.failing.clear()
    host.refresh()
    assert not host.unsettled
    assert not host.may_be_local(VIP6)
    assert not host.may_be_local(ELSEWHERE)


def test_before_any_dump_was_whole_nothing_is_known(kernel: Kernel) -> None:
    """What it lacks would be taken for missing."""
    kernel.failing["addresses"] = done(flags=NLM_F_DUMP_INTR)
    host = Host(Policy())
    host.refresh()
    assert host.unsettled
    assert host.held() == host.links() == Unknown("netlink", "addresses were changing all the time")
    kernel.failing.clear()
    host.refresh()
    assert len(known(host.held())) == 2
    kernel.failing["addresses"] = done(flags=NLM_F_DUMP_INTR)
    look_again(host)
    assert len(known(host.held())) == 2, "what it lacks now was there before"


def test_an_interrupted_dump_removes_nothing(host: Host, kernel: Kernel) -> None:
    """It may have passed over a row that nothing touched; what it does bring is taken."""
    before = known(host.held())
    kernel.failing["addresses"] = done(flags=NLM_F_DUMP_INTR)
    kernel.rows["addresses"] = [address("192.0.2.20/32")]
    look_again(host)
    assert set(known(host.held())) > set(before)
    kernel.failing.clear()
    host.refresh()
    assert [one.address for one in known(host.held()) if one.by == "address"] == [split("192.0.2.20")[0]]


def test_other_interfaces_from_now_on(host: Host) -> None:
    before = host.generation
    host.replace_watches(Policy(("dummy0",)))
    assert host.generation == before + 1
    assert (host.held(), host.links(), host.watches(LO)) == (Known(()), Known(()), False)
    assert host.may_be_local(VIP), "whoever holds it"


@pytest.mark.parametrize(("flags", "up"), [(UP | LOOPBACK, True), (LOOPBACK, False)])
def test_loopback_up(host: Host, kernel: Kernel, flags: int, up: bool) -> None:
    """Whether lo carries anything, be it watched or not."""
    kernel.rows["links"] = [link(LO, "lo", flags), link(2, "dummy0", 0)]
    host.replace_watches(Policy(()))
    look_again(host)
    assert host.loopback_up() is up
