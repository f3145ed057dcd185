"""The view of the metrics that the demo shows."""

import pytest

from lowatch.cli.demo.stage import get, sample
from tests.support.aio import run_async
from tests.support.netns import Netns

EXPOSITION = """\
# TYPE lo_orphan_vip gauge
lo_orphan_vip{interface="lo",address="192.0.2.9",domain="shopXexample",port="80",protocol="tcp"} 0.0
lo_orphan_vip{interface="lo",address="192.0.2.10",domain="shop.example",port="80",protocol="tcp"} 1.0
"""


def test_sample() -> None:
    series, value = sample(EXPOSITION, "lo_orphan_vip", "shop.example", 80)
    assert value == 1
    assert series.startswith("lo_orphan_vip{")
    assert series.endswith("}")
    assert '"192.0.2.10"' in series
    assert sample(EXPOSITION, "lo_orphan_vip", "other.example", 80) == ("", None)


def test_get_where_nobody_serves(netns: Netns) -> None:
    with pytest.raises(ConnectionRefusedError):
        run_async(get("127.0.0.1", 80, "/"))
