"""served.json: what it keeps, and what it makes of a damaged one."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.addresses import Port
from lowatch.core.last_served import LastServed
from lowatch.core.limits.names import LAST_SERVED
from lowatch.core.listeners import Endpoint
from lowatch.core.served_state import ServedState
from lowatch.core.snapshot import DomainObservation
from lowatch.service.served_file import ServedFile
from tests.unit.core.worlds import NGINX, VIP, VIP6, local, ports, seen, view

AT = 1795403527.25
HTTP, HTTPS, DNS = ports("80 443 53/udp")
WWW = view(local(VIP, *seen(("80", NGINX), ("443", NGINX._replace(unit=None)))))
GONE = {Endpoint(VIP6, DNS): LastServed("unbound.service", 1795400000.125)}


def state(*domains: DomainObservation, **rest: object) -> ServedState:
    observed = {str(number): one for number, one in enumerate(domains)}
    return ServedState(AT, observed, GONE)._replace(**rest)


def test_what_is_served_was_last_seen_then_and_what_is_gone_stays_gone(tmp_path: Path) -> None:
    assert ServedFile(tmp_path).save(state(WWW))
    loaded = ServedFile(tmp_path).load()
    assert loaded == {
        **GONE,
        Endpoint(VIP, HTTP): LastServed("nginx.service", AT, ended=False),
        Endpoint(VIP, HTTPS): LastServed(None, AT, ended=False),
    }
    assert next(iter(loaded)) == Endpoint(VIP6, DNS), "the latest comes last"


def test_what_is_served_now_is_not_gone(tmp_path: Path) -> None:
    """A name left, and another one still leads there."""
    gone = {Endpoint(VIP, HTTP): LastServed("nginx.service", AT - 9, ended=False)}
    ServedFile(tmp_path).save(state(WWW, gone=gone))
    assert ServedFile(tmp_path).load()[Endpoint(VIP, HTTP)].until == AT


def test_the_page_in_the_docstring_is_the_format(tmp_path: Path) -> None:
    ServedFile(tmp_path).save(state(WWW))
    assert (tmp_path / "served.json").read_text() == (
        '{"schema": 1, "at": 1795403527.25, "served": [\n'
        '["2001:db8::10", "53/udp", "unbound.service", 1795400000.125, true],\n'
        '["192.0.2.10", "80/tcp", "nginx.service"],\n'
        '["192.0.2.10", "443/tcp", null]\n'
        "]}\n"
    )


def test_without_a_directory_nothing_is_kept() -> None:
    assert ServedFile(None).load() == {}
    assert ServedFile(None).save(state(WWW))


def test_of_too_many_those_that_are_served_stay_and_the_latest_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAST_SERVED, "value", 3)
    monkeypatch.setattr(LAST_SERVED, "times", 0)
    gone = {Endpoint(VIP6, Port(n, "tcp")): LastServed("a.service", float(n)) for n in range(1, 5)}
    ServedFile(tmp_path).save(state(WWW, gone=gone))
    assert list(ServedFile(tmp_path).load()) == [
        Endpoint(VIP6, Port(4, "tcp")),
        Endpoint(VIP, HTTP),
        Endpoint(VIP, HTTPS),
    ]
    many = view(local(VIP, *seen(*((str(n), NGINX) for n in range(1, 6)))))
    ServedFile(tmp_path).save(state(many, gone=gone))
    assert len(ServedFile(tmp_path).load()) == 3
    assert LAST_SERVED.times == 2


ROW = ["192.0.2.10", "80/tcp", "nginx.service", 1.0, True]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"[" * 1000,
        b'{"schema": 2, "at": 1, "served": []}',
        b'{"schema": 1, "at": 1e300, "served": []}',
        b'{"schema": 1, "at": true, "served": []}',
        b'{"schema": 1, "at": 1, "served": [3]}',
        *(
            json.dumps({"schema": 1, "at": 1.0, "served": [row]}).encode()
            for row in (
                ROW[:2],
                [*ROW, 1],
                ["192.0.2.300", *ROW[1:]],
                [ROW[0], "80/sctp", *ROW[2:]],
                [*ROW[:3], -1.0, True],
                [*ROW[:4], 1],
            )
        ),
        b'{"schema": 1, "at": 1, "served": [' + b"[]," * 400_000 + b"[]]}",
    ],
)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    (tmp_path / "served.json").write_bytes(damage)
    file = ServedFile(tmp_path)
    assert file.load() == {}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"the state file {tmp_path}/served.json is damaged: ")
    assert file.save(state(WWW))
    assert (tmp_path / "served.json.damaged").read_bytes() == damage
    assert ServedFile(tmp_path).load()


addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
endpoints = st.builds(
    Endpoint, addresses, st.builds(Port, st.integers(1, 65535), st.sampled_from(["tcp", "udp"]))
)
lasts = st.builds(LastServed, st.none() | st.text(), st.floats(0, 253402300799), st.booleans())


@settings(deadline=None)
@given(st.dictionaries(endpoints, lasts))
def test_load_after_save_is_the_same(gone: dict[Endpoint, LastServed]) -> None:
    with TemporaryDirectory() as directory:
        ServedFile(Path(directory)).save(state(gone=gone))
        loaded = ServedFile(Path(directory)).load()
        assert list(loaded.items()) == list(gone.items())
