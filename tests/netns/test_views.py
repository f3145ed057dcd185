"""All views of a name at once: real DNS, real files, the real getaddrinfo, and events when they change."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.dns_server import Knot
from tests.support.name_service import child, write_etc
from tests.support.netns import Netns

_PROGRAM = """
import asyncio, json, sys
from lowatch.config.settings import DnsSettings
from lowatch.core.addresses import FixedLocalPrefixes, PrefixSet, format_address, parse_prefix
from lowatch.files.watch import FileWatch
from lowatch.resolve.engine import Engine
from lowatch.resolve.system.hosts_file import HOST_CONF, HOSTS
from lowatch.resolve.system.resolv_conf import RESOLV_CONF
from lowatch.resolve.system.nsswitch import NSSWITCH_CONF
from lowatch.resolve.views.resolver import ViewsResolver
from lowatch.wiring import SystemClock

domains = frozenset({"www.example.com", "far.example.com"})
everywhere = PrefixSet(map(parse_prefix, ("203.0.113.0/24", "192.0.2.0/24", "2001:db8::/64")))

def texts(addresses):
    return None if addresses is None else [format_address(a) for a in addresses]

async def main():
    engine = Engine(domains, DnsSettings(), SystemClock())
    views = ViewsResolver(engine, domains, SystemClock(), FixedLocalPrefixes(everywhere))

    class Printer:
        def answer_changed(self, domain):
            answer = views.answer(domain)
            others = {other.view: texts(other.addresses) for other in answer.others}
            print(json.dumps([domain, answer.view, texts(answer.addresses), others]), flush=True)

    watch = FileWatch([HOSTS, NSSWITCH_CONF, HOST_CONF, RESOLV_CONF], 3600)
    watch.open(engine, views)
    try:
        async with asyncio.timeout(20):
            await views.run(Printer())
    except TimeoutError:
        pass
    finally:
        watch.close()

asyncio.run(main())
"""


def test_every_view_is_followed_as_it_changes(netns: Netns, tmp_path: Path) -> None:
    etc = write_etc(
        tmp_path / "etc",
        {
            "hosts": b"",
            "host.conf": b"multi on\n",
            "nsswitch.conf": b"hosts: files dns\n",
            "resolv.conf": b"nameserver 127.0.0.1\n",
        },
    )
    zone = "www 5 A 203.0.113.1\nfar A 198.51.100.1"
    with (
        Knot({"example.com": zone}, port=53) as knot,
        subprocess.Popen(child(etc, _PROGRAM), stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            dns, hosts = ["203.0.113.1"], ["192.0.2.1", "192.0.2.2"]
            see(process, lambda *seen: seen == ("dns", dns, {}))

            (etc / "hosts").write_text("192.0.2.1 www.example.com\n192.0.2.2 WWW.example.com\n")
            see(process, lambda *seen: seen == ("hosts", hosts, {"dns": dns}))

            write_etc(etc, {"new": b"hosts: dns files\n"})
            (etc / "new").replace(etc / "nsswitch.conf")
            see(process, lambda *seen: seen == ("dns", dns, {"hosts": hosts}))

            (etc / "hosts").unlink()
            see(process, lambda *seen: seen == ("dns", dns, {}))

            (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions no-aaaa\n")
            six = [*dns, "2001:db8::1"]
            knot.replace("example.com", f"{zone}\nwww 5 AAAA 2001:db8::1")
            see(process, lambda *seen: seen == ("getaddrinfo", dns, {"dns": six[::-1]}))

            (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
            see(process, lambda *seen: seen == ("dns", six, {}))
        finally:
            process.kill()


def see(process: subprocess.Popen[str], wanted: Callable[[str, list[str], Any], bool]) -> None:
    """Read what www.example.com came to until it is as wanted."""
    assert process.stdout is not None
    seen = []
    while line := process.stdout.readline():
        domain, *answer = json.loads(line)
        seen.append(answer)
        if domain == "www.example.com" and wanted(*answer):
            return
    raise AssertionError(f"it ended; seen: {seen}")
