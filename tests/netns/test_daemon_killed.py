"""Killed with SIGKILL while things change: told at least once, and the last word is right."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

NAMES = [f"n{number}.example.com" for number in range(6)]
ADDRESSES = [f"192.0.2.{10 + number}" for number in range(6)]
KILLS = 6
_NAME = re.compile(r"\bn\d\.example\.com\b")


@contextmanager
def churn(netns: Netns, seed: int) -> Iterator[None]:
    """Each address is served and is not, in turns of a few hundredths of a second."""
    over = threading.Event()
    chance = random.Random(seed)

    def turn() -> None:
        with netns.entered(), ExitStack() as stack:
            served = {}
            while not over.is_set():
                address = chance.choice(ADDRESSES)
                if address in served:
                    served.pop(address).close()
                else:
                    served[address] = stack.enter_context(netns.listener(address, 80))
                time.sleep(chance.uniform(0.005, 0.05))

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def last_words(daemon: Daemon) -> dict[str, str]:
    """By name: what was told of it last."""
    told = {}
    for alert in daemon.alerts:
        name = _NAME.search(alert.text)
        if alert.kind == "orphan-vip" and name is not None:
            told[name[0]] = alert.state
    return told


def test_the_last_word_is_right(netns: Netns, tmp_path: Path) -> None:
    for address in ADDRESSES:
        netns.ip(f"addr add {address}/32 dev lo")
    records = "\n".join(f"n{number} A {address}" for number, address in enumerate(ADDRESSES))
    domains = ", ".join(f'"{name}:80"' for name in NAMES)
    chance = random.Random(27)
    with Knot({"example.com": records}) as knot:
        text = configuration(knot, f'hold = "0s"\nprobe = "off"\ndomains = [{domains}]')
        daemon = Daemon(tmp_path, text, state=True)
        try:
            for number in range(KILLS):
                daemon.start()
                with churn(netns, number):
                    time.sleep(chance.uniform(0.05, 0.5))
                    daemon.kill()
            served = [netns.listener(address, 80) for address in ADDRESSES[:3]]
            with ExitStack() as stack:
                for one in served:
                    stack.enter_context(one)
                daemon.start()
                truth = dict.fromkeys(NAMES[3:], "firing")
                with suppress(AssertionError):
                    daemon.until(lambda: firing(daemon) == truth, 30)
                    daemon.until(
                        lambda: {n: s for n, s in last_words(daemon).items() if s == "firing"} == truth, 5
                    )
                words = last_words(daemon)
                assert {name: words.get(name) for name in NAMES[3:]} == truth
                assert {words.get(name, "resolved") for name in NAMES[:3]} == {"resolved"}
                daemon.stop()
        finally:
            daemon.kill()


def firing(daemon: Daemon) -> dict[str, str]:
    rows = daemon.findings("orphan-vip")
    return {row["domain"]: "firing" for row in rows if row["state"] == "firing"}
