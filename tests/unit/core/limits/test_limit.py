"""A limit counts how often it was reached."""

from __future__ import annotations

import threading

from lowatch.core.limits.limit import Limit


def limit() -> Limit:
    return Limit("names", 100_000, "names of a file", "the rest is left out", "a megabyte")


def test_it_is_counted_from_any_thread() -> None:
    one = limit()
    threads = [threading.Thread(target=lambda: [one.reached() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.reached(3)
    assert one.times == 2003


def test_as_text_it_has_its_name_and_its_bound() -> None:
    assert str(limit()) == "names (100,000 names of a file)"
    assert limit() != limit(), "two limits are never the same"
