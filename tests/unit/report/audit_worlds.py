"""Audits as they come from real hosts, for what is rendered of them."""

from __future__ import annotations

from collections.abc import Sequence

from lowatch.core.addresses import format_address, parse_address, parse_port
from lowatch.core.answers import Answer, AnswerStatus, RRset, View
from lowatch.core.audit import Audit
from lowatch.core.clock import Now
from lowatch.core.findings import Action, Finding, FindingKind, Fix, Subject
from lowatch.core.held import Held
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.core.listeners import Listener
from lowatch.core.policy import Acknowledgement
from lowatch.core.snapshot import Problem
from lowatch.core.verdicts import JudgedEndpoint, Verdict
from lowatch.core.victims import Hurt, Refused

NOW = 1795403527.25  # 2026-11-23T03:12:07Z
UNTIL = 1796079600.0  # 2026-11-30T23:00:00Z
UPTIME = 1_000_000.0
MONOTONIC = 50_000.0

HURT = Hurt(
    Refused(41, Now(MONOTONIC - 3540, NOW - 3540), Now(MONOTONIC - 3, NOW - 3)),
    NOW,
)
"""Clients that failed 41 times."""

NGINX = Listener(parse_address("0.0.0.0"), inode=48213, uid=33, unit="nginx.service")


def tracked(
    kind: FindingKind,
    message: str,
    *fix: str,
    interface: str | None = "lo",
    address: str | None = None,
    domain: str | None = None,
    port: str | None = None,
    prefixlen: int | None = None,
    state: FindingState = FindingState.FIRING,
    since: float = NOW,
    present: bool = True,
    because: str = "",
    any_of: Sequence[str] = (),
    last: LastServed | None = None,
    hurt: Hurt | None = None,
) -> Tracked:
    subject = Subject(
        kind,
        interface,
        None if address is None else parse_address(address),
        domain,
        None if port is None else parse_port(port),
        prefixlen,
    )
    fixes = _fixes(subject, fix) if kind is FindingKind.ORPHAN_VIP and fix and subject.address else ()
    finding = Finding(subject, message, fix, tuple(map(parse_port, any_of)), last_served=last, fixes=fixes)
    began = MONOTONIC - (NOW - since)
    accepted = Acknowledgement(UNTIL, because, kind) if because else None
    return Tracked(finding, state, since, 0.0, present, acknowledgement=accepted, began=began, hurt=hurt)


def _fixes(subject: Subject, removal: tuple[str, ...]) -> tuple[Fix, ...]:
    where = format_address(subject.address or b"")
    return (
        Fix(Action.START, f"start the service for {subject.port} on {where}"),
        Fix(Action.MOVE, f"if it is served elsewhere, change what {subject.domain} resolves to"),
        Fix(Action.REMOVE, f"if it has moved for good, remove {where} from lo", removal),
    )


def orphan(
    domain: str,
    address: str,
    port: str,
    *,
    siblings: bool = False,
    last: LastServed | None = None,
    **rest: object,
) -> Tracked:
    ports = "80/tcp or 443/tcp" if siblings else port
    served = f"; {last}" if last else ""
    return tracked(
        FindingKind.ORPHAN_VIP,
        f"{domain} resolves to {address}, which is on lo, but nothing listens there on "
        f"{ports}: requests from this host fail{served}",
        f"ip address del {address}/{128 if ':' in address else 32} dev lo",
        domain=domain,
        address=address,
        port=port,
        any_of=("80/tcp", "443/tcp") if siblings else (),
        last=last,
        **rest,  # type: ignore[arg-type]
    )


def endpoint(
    domain: str,
    address: str,
    port: str,
    verdict: Verdict,
    listener: Listener | None = None,
    reason: str = "",
    interface: str = "lo",
    view: View = View.DNS,
) -> JudgedEndpoint:
    return JudgedEndpoint(
        domain, parse_address(address), interface, parse_port(port), verdict, listener, reason, view
    )


def held(address: str, prefixlen: int = 32, **rest: object) -> Held:
    return Held(parse_address(address), prefixlen, "lo", **rest)  # type: ignore[arg-type]


