"""Parts of whole lines."""

from __future__ import annotations

import io

import pytest

from lowatch.config.zones import blocks as module
from lowatch.config.zones.blocks import blocks, mentioning
from lowatch.config.zones.owner_names import ZoneFileError

TEXT = b"one\n\ntwo three\n" * 5


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_they_are_the_file(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", size)
    parts = list(blocks(io.BytesIO(TEXT)))
    assert b"".join(parts) == TEXT
    assert all(part.endswith(b"\n") for part in parts)


def test_a_file_that_ends_within_a_line() -> None:
    with pytest.raises(ZoneFileError, match="cut off"):
        list(blocks(io.BytesIO(TEXT[:-1])))


def test_the_lines_with_a_word() -> None:
    block = b"a SRV\nCNAME\nb CNAME CNAME c\nd\nSRV e\n"
    assert list(mentioning(block, b"CNAME", b"SRV")) == [
        b"CNAME\n",
        b"b CNAME CNAME c\n",
        b"a SRV\n",
        b"SRV e\n",
    ]
