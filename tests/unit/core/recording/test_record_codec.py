from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowatch.core.answers import RRset
from lowatch.core.held import Held
from lowatch.core.known import Known, Unknown
from lowatch.core.listeners import Connect, Listener
from lowatch.core.recording import record_codec
from lowatch.core.recording.codec import Leaf, Mapper, Misfit
from lowatch.core.recording.record_codec import RecordCodec, codec_of
from lowatch.core.recording.recording import Recording
from lowatch.core.snapshot import PortObservation
from tests.unit.core.worlds import BLIND, NGINX, held

from .samples import sample


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Random values are not consistent."""
    monkeypatch.setattr(record_codec, "CHECKS", {})
    record_codec.codec_of.cache_clear()
    yield
    record_codec.codec_of.cache_clear()


@pytest.mark.usefixtures("unchecked")
def test_every_type_that_is_recorded_there_and_back() -> None:
    """Also one that is added later, because the samples are made by the same annotations."""
    codec = codec_of(Recording)
    for seed in range(300):
        value = sample(Recording, Random(seed))
        text = json.dumps(codec.encode(value), allow_nan=False)
        assert codec.decode(json.loads(text)) == value
        assert codec.map(value, Mapper(), Leaf("", "")) == value


@pytest.mark.usefixtures("unchecked")
@given(st.integers())
def test_random_ones(seed: int) -> None:
    codec, value = codec_of(Recording), sample(Recording, Random(seed))
    assert codec.decode(json.loads(json.dumps(codec.encode(value)))) == value


def test_what_is_left_out() -> None:
    assert codec_of(Held).encode(held("192.0.2.10")) == {
        "address": "192.0.2.10",
        "prefixlen": 32,
        "interface": "lo",
    }
    codec = codec_of(RRset)
    assert isinstance(codec, RecordCodec)
    assert codec.decode({"status": "nodata"}) == RRset(codec.decode({"status": "nodata"}).status)


@pytest.mark.parametrize(
    ("annotation", "value", "plain"),
    [
        (Connect | Unknown | None, Connect.REFUSED, "refused"),
        (Connect | Unknown | None, BLIND, {"unknown": {"source": "sock_diag", "reason": BLIND.reason}}),
        (Connect | Unknown | None, None, None),
        (Listener | None, NGINX, codec_of(Listener).encode(NGINX)),
        (Listener | Unknown, NGINX, {"listener": codec_of(Listener).encode(NGINX)}),
        (Known[tuple[int, ...]] | Unknown, Known((1, 2)), {"known": [1, 2]}),
        (tuple[int, ...] | None, (1,), [1]),
    ],
)
def test_unions(annotation: Any, value: Any, plain: Any) -> None:
    assert codec_of(annotation).encode(value) == plain
    assert codec_of(annotation).decode(plain) == value


@pytest.mark.parametrize(
    ("annotation", "data", "message"),
    [
        (Held, [], "must be an object, not an empty list"),
        (Held, {"address": "::1", "prefixlen": 128}, "has no 'interface'"),
        (Held, {"colour": 1}, ".colour: unknown"),
        (Held, {"two words": 1}, "['two words']: unknown"),
        (Held, {"address": "::1", "prefixlen": 129, "interface": "lo"}, "129 is not a prefix length"),
        (
            PortObservation,
            {"port": "80/tcp", "listener": {}},
            ".listener: must have one member, listener or",
        ),
        (
            PortObservation,
            {"port": "80/tcp", "listener": "nginx"},
            ".listener: must be an object, not 'nginx'",
        ),
        (PortObservation, {"port": "80/tcp", "listener": {"unknown": 1}}, ".listener.unknown: must be an"),
        (Connect | Unknown, None, "must be one of accepted"),
    ],
)
def test_what_does_not_fit(annotation: Any, data: Any, message: str) -> None:
    with pytest.raises(Misfit) as misfit:
        codec_of(annotation).decode(data)
    assert ": ".join(filter(None, (misfit.value.path, misfit.value.message))).startswith(message)


def test_what_cannot_be_recorded() -> None:
    with pytest.raises(TypeError, match="cannot be recorded"):
        codec_of(bytes)
