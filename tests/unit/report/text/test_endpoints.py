"""The endpoints of a text report."""

from __future__ import annotations

import re
from dataclasses import replace

from lowatch.core.audit import Audit
from lowatch.core.listeners import Listener
from lowatch.core.verdicts import Verdict
from lowatch.report.text import endpoints as text_endpoints
from lowatch.report.text.audit import render
from tests.unit.report.audit_worlds import (
    NGINX,
    audit,
    big,
    endpoint,
    many_names,
)


def plain(world: Audit, width: int = 80) -> str:
    return render(world, colour=False, width=width)


class TestEndpoints:
    def test_ten_thousand_served_names_are_one_line(self) -> None:
        text = plain(big(idle=1))
        assert "10,000 endpoints, all served: see --format json.\n" in text
        assert len(text.splitlines()) < 12

    def test_those_that_are_not_served_are_shown_among_many(self) -> None:
        world = big(served=500, idle=0)
        odd = endpoint("odd.example.com", "192.0.2.1", "443/tcp", Verdict.REDIRECTED)
        quiet = endpoint("quiet.example.com", "192.0.2.1", "80/tcp", Verdict.UNUSED)
        text = plain(replace(world, endpoints=(*world.endpoints, odd, quiet)))
        assert re.search(r"odd\.example\.com +192\.0\.2\.1 +lo +443/tcp +redirected", text)
        assert "501 more endpoints, 500 served and 1 unused: see --format json." in text

    def test_the_worst_are_shown_where_too_many_matter(self) -> None:
        unknown = [
            endpoint(f"u{n}.example.com", f"192.0.2.{n}", "443/tcp", Verdict.UNKNOWN, reason="?")
            for n in range(40)
        ]
        lost = endpoint("zz.example.com", "192.0.2.1", "443/tcp", Verdict.ORPHAN)
        text = plain(audit(endpoints=[*unknown, lost], complete=False))
        assert "zz.example.com" in text
        assert f"{41 - text_endpoints.MANY_ROWS} more endpoints, all unknown" in text

    def test_many_names_at_one_address_are_one_row(self) -> None:
        text = plain(many_names(), width=100)
        assert text.count("  orphan   nobody\n") == 6
        assert re.search(r"^n0\.example\.com and 333 more +192\.0\.2\.10 +lo +80/tcp", text, re.MULTILINE)
        assert "more endpoints" not in text

    def test_served_by_says_who_and_where_if_not_just_here(self) -> None:
        anonymous = Listener(NGINX.address, inode=1, uid=1000)
        exact = NGINX._replace(address=b"\xc0\0\2\1")
        text = plain(
            audit(
                endpoints=[
                    endpoint("a.example.com", "192.0.2.1", "443/tcp", Verdict.SERVED, each)
                    for each in (NGINX, anonymous, exact)
                ]
            )
        )
        owners = re.findall(r"443/tcp +served +(.+)", text)
        assert owners == ["nginx.service at 0.0.0.0", "uid 1000 at 0.0.0.0", "nginx.service"]

    def test_a_long_name_is_never_cut(self) -> None:
        name = ".".join(["long"] * 40) + ".example.com"
        world = audit(endpoints=[endpoint(name, "2001:db8::1", "443/tcp", Verdict.SERVED, NGINX)])
        lines = plain(world).splitlines()
        assert f"  {name}" in lines
        assert "    2001:db8::1  lo  443/tcp  served  nginx.service at 0.0.0.0" in lines

    def test_every_verdict_has_its_place(self) -> None:
        each = [endpoint("a.example.com", "192.0.2.1", "443/tcp", v) for v in Verdict]
        text = plain(audit(endpoints=each))
        assert all(verdict in text for verdict in Verdict)
