"""Whether an explanation left anything unknown."""

from __future__ import annotations

from dataclasses import replace

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.core.answers import AnswerStatus, OtherView, View
from lowatch.core.explanation import AddressEvidence, Explanation, RouteAnswer
from lowatch.core.known import Unknown
from lowatch.core.listeners import Listener
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from tests.unit.core.worlds import NGINX, VIP, WWW, answer, rrset

LOCAL = RouteAnswer(local=True, prefix=None, interface="lo")
WHOLE = Explanation(WWW, "web-17", 0.0, 0.0, answer=answer(VIP), addresses=(AddressEvidence(VIP, LOCAL),))


def test_it_is_complete_where_everything_is_known() -> None:
    assert WHOLE.complete
    assert Explanation("192.0.2.10", "web-17", 0.0, 0.0).complete


def explained(**rest: object) -> Explanation:
    values = {"answer": WHOLE.answer, "addresses": WHOLE.addresses, **rest}
    return Explanation(WWW, "web-17", 0.0, 0.0, **values)  # type: ignore[arg-type]


def test_it_is_not_where_anything_is_unknown() -> None:
    unknown = replace(answer(VIP), a=rrset(status=AnswerStatus.UNKNOWN, reason="timeout"))
    unheard = replace(answer(VIP), others=(OtherView(View.GETADDRINFO, None, "timeout"),))
    lost = AddressEvidence(VIP, Unknown("netlink", "overrun"))
    assert not explained(answer=unknown).complete
    assert not explained(answer=unheard).complete
    assert not explained(addresses=(lost,)).complete
    assert not explained(problems=(Problem("dns", "timeout"),)).complete


class TestPerhapsCaptured:
    """Cases 13 and 14 without a `unit`: who answers on all addresses, and for nothing else of the name."""

    def of(self, *listeners: Listener | None, unit: str = "", address: Address = VIP) -> set[int]:
        """The ports, from 80 up."""
        endpoints = tuple(
            JudgedEndpoint(
                WWW,
                address,
                "lo",
                Port(80 + number, "tcp"),
                Verdict.ORPHAN if listener is None else Verdict.SERVED,
                listener,
            )
            for number, listener in enumerate(listeners)
        )
        found = explained(addresses=(AddressEvidence(address, LOCAL, (), endpoints),), unit=unit)
        return {one.port.number for one in found.perhaps_captured}

    def test_a_listener_on_all_addresses_that_serves_one_port(self) -> None:
        assert self.of(NGINX) == {80}
        assert self.of(NGINX, None) == {80}
        assert self.of(NGINX, NGINX._replace(unit="ssh.service")) == {80, 81}

    def test_not_one_that_serves_more_of_the_name(self) -> None:
        assert self.of(NGINX, NGINX) == set()

    def test_not_one_that_is_bound_to_the_address(self) -> None:
        assert self.of(NGINX._replace(address=VIP)) == set()

    def test_not_where_the_unit_is_unknown_or_another_ones(self) -> None:
        assert self.of(NGINX._replace(unit=None)) == set()
        assert self.of(NGINX._replace(unit="init.scope")) == set()
        assert self.of(NGINX._replace(unit="web.socket")) == set()

    def test_not_where_the_unit_is_configured(self) -> None:
        assert self.of(NGINX, unit="nginx.service") == set()

    def test_not_for_loopback_addresses(self) -> None:
        assert self.of(NGINX, address=parse_address("127.0.0.1")) == set()

    def test_not_for_an_address_alone(self) -> None:
        assert explained(answer=None).perhaps_captured == frozenset()