def audit(
    findings: Sequence[Tracked] = (),
    endpoints: Sequence[JudgedEndpoint] = (),
    problems: Sequence[Problem] = (),
    held: Sequence[Held] = (),
    statuses: dict[AnswerStatus, int] | None = None,
    complete: bool = True,
    names: Sequence[Answer] = (),
) -> Audit:
    return Audit(
        host="web-17",
        audited_at=NOW,
        uptime=UPTIME,
        complete=complete,
        problems=tuple(problems),
        held=tuple(held),
        endpoints=tuple(endpoints),
        findings=tuple(findings),
        statuses=statuses or {},
        names=tuple(names),
        monotonic=MONOTONIC,
    )


def answer(
    name: str, status: AnswerStatus, *addresses: str, reason: str = "", stale_for: float = 0.0
) -> Answer:
    """Of a name with IPv4 addresses only, if any. stale_for: seconds."""
    denied = status in (AnswerStatus.NXDOMAIN, AnswerStatus.NODATA)
    rrset = RRset(
        status,
        tuple(map(parse_address, addresses)),
        reason=reason,
        stale_since=MONOTONIC - stale_for if stale_for else None,
        server="192.0.2.53" if denied or not reason else "",
    )
    return Answer(name, rrset, rrset if denied else RRset(AnswerStatus.NODATA))


LOOPBACK = (
    held("127.0.0.1", 8, label="lo", flags=("permanent",), created=1.21, origin="kernel"),
    held("::1", 128, flags=("permanent",), created=1.21, origin="kernel"),
)


def clear() -> Audit:
    """Three of twelve names resolve here, and nginx serves them."""
    names = ("api.example.com", "shop.example.com", "www.example.com")
    return audit(
        endpoints=[
            endpoint(name, "192.0.2.10", port, verdict, listener)
            for name in names
            for port, verdict, listener in (
                ("80/tcp", Verdict.UNUSED, None),
                ("443/tcp", Verdict.SERVED, NGINX),
            )
        ],
        held=[*LOOPBACK, held("192.0.2.10", label="lo:vip", created=UPTIME - 3600)],
        statuses={AnswerStatus.RESOLVED: 12},
        names=[answer(name, AnswerStatus.RESOLVED, "192.0.2.10") for name in names],
    )


def one_orphan() -> Audit:
    """The canonical case (docs/internals/cases.md 1): the VIP stayed, the service did not."""
    return audit(
        findings=[
            orphan("www.example.com", "192.0.2.10", port, siblings=True) for port in ("80/tcp", "443/tcp")
        ],
        endpoints=[
            endpoint("www.example.com", "192.0.2.10", "80/tcp", Verdict.ORPHAN),
            endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.ORPHAN),
            endpoint(
                "ns.example.com",
                "192.0.2.53",
                "53/udp",
                Verdict.SERVED,
                Listener(parse_address("192.0.2.53"), 7, 107, "unbound.service", protocol="udp"),
            ),
        ],
        held=[*LOOPBACK, held("192.0.2.10"), held("192.0.2.53")],
        statuses={AnswerStatus.RESOLVED: 12},
    )


