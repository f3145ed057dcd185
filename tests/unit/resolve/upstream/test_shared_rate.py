"""How two engines share what a nameserver may be asked."""

from __future__ import annotations

import pytest

from lowatch.config.settings import DnsSettings
from lowatch.resolve.upstream.shared_rate import SharedRate


class Engine:
    def __init__(self) -> None:
        self.settings = DnsSettings()

    def replace_settings(self, settings: DnsSettings) -> None:
        self.settings = settings


@pytest.mark.parametrize(
    ("whole", "first", "second"), [(200, 180, 20), (10, 9, 1), (5, 4, 1), (2, 1, 1), (1, 1, 1)]
)
def test_both_together_keep_the_limit(whole: int, first: int, second: int) -> None:
    """One query a second for both is less than any of them can work with."""
    one, other = Engine(), Engine()
    SharedRate(one, other).replace_settings(DnsSettings(max_qps=whole, timeout=7.0))
    assert (one.settings.max_qps, other.settings.max_qps) == (first, second)
    assert one.settings.timeout == other.settings.timeout == 7.0
