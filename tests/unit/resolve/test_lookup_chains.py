"""A CNAME chain is followed to its end, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lowatch.core.addresses import format_address
from lowatch.core.answers import AnswerStatus, RRset
from tests.support.dns_server import Query, ScriptedServer, respond, soa
from tests.support.virtual_time import run_virtually
from tests.unit.resolve.asking import ADDRESS, WWW, address_only, ask

Script = Callable[[Query], Iterable[bytes]]


OverTcp = Callable[[Query], "bytes | list[bytes] | None"]


def asked(script: Script, over_tcp: OverTcp | None = None) -> tuple[RRset, str]:
    """What WWW comes to, and why where it is nothing, without the server's own name."""

    async def scenario() -> tuple[RRset, str]:
        async with ScriptedServer(script, over_tcp) as server:
            rrset = await ask(server)
            return rrset, rrset.reason.removeprefix(f"{server.nameserver}: ")

    return run_virtually(scenario())


def addresses(rrset: RRset) -> list[str]:
    return [format_address(address) for address in rrset.addresses]


def chain_server(targets: dict[str, str], last: str) -> Script:
    """An authoritative server of tiny zones: it never says more than one CNAME at a time."""

    def script(query: Query) -> list[bytes]:
        if query.name in targets:
            return [respond(query, f"{query.name}. 60 IN CNAME {targets[query.name]}.")]
        if query.name == last:
            return address_only(query)
        return [respond(query, rcode="NXDOMAIN", authority=[soa("test.")])]

    return script


def test_a_partial_chain_is_followed() -> None:
    rrset, _ = asked(chain_server({WWW: "a.test", "a.test": "b.test"}, "b.test"))
    assert (addresses(rrset), rrset.chain) == ([ADDRESS], ("a.test", "b.test"))


def test_a_partial_chain_to_nowhere_is_nxdomain() -> None:
    rrset, _ = asked(chain_server({WWW: "a.test"}, ""))
    assert (rrset.status, rrset.chain) == (AnswerStatus.NXDOMAIN, ("a.test",))


def test_a_loop_over_several_messages_is_a_failure_with_a_name() -> None:
    rrset, reason = asked(chain_server({WWW: "a.test", "a.test": "b.test", "b.test": "a.test"}, ""))
    assert (rrset.status, reason) == (AnswerStatus.UNKNOWN, "CNAME loop at a.test")


def test_a_chain_without_end_is_a_failure() -> None:
    targets = {WWW: "c0.test"} | {f"c{n}.test": f"c{n + 1}.test" for n in range(99)}
    rrset, reason = asked(chain_server(targets, ""))
    assert (rrset.status, reason) == (AnswerStatus.UNKNOWN, "a chain of more than 16 CNAMEs")


def test_a_target_that_no_server_knows_is_named() -> None:
    def script(query: Query) -> list[bytes]:
        if query.name == WWW:
            return [respond(query, f"{WWW}. 60 IN CNAME cdn.test.")]
        return [respond(query, rcode="REFUSED")]

    _, reason = asked(script)
    assert reason == "REFUSED (asked for cdn.test, an alias)"