def bad_night() -> Audit:
    """Several kinds and states at once, with DNS failing: what the daemon's page shows."""
    db = "primary.database.payments.eu-central.example.com"
    backlogged = Listener(parse_address("::"), 99, 998, "gunicorn.service", 129, 128)
    return audit(
        findings=[
            orphan(
                "www.example.com",
                "192.0.2.10",
                "443/tcp",
                since=NOW - 843,
                last=LastServed("nginx.service", NOW - 844),
                hurt=HURT,
            ),
            orphan(
                "shop.example.com", "2001:db8::10", "443/tcp", since=NOW - 12, state=FindingState.PENDING
            ),
            tracked(
                FindingKind.MISSING_VIP,
                "192.0.2.99 is expected to be held here, and no watched interface has it",
                "ip address add 192.0.2.99/32 dev lo",
                interface=None,
                address="192.0.2.99",
                since=NOW - 90061,
                present=False,
            ),
            tracked(
                FindingKind.WIDE_PREFIX,
                "10.1.2.3/24 on lo makes all 256 addresses of 10.1.2.0/24 local; "
                "2 configured domains are shadowed: db1.example.com, db2.example.com",
                "ip address add 10.1.2.3/32 dev lo",
                "ip address del 10.1.2.3/24 dev lo",
                address="10.1.2.0",
                prefixlen=24,
                since=NOW - 3 * 86400,
            ),
            tracked(
                FindingKind.BACKLOGGED_VIP,
                "the accept queue of gunicorn.service at 192.0.2.10 port 8443/tcp is full "
                "(129 of 128): new connections wait and time out",
                address="192.0.2.10",
                domain=db,
                port="8443/tcp",
                since=NOW - 61,
            ),
            tracked(
                FindingKind.VIEWS_DISAGREE,
                "cache.example.com: /etc/hosts gives 127.0.0.1, DNS gives 198.51.100.7; 127.0.0.1 is local "
                "here, on lo, and applications on this host use /etc/hosts",
                address="127.0.0.1",
                domain="cache.example.com",
                since=NOW - 7200,
            ),
            tracked(
                FindingKind.IDLE_VIP,
                "192.0.2.77 is held on lo, no known domain resolves to it, and no socket is bound",
                "ip address del 192.0.2.77/32 dev lo",
                address="192.0.2.77",
                state=FindingState.ACKNOWLEDGED,
                because="kept until the move, see OPS-4711",
                since=NOW - 864000,
            ),
        ],
        endpoints=[
            endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.ORPHAN),
            endpoint("www.example.com", "192.0.2.10", "80/tcp", Verdict.SERVED, NGINX),
            endpoint("shop.example.com", "2001:db8::10", "443/tcp", Verdict.ORPHAN),
            endpoint(db, "192.0.2.10", "8443/tcp", Verdict.BACKLOGGED, backlogged),
            endpoint("dnat.example.com", "192.0.2.11", "443/tcp", Verdict.REDIRECTED),
            endpoint("cache.example.com", "127.0.0.1", "443/tcp", Verdict.SERVED, NGINX, view=View.HOSTS),
            endpoint(
                "old.example.com",
                "192.0.2.12",
                "443/tcp",
                Verdict.UNKNOWN,
                reason="A: SERVFAIL from 192.0.2.53, and for more than 1 h no good answer",
            ),
        ],
        problems=[
            Problem("dns", "192.0.2.54 does not answer: timed out after 2 s, 14 times in a row"),
            Problem("dns", "old.example.com A: SERVFAIL from 192.0.2.53 (EDE 6, DNSSEC bogus)"),
            Problem("netlink", "the dump of addresses was interrupted 5 times"),
        ],
        held=[*LOOPBACK, held("192.0.2.10"), held("192.0.2.77"), held("10.1.2.3", 24)],
        statuses={
            AnswerStatus.RESOLVED: 1198,
            AnswerStatus.STALE: 4,
            AnswerStatus.NXDOMAIN: 1,
            AnswerStatus.UNKNOWN: 1,
        },
        complete=False,
        names=[
            answer("www.example.com", AnswerStatus.RESOLVED, "192.0.2.10"),
            answer("gone.example.com", AnswerStatus.NXDOMAIN),
            *(
                answer(
                    f"s{n}.example.com",
                    AnswerStatus.STALE,
                    "198.51.100.7",
                    reason="SERVFAIL",
                    stale_for=843.0,
                )
                for n in range(1, 5)
            ),
            answer(
                "old.example.com",
                AnswerStatus.UNKNOWN,
                "192.0.2.12",
                reason="SERVFAIL from 192.0.2.53, and for more than 1 h no good answer",
                stale_for=3700.0,
            ),
        ],
    )


