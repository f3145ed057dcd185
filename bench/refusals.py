"""Refused clients: measures the time from the third refused connect to the finding of the real daemon.

The time begins when connect() has failed. It ends with the response of /api/v1/findings that has the
finding; it is asked for every millisecond. Each time is at another address, which is added before.
"""

from __future__ import annotations

import json
import random
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from lowatch.core.addresses import parse_address
from lowatch.service.lookups.dnstap_server import SOCKET_NAME
from lowatch.wire.dns import RRType, encode_question
from tests.support.dns_messages import A, pointer, record, response
from tests.support.dns_server import Knot
from tests.support.dnstap import START, data, dnstap
from tests.support.netns import Netns

from . import world
from .daemon import LOWATCH, Running, configuration, running

ZONE = "refused.example"
NAMELESS, NAMED = "client refused -> refused-vip", "client refused -> orphan-vip of a learned name"
_PORT = 10048
_CLIENT = parse_address("127.0.0.1")
_REFUSED = 3
_PAUSE = (0.3, 0.6)
"""Seconds between two times, from and to."""
_PATIENCE = 30.0

Finding = dict[str, Any]


def measure(times: int) -> dict[str, list[float]]:
    """Seconds, `times` of each. A resolver has reported the names of those addresses that have one."""
    taken: dict[str, list[float]] = {NAMELESS: [], NAMED: []}
    records = "\n".join(f"{_name(number)}. A {world.text(number)}" for number in range(0, 2 * times, 2))
    with (
        tempfile.TemporaryDirectory(prefix="lowatch-bench-") as name,
        Netns() as netns,
        netns.entered(),
        closing(world.Lo()) as lo,
        Knot({ZONE: records}) as knot,
    ):
        folder = Path(name)
        file = folder / "lowatch.toml"
        file.write_text(f'{configuration([], knot.nameserver)}[names]\nlearn = ["dnstap"]\n')
        command = ["env", f"RUNTIME_DIRECTORY={folder}", *LOWATCH, "run", "-c", str(file)]
        with running(folder, command, _PORT) as daemon, socket.socket(socket.AF_UNIX) as resolver:
            daemon.until_answering("/-/ready")
            resolver.connect(str(folder / SOCKET_NAME))
            resolver.sendall(START)
            for number in range(2 * times):
                event = NAMELESS if number % 2 else NAMED
                lo.add(number)
                _until(daemon, number, _is_idle)
                if event == NAMED:
                    resolver.sendall(_looked_up(number))
                    _until(daemon, number, _is_guessed)
                time.sleep(random.uniform(*_PAUSE))
                refused = _refuse(number)
                seen = _until(daemon, number, _is_orphan if event == NAMED else _is_refused)
                taken[event].append(seen - refused)
                lo.delete(number)
                _until(daemon, number, lambda findings: not findings)
    return taken


def _name(number: int) -> str:
    return f"h{number}.{ZONE}"


def _looked_up(number: int) -> bytes:
    question = encode_question(_name(number), RRType.A)
    answer = record(pointer(12), A, world.address(number))
    return data(dnstap(response([answer], question=question), _CLIENT))


def _refuse(number: int) -> float:
    """CLOCK_MONOTONIC seconds when the last connect had failed."""
    refused = 0.0
    for _ in range(_REFUSED):
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex((world.text(number), world.PORT))
            refused = time.monotonic()
    return refused


def _is_idle(findings: list[Finding]) -> bool:
    return any(one["kind"] == "idle-vip" for one in findings)


def _is_guessed(findings: list[Finding]) -> bool:
    return any(one["kind"] == "orphan-vip" for one in findings)


def _is_refused(findings: list[Finding]) -> bool:
    return any(one["kind"] == "refused-vip" for one in findings)


def _is_orphan(findings: list[Finding]) -> bool:
    """Information before, because its ports were a guess."""
    return any(one["kind"] == "orphan-vip" and one["severity"] == "critical" for one in findings)


def _until(daemon: Running, number: int, look: Callable[[list[Finding]], bool]) -> float:
    """CLOCK_MONOTONIC seconds of the response whose findings about the address are as `look` wants them."""
    address, deadline = world.text(number), time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        _, body = daemon.scraper.get("/api/v1/findings")
        seen = time.monotonic()
        if look([one for one in json.loads(body)["findings"] if one["address"] == address]):
            return seen
        time.sleep(0.001)
    raise AssertionError(f"{address}: {body.decode()}")
