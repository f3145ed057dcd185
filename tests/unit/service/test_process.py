from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from lowatch.service.process import Process


def theirs() -> dict[str, float]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return {sample.name: sample.value for metric in registry.collect() for sample in metric.samples}


def test_as_prometheus_clients_own_collector_has_it() -> None:
    """Where /proc is whole, that is: under ProcSubset=pid it has nothing."""
    usage, expected = Process().usage(), theirs()
    assert usage.started == pytest.approx(expected["process_start_time_seconds"], abs=2)
    assert usage.cpu_seconds == pytest.approx(expected["process_cpu_seconds_total"], abs=0.1)
    assert usage.max_fds == expected["process_max_fds"]
    for own, other in (
        (usage.resident, expected["process_resident_memory_bytes"]),
        (usage.virtual, expected["process_virtual_memory_bytes"]),
    ):
        assert own == pytest.approx(other, rel=0.1)


def test_open_descriptors_are_counted() -> None:
    before = Process().usage().open_fds
    assert before is not None
    descriptors = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
    try:
        assert Process().usage().open_fds == before + 5
    finally:
        for each in descriptors:
            os.close(each)


def test_cpu_time_grows() -> None:
    process = Process()
    before = process.usage().cpu_seconds
    assert before is not None
    end = time.process_time() + 0.03
    while time.process_time() < end:
        pass
    after = process.usage().cpu_seconds
    assert after is not None
    assert after > before


def test_the_start_is_read_once(tmp_path: Path) -> None:
    """A step of the wall clock must not look like a restart."""
    (tmp_path / "stat").write_text(Path("/proc/self/stat").read_text())
    process = Process(tmp_path)
    started = process.usage().started
    (tmp_path / "stat").unlink()
    assert process.usage().started == started is not None


def test_a_command_with_spaces_and_parentheses(tmp_path: Path) -> None:
    pid, _, rest = Path("/proc/self/stat").read_text().partition(" ")
    behind = rest.rpartition(")")[2]
    (tmp_path / "stat").write_text(f"{pid} (a) b (c){behind}")
    assert Process(tmp_path).usage().started == pytest.approx(Process().usage().started, abs=0.1)


def test_without_proc_the_rest_stands(tmp_path: Path) -> None:
    usage = Process(tmp_path / "none").usage()
    assert (usage.resident, usage.virtual, usage.started, usage.open_fds) == (None,) * 4
    assert usage.cpu_seconds is not None
    assert usage.max_fds == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_what_is_not_understood_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("1 (x) S 1 2")
    (tmp_path / "statm").write_text("many few")
    usage = Process(tmp_path).usage()
    assert (usage.started, usage.resident, usage.virtual) == (None, None, None)