def incomplete() -> Audit:
    """Nothing found, but not everything seen."""
    return audit(
        endpoints=[
            endpoint(
                "www.example.com",
                "192.0.2.10",
                port,
                Verdict.UNKNOWN,
                reason="netlink: Operation not permitted",
            )
            for port in ("80/tcp", "443/tcp")
        ],
        problems=[Problem("sock_diag", "192.0.2.10 port 80/tcp: Operation not permitted")],
        held=[*LOOPBACK, held("192.0.2.10")],
        statuses={AnswerStatus.RESOLVED: 2, AnswerStatus.UNKNOWN: 1},
        complete=False,
        names=[answer("b.example.com", AnswerStatus.UNKNOWN, reason="not asked yet")],
    )


def unresolved() -> Audit:
    """Nothing wrong, but names that have no address are not clean: mistyped, or forgotten."""
    return audit(
        endpoints=[endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED, NGINX)],
        held=[*LOOPBACK, held("192.0.2.10")],
        statuses={
            AnswerStatus.RESOLVED: 9,
            AnswerStatus.NXDOMAIN: 1,
            AnswerStatus.NODATA: 1,
            AnswerStatus.STALE: 1,
        },
        names=[
            answer("www.example.com", AnswerStatus.RESOLVED, "192.0.2.10"),
            answer("wwww.example.com", AnswerStatus.NXDOMAIN),
            answer("mx.example.com", AnswerStatus.NODATA),
            answer(
                "api.example.com", AnswerStatus.STALE, "192.0.2.99", reason="timed out", stale_for=843.0
            ),
        ],
    )


def accepted() -> Audit:
    """Two orphans that somebody has acknowledged, beside a name that is served."""
    old = [
        orphan(
            "old.example.com",
            "192.0.2.11",
            port,
            siblings=True,
            state=FindingState.ACKNOWLEDGED,
            because="moves on Monday",
        )
        for port in ("80/tcp", "443/tcp")
    ]
    idle = tracked(
        FindingKind.IDLE_VIP, "idle", address="192.0.2.1", state=FindingState.ACKNOWLEDGED, because="spare"
    )
    return audit(
        findings=[*old, idle],
        endpoints=[
            endpoint("old.example.com", "192.0.2.11", "80/tcp", Verdict.ORPHAN),
            endpoint("old.example.com", "192.0.2.11", "443/tcp", Verdict.ORPHAN),
            endpoint("www.example.com", "192.0.2.10", "443/tcp", Verdict.SERVED, NGINX),
        ],
        held=[*LOOPBACK, held("192.0.2.1"), held("192.0.2.10"), held("192.0.2.11")],
        statuses={AnswerStatus.RESOLVED: 2},
    )


def many_names(names: int = 1000, addresses: int = 3) -> Audit:
    """A service that stopped, and all the names that lead to its few addresses."""
    places = [(f"n{n}.example.com", f"192.0.2.{10 + n % addresses}") for n in range(names)]
    ports = ("80/tcp", "443/tcp")
    return audit(
        findings=[orphan(*place, port, siblings=True) for place in places for port in ports],
        endpoints=[endpoint(*place, port, Verdict.ORPHAN) for place in places for port in ports],
        held=[*LOOPBACK, *(held(f"192.0.2.{10 + n}") for n in range(addresses))],
        statuses={AnswerStatus.RESOLVED: names},
    )


def nth(first_two: str, n: int) -> str:
    """The n-th address of first_two.0.0/16."""
    return f"{first_two}.{n >> 8}.{n & 255}"


def big(served: int = 10_000, idle: int = 30) -> Audit:
    """A load balancer with ten thousand names, and what old reloads left behind (case 6)."""
    left = [nth("198.51", 100 * 256 + n) for n in range(1, idle + 1)]
    return audit(
        findings=[
            tracked(
                FindingKind.IDLE_VIP,
                f"{address} is held on lo for 41 d, no known domain resolves to it, "
                "and no socket is bound to it",
                f"ip address del {address}/32 dev lo",
                address=address,
            )
            for address in left
        ],
        endpoints=[
            endpoint(f"n{n}.example.com", nth("10.0", n), "443/tcp", Verdict.SERVED, NGINX)
            for n in range(served)
        ],
        held=[*LOOPBACK, *(held(nth("10.0", n)) for n in range(served)), *map(held, left)],
        statuses={AnswerStatus.RESOLVED: served},
    )
