"""Whatever is configured, `lowatch config show` says it, in a form that loads back equal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.config.durations import LONGEST, format_duration, parse_duration
from lowatch.config.load import load
from lowatch.config.mentions import (
    Mention,
    merge_mentions,
)
from lowatch.config.settings import (
    Config,
    DnsSettings,
    Listen,
    Nameserver,
    NamesSettings,
    Transport,
    WebSettings,
)
from lowatch.config.show import render
from lowatch.config.values import nameserver
from lowatch.core.addresses import Address, Port, prefix_of
from lowatch.core.findings import FindingKind
from lowatch.core.name_sources import LEARNABLE
from lowatch.core.policy import Acknowledgement, Policy, VictimsPolicy

FIRST, LAST = datetime(1972, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001  # as st.datetimes() wants

durations = st.integers(1, int(LONGEST * 1000)).map(lambda milliseconds: milliseconds / 1000)
ports = st.builds(Port, st.integers(1, 65535), st.sampled_from(["tcp", "udp"]))
port_lists = st.lists(ports, min_size=1, max_size=4, unique=True).map(tuple)
addresses = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)).map(Address)
host_texts = st.ip_addresses().map(str)
scoped_texts = st.from_regex(r"fe80::1%[^\s/:\[\]%#]{1,15}", fullmatch=True)
labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=4).map(lambda parts: ".".join([*parts, "example"]))
service_names = st.builds("_xmpp._{}.{}".format, st.sampled_from(["tcp", "udp"]), names)
one_line = st.text(min_size=1).map(str.strip).filter(lambda text: text and text.isprintable())


@st.composite
def acknowledgements(draw: st.DrawFn) -> Acknowledgement:
    moment = draw(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
    address = draw(addresses)
    matchers: dict[str, Any] = {
        "kind": draw(st.sampled_from([kind.value for kind in FindingKind])),
        "interface": draw(st.sampled_from(["lo", "dummy*", "eth[0-9]"])),
        "address": prefix_of(address, draw(st.integers(0, len(address) * 8))),
        "domain": draw(names.map("*.{}".format)),
        "port": draw(ports),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(matchers)), min_size=1))
    return Acknowledgement(
        until=moment.timestamp(),
        reason=draw(one_line),
        **{key: matchers[key] for key in chosen},
    )


@st.composite
def nameservers(draw: st.DrawFn) -> Nameserver:
    transport = draw(st.sampled_from(Transport))
    name = draw(st.one_of(st.just(""), names)) if transport is Transport.TLS else ""
    host = draw(st.one_of(host_texts, scoped_texts))
    return Nameserver(host, draw(st.integers(1, 65535)), transport, name)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    default_ports = draw(port_lists)
    units = st.sampled_from(["", "nginx.service", "haproxy@web.service"])
    plain = st.builds(Mention, names, st.one_of(st.just(()), port_lists), units)
    services = st.builds(Mention, service_names, st.just(()), units)
    mentions = st.one_of(plain, services)
    low, high = sorted([draw(durations), draw(durations)])
    return Config(
        policy=Policy(
            interfaces=tuple(draw(st.lists(st.sampled_from(["lo", "dummy*", "eth0"]), min_size=1))),
            domains=merge_mentions(draw(st.lists(mentions, max_size=8)), default_ports),
            expect=tuple(draw(st.lists(addresses, unique=True, max_size=8))),
            hold=draw(st.one_of(st.just(0.0), durations)),
            probe=draw(st.booleans()),
            acknowledgements=tuple(draw(st.lists(acknowledgements(), max_size=4))),
            ports=frozenset(default_ports),
            victims=VictimsPolicy(draw(st.integers(1, 1_000)), draw(durations)),
        ),
        dns=DnsSettings(
            nameservers=draw(
                st.one_of(
                    st.none(),
                    st.lists(nameservers(), min_size=1, max_size=4).map(tuple),
                )
            ),
            timeout=draw(durations),
            max_qps=draw(st.integers(1, 1_000_000)),
            min_ttl=low,
            max_ttl=high,
            unknown_after=draw(durations),
            far_ttl=draw(st.one_of(st.just(0.0), durations)),
        ),
        names=NamesSettings(
            tuple(draw(st.lists(st.sampled_from(LEARNABLE), unique=True))), draw(durations)
        ),
        web=WebSettings(
            listen=tuple(
                draw(
                    st.lists(
                        st.builds(Listen, st.one_of(st.just(""), host_texts, names), st.integers(0, 65535)),
                        max_size=4,
                    )
                )
            ),
            telemetry_path=draw(
                st.from_regex(r"/[a-z]{1,9}(/[a-z]{0,9})?", fullmatch=True).filter(
                    lambda path: not path.startswith("/api/")
                )
            ),
            hosts=tuple(
                draw(st.lists(st.one_of(names, st.just("*"), names.map("*.".__add__)), max_size=3))
            ),
            enable_reload=draw(st.booleans()),
        ),
        journal_enabled=draw(st.booleans()),
        ports=default_ports,
    )


@settings(deadline=None)
@given(configs())
def test_what_is_shown_loads_back_equal(config: Config) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "lowatch.toml"
        path.write_text(render(config), encoding="utf-8")
        assert load(path) == config


@settings(deadline=None)
@given(nameservers())
def test_a_nameserver_is_written_as_it_is_read(server: Nameserver) -> None:
    assert nameserver(str(server)) == server


@settings(deadline=None)
@given(durations)
def test_durations_are_written_as_they_are_read(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
