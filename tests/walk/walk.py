"""Makes one walk from one seed."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.oracle.clients import ClientResult, Met, Target, meet
from tests.support.daemon import Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns

from .judge import disagreements
from .scene import ANY_OF, PORTS, WATCHED, ZONE, Scene

_SETTLED_WITHIN = 20.0
"""Seconds. Answers are kept for up to three of their TTLs, and redirects are checked every four seconds."""
_LAST = 12
"""How many of the last changes the story of a failed walk has."""
_BETWEEN = 0.02


def walk(seed: int, steps: int, seen: Counter[str] | None = None) -> str:
    """The story of the first lasting disagreement; "" if there is none. seen: counts clients' results."""
    random = Random(seed)
    with (
        TemporaryDirectory() as directory,
        Netns() as netns,
        netns.entered(),
        Knot({ZONE: "ns 0 A 127.0.0.1"}, negative_ttl=0) as knot,
    ):
        hosts = Path(directory, "hosts")
        hosts.write_text("127.0.0.1 localhost\n")
        scene = Scene(netns, knot, hosts, random)
        scene.set_up()
        bound = ["unshare", "--mount", "sh", "-ec", f'mount --bind "{hosts}" /etc/hosts; exec "$@"', "sh"]
        with Daemon(Path(directory), _configuration(knot), prefix=bound) as daemon:
            for step in range(steps):
                for _ in range(random.choice((1, 1, 1, 2, 3))) if step else ():
                    scene.change()
                lines = _settle(scene, daemon, seen)
                if lines:
                    return _story(seed, step, lines, scene, daemon)
    return ""


def _configuration(knot: Knot) -> str:
    domains = [
        f'"{name}.{ZONE}"' if name in ANY_OF else f'"{name}.{ZONE}:{number}/{protocol}"'
        for name, ports in PORTS.items()
        for number, protocol in (ports[:1] if name in ANY_OF else ports)
    ]
    interfaces = ", ".join(f'"{one}"' for one in WATCHED)
    top = f'hold = "1s"\ninterfaces = [{interfaces}]\ndomains = [{", ".join(domains)}]'
    return configuration(knot, top, dns='min_ttl = "10ms"\ntimeout = "1s"')


def _settle(scene: Scene, daemon: Daemon, seen: Counter[str] | None) -> list[str]:
    """Waits until the daemon agrees. Returns the disagreements that are left after _SETTLED_WITHIN."""
    deadline = time.monotonic() + _SETTLED_WITHIN
    while True:
        outcomes = _outcomes(scene)
        lines = disagreements(scene, daemon, outcomes)
        if not lines or time.monotonic() > deadline:
            if seen is not None:
                seen.update(outcome.met for outcome in outcomes.values())
            return lines
        time.sleep(_BETWEEN)  # the daemon is another process, so there is nothing to await


def _outcomes(scene: Scene) -> dict[Target, ClientResult]:
    """The results of clients now. Silence is a result, because every answer comes at once here."""
    targets = dict.fromkeys(target for some in scene.targets().values() for target in some)
    outcomes = meet(scene.sockets, targets, frozenset())
    silent = [target for target, outcome in outcomes.items() if outcome.met is Met.SILENCE]
    return outcomes | meet(
        scene.sockets, silent, frozenset()
    )  # a second time, because the machine may be busy


def _story(seed: int, step: int, lines: list[str], scene: Scene, daemon: Daemon) -> str:
    return "\n".join(
        [
            f"the walk from seed {seed} (python -m tests.walk --seed {seed} --steps {step + 1}):",
            *(f"  ... {change}" for change in scene.done[-_LAST:]),
            *(f"  DISAGREES: {line}" for line in lines),
            str(scene),
            daemon.log[-2000:],
        ]
    )
