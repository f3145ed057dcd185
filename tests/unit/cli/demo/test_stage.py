"""The demo's own DNS server, journal and view of the metrics."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from lowatch.cli.demo.dns_server import OneName
from lowatch.cli.demo.journal import decode, journal
from lowatch.cli.demo.stage import get, sample
from lowatch.service.journal.sink import encode
from tests.support.aio import run_async
from tests.support.netns import Netns


async def ask(name: str, rdtype: str) -> dns.message.Message:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: OneName("shop.example.", "192.0.2.10", 60), local_addr=("127.0.0.1", 0)
    )
    try:
        address, port = transport.get_extra_info("sockname")
        query = dns.message.make_query(name, rdtype)
        return await dns.asyncquery.udp(query, address, timeout=5, port=port)
    finally:
        transport.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "answers"),
    [
        ("shop.example.", "A", dns.rcode.NOERROR, ["192.0.2.10"]),
        ("SHOP.example.", "A", dns.rcode.NOERROR, ["192.0.2.10"]),
        ("shop.example.", "AAAA", dns.rcode.NOERROR, []),
        ("other.example.", "A", dns.rcode.NXDOMAIN, []),
    ],
)
def test_dns(name: str, rdtype: str, rcode: dns.rcode.Rcode, answers: list[str]) -> None:
    reply = run_async(ask(name, rdtype))
    assert reply.rcode() == rcode
    assert reply.flags & dns.flags.AA
    assert [str(rdata) for rrset in reply.answer for rdata in rrset] == answers
    assert [rrset.ttl for rrset in reply.answer + reply.authority] == [60]


def test_dns_answers_no_garbage() -> None:
    server = OneName("shop.example.", "192.0.2.10", 60)
    server.datagram_received(b"garbage", ("127.0.0.1", 1))  # would fail, having no transport


FIELDS = {"MESSAGE": "two\nlines = one entry", "PRIORITY": "3", "LOWATCH_FIX": ""}


def test_journal_entries_are_read_as_the_daemon_writes_them(tmp_path: Path) -> None:
    async def send_and_receive() -> dict[str, str]:
        path = tmp_path / "socket"
        async with journal(path) as entries:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=str(path), family=1
            )
            transport.sendto(encode(FIELDS))
            entry = await entries.get()
            transport.close()
            return entry

    assert run_async(send_and_receive()) == FIELDS
    assert decode(encode(FIELDS)) == FIELDS


FOREIGN = """
import asyncio, json
from systemd import journal as real
from lowatch.cli.demo import journal, stage

async def main():
    stage.hide_run()
    async with journal.journal(stage.JOURNAL_SOCKET) as entries:
        real.send("two\\nlines = one entry", PRIORITY="3", LOWATCH_FIX="")
        print(json.dumps(await entries.get()))

asyncio.run(main())
"""


def test_journal_entries_are_read_as_libsystemd_writes_them() -> None:
    """In a process of its own: libsystemd keeps its socket for ever."""
    command = ["unshare", "--mount", "--", sys.executable, "-c", FOREIGN]
    entry = json.loads(subprocess.check_output(command, timeout=10))
    assert {name: entry[name] for name in FIELDS} == FIELDS


EXPOSITION = """\
# TYPE lo_orphan_vip gauge
lo_orphan_vip{interface="lo",address="192.0.2.9",domain="shopXexample",port="80",protocol="tcp"} 0.0
lo_orphan_vip{interface="lo",address="192.0.2.10",domain="shop.example",port="80",protocol="tcp"} 1.0
"""


def test_sample() -> None:
    series, value = sample(EXPOSITION, "lo_orphan_vip", "shop.example")
    assert value == 1
    assert series.startswith("lo_orphan_vip{")
    assert series.endswith("}")
    assert '"192.0.2.10"' in series
    assert sample(EXPOSITION, "lo_orphan_vip", "other.example") == ("", None)


def test_get_where_nobody_serves(netns: Netns) -> None:
    with pytest.raises(ConnectionRefusedError):
        run_async(get("127.0.0.1", 80, "/"))
