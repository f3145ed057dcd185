"""`systemctl reload` returns when the new configuration is in force, or fails and says why."""

import pytest

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import UNIT, Unit, settings
from tests.support.dns_server import Knot
from tests.support.netns import CommandError

SHOP = "shop.example.com"
RELOADED = "lowatch_config_last_reload_successful"


def with_domains(knot: Knot, *domains: str) -> str:
    listed = ", ".join(f'"{domain}:80"' for domain in domains)
    return settings(knot, f'hold = "0s"\ndomains = [{listed}]')


def test_a_good_one_is_in_force_on_return(watching: Unit, knot: Knot) -> None:
    """Each of six times: no window in which the old one still answers."""
    pid = watching.pid
    for domains in [(WWW, SHOP), (WWW,)] * 3:
        watching.reload(with_domains(knot, *domains))
        counted = watching.metrics()
        statuses = {name: n for name, n in counted.items() if name.startswith("lowatch_domains{")}
        assert sum(statuses.values()) == len(domains), statuses
        assert counted[RELOADED] == 1
    assert watching.pid == pid


def test_a_bad_one_fails_and_the_old_one_goes_on(machine: Machine, watching: Unit, knot: Knot) -> None:
    watching.until(lambda: watching.orphan(WWW) == 1)
    with pytest.raises(CommandError, match=UNIT):
        watching.reload('hold = "soon"\nfoo = 1\n')
    assert watching.show("ActiveState") == "active"
    assert watching.metric(RELOADED) == 0
    assert watching.orphan(WWW) == 1
    # Whoever typed the command finds the errors where systemctl points to.
    shown = machine.run("systemctl status lowatch; true")
    for error in ("lowatch.toml:1: hold: ", "lowatch.toml:2: foo: "):
        assert error in shown
    said = machine.attempt("lowatch reload")
    assert said.returncode
    assert "lowatch.toml:1: hold: " in said.stderr
    watching.reload(with_domains(knot, WWW))
    assert watching.metric(RELOADED) == 1


def test_status_and_reload_by_hand(machine: Machine, watching: Unit) -> None:
    """Over the socket in the runtime directory, which no other user may open."""
    watching.until(lambda: watching.count("orphan-vip", "firing") == 1)
    assert "orphan-vip" in machine.run("lowatch status")
    assert machine.attempt("lowatch reload").returncode == 0
    assert machine.run("stat --format=%a /run/lowatch/lowatch.sock").strip() == "660"
    refused = machine.attempt("setpriv --reuid=www-data --clear-groups lowatch status")
    assert refused.returncode
    assert "Traceback" not in refused.stderr
    watching.stop()
    assert not machine.path("/run/lowatch").exists()
    stopped = machine.attempt("lowatch status")
    assert stopped.returncode
    assert "Traceback" not in stopped.stderr


def test_an_acknowledgement_by_hand(machine: Machine, watching: Unit) -> None:
    """Root writes the file with any umask, and the service's own user reads it."""
    watching.until(lambda: watching.count("orphan-vip", "firing") == 1)
    machine.run(f"umask 077; lowatch ack orphan-vip 192.0.2.10 {WWW} --until 2099-01-31 --reason move")
    watching.until(lambda: watching.count("orphan-vip", "acknowledged") == 1)
    assert "2099-02-01T00:00:00Z: move" in machine.run("lowatch status")
    machine.run(f"lowatch ack --remove orphan-vip 192.0.2.10 {WWW}")
    watching.until(lambda: watching.count("orphan-vip", "firing") == 1)
