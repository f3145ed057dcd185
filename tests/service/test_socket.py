"""lowatch.socket holds the web listener: no scrape is refused while lowatch starts again."""

import signal

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit, settings
from tests.support.dns_server import Knot


def test_a_request_starts_it(machine: Machine, unit: Unit, knot: Knot) -> None:
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    machine.run("systemctl start lowatch.socket")
    assert unit.show("ActiveState") == "inactive"
    assert unit.get("/-/healthy").status == 200
    unit.until(lambda: unit.show("ActiveState") == "active")
    unit.until(lambda: unit.orphan(WWW) == 1)


def test_no_request_is_refused_while_it_restarts(machine: Machine, unit: Unit, knot: Knot) -> None:
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    machine.run("systemctl start lowatch.socket lowatch.service")
    pid = unit.pid
    unit.signal(signal.SIGKILL)
    assert unit.get("/metrics").status == 200
    assert unit.pid not in (0, pid)


def test_what_it_names_takes_the_place_of_the_configured_address(
    machine: Machine, unit: Unit, knot: Knot
) -> None:
    """Otherwise it would listen at both, or fail at the one that systemd holds."""
    unit.configure(settings(knot, f'domains = ["{WWW}:80"]', tables='[web]\nlisten = ["127.0.0.1:10049"]'))
    machine.run("systemctl start lowatch.socket lowatch.service")
    assert unit.get("/-/ready").status == 200
    listening = machine.run("ss --no-header --listening --tcp --numeric sport = :10049 or sport = :10048")
    assert [line.split()[3] for line in listening.splitlines()] == ["127.0.0.1:10048"]
