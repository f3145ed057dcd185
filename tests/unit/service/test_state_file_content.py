from __future__ import annotations

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowatch.core.addresses import Address, Port, host_length
from lowatch.core.findings import Finding, FindingKind, Subject
from lowatch.core.last_served import LastServed
from lowatch.core.lifecycle import FindingState, Tracked
from lowatch.service.state_file import StateFile

from .remembered import ORPHAN, RECORD, TWO, TWO_LOADED, remembered


def saved(**changes: object) -> bytes:
    """A state file's content, with one record."""
    return json.dumps({"schema": 1, "findings": [RECORD | changes]}).encode()


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lowatch")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        saved()[:-20],
        saved().replace(b'"schema": 1', b'"schema": 2'),
        saved(since=float("nan")),
        saved(since=1e300),
        saved(since=-1),
        saved(announced=1),
        saved(address="192.0.2.300"),
        saved(address=None, prefixlen=8),
        saved(prefixlen=33),
        saved(port=70000),
        saved(port=None),
        saved(protocol="icmp"),
        saved(fix=[1]),
        saved(message=None),
        b'{"schema": 1, "findings": [], "told": -1}',
        b'{"schema": 1, "findings": [], "told": true}',
        b'{"schema": 1, "findings": [], "told": 1' + b"0" * 4000 + b"}",
        b'{"schema": 1}',
        b'{"schema": 1, "findings": {}}',
        b'{"schema": 1, "findings": [{"kind": "orphan-vip"}]}',
        b"[" * 100_000,
        b'{"schema": ' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        b"\0" * 4096,
    ],
)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "findings.json"
    path.write_bytes(content)
    store = StateFile(tmp_path)
    assert store.load() == []
    aside = tmp_path / "findings.json.damaged"
    assert aside.read_bytes() == content
    (message,) = logged(caplog)
    assert message.startswith(f"the state file {path} is damaged: ")
    assert len(message) < 600
    assert str(aside) in message
    store.save(TWO)
    assert StateFile(tmp_path).load() == TWO_LOADED


def test_a_second_damaged_file_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "findings.json").write_bytes(content)
        assert StateFile(tmp_path).load() == []
    assert [path.name for path in tmp_path.iterdir()] == ["findings.json.damaged"]
    assert (tmp_path / "findings.json.damaged").read_bytes() == b"second"


addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    address = draw(st.none() | addresses.map(Address))
    lengths = st.none() if address is None else st.none() | st.integers(0, host_length(address))
    ports = st.builds(Port, st.integers(1, 65535), st.sampled_from(["tcp", "udp"]))
    texts = st.none() | st.text(st.characters())
    return Subject(
        kind=draw(st.sampled_from(FindingKind)),
        interface=draw(texts),
        address=address,
        domain=draw(texts),
        port=draw(st.none() | ports),
        prefixlen=draw(lengths),
    )


last_served = st.builds(
    LastServed, st.none() | st.text(), until=st.floats(0, 253402300799), ended=st.booleans()
)
findings = st.builds(
    Finding,
    subjects(),
    st.text(),
    st.lists(st.text(), max_size=3).map(tuple),
    last_served=st.none() | last_served,
    info=st.booleans(),
)
tracked_ones = st.builds(
    Tracked,
    findings,
    st.sampled_from(FindingState),
    since=st.floats(0, 253402300799),
    changed=st.just(0.0),
    announced=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(tracked_ones, unique_by=lambda one: one.finding.subject.key))
def test_load_after_save_is_the_same(tracked: list[Tracked]) -> None:
    with TemporaryDirectory() as directory:
        StateFile(Path(directory)).save({one.finding.subject.key: one for one in tracked})
        assert StateFile(Path(directory)).load() == remembered(*tracked)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(RECORD)), inner),
    max_leaves=10,
)
records = st.dictionaries(st.sampled_from(list(RECORD)), json_values, max_size=2).map(
    lambda changes: RECORD | changes
)
documents = st.lists(records, max_size=2).map(lambda rows: {"schema": 1, "findings": rows})
contents = st.binary() | (json_values | documents).map(lambda value: json.dumps(value).encode())


@settings(deadline=None)
@given(contents)
def test_no_content_is_fatal(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        Path(directory, "findings.json").write_bytes(content)
        store = StateFile(Path(directory))
        for one in store.load():
            assert one.finding.subject.key
            assert one.since >= 0
        store.save(TWO)
        assert StateFile(Path(directory)).load() == TWO_LOADED
        names = {path.name for path in Path(directory).iterdir()}
        assert names <= {"findings.json", "findings.json.damaged"}


def test_a_kind_of_a_newer_version_is_forgotten_and_the_others_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = RECORD | {"kind": "haunted-vip"}
    document = {"schema": 1, "findings": [newer, RECORD | {"later": "addition"}]}
    (tmp_path / "findings.json").write_text(json.dumps(document))
    assert StateFile(tmp_path).load() == remembered(ORPHAN)
    assert logged(caplog) == []
