"""What an operator sees of a running lowatch: its status, its alerts, their explanation, its series."""

import re

from lowatch.report.alert.entry import MESSAGE_IDS, RESOLVED_MESSAGE_ID
from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit

ORPHAN = {
    "LOWATCH_KIND": "orphan-vip",
    "LOWATCH_STATE": "firing",
    "LOWATCH_SEVERITY": "critical",
    "LOWATCH_INTERFACE": "lo",
    "LOWATCH_ADDRESS": "192.0.2.10",
    "LOWATCH_DOMAIN": WWW,
    "LOWATCH_PORT": "80",
    "LOWATCH_PROTOCOL": "tcp",
    "PRIORITY": "3",
    "SYSLOG_IDENTIFIER": "lowatch",
    "_SYSTEMD_UNIT": "lowatch.service",
}
RESOLVED = {**ORPHAN, "LOWATCH_STATE": "resolved", "PRIORITY": "5"}


def test_a_service_stops_and_comes_back(machine: Machine, watching: Unit) -> None:
    """Served, orphaned, announced, served again, resolved."""
    machine.start_web()
    watching.until(lambda: watching.orphan(WWW) == 0)
    watching.until(lambda: watching.announced("orphan-vip") in ([], ["firing", "resolved"]))
    already = len(watching.entries("orphan-vip"))
    machine.run("systemctl stop web")
    watching.until(lambda: watching.orphan(WWW) == 1, timeout=2)
    fired = watching.until(lambda: watching.entries("orphan-vip")[already:])[0]
    assert {name: fired[name] for name in ORPHAN} == ORPHAN
    assert re.fullmatch("[0-9a-f]{32}", fired["MESSAGE_ID"])
    assert fired["LOWATCH_SINCE"] == watching.findings("orphan-vip")[0]["since"]
    assert "192.0.2.10" in fired["LOWATCH_REASON"]
    assert fired["LOWATCH_FIX"]
    assert fired["MESSAGE"].startswith("orphan-vip: ")
    machine.start_web()
    watching.until(lambda: watching.orphan(WWW) == 0, timeout=2)
    resolved = watching.until(lambda: watching.entries("orphan-vip")[already + 1 :])[0]
    assert {name: resolved[name] for name in RESOLVED} == RESOLVED
    assert resolved["LOWATCH_SINCE"] == fired["LOWATCH_SINCE"]
    assert resolved["MESSAGE_ID"] != fired["MESSAGE_ID"]
    machine.run("systemctl stop web")


def test_who_served_it_last(machine: Machine, watching: Unit) -> None:
    """The unit: in the journal, in the API, in `status` and `explain`, and after a restart."""
    machine.start_web()
    watching.until(lambda: watching.orphan(WWW) == 0)
    already = len(watching.entries("orphan-vip"))
    machine.run("systemctl stop web")
    fired = watching.until(lambda: watching.entries("orphan-vip")[already:])[0]
    assert fired["LOWATCH_LAST_UNIT"] == "web.service"
    (finding,) = watching.until(lambda: watching.findings("orphan-vip"))
    last = finding["last_served"]
    assert last["unit"] == "web.service"
    said = f"served by web.service until {last['until']}"
    assert fired["LOWATCH_REASON"].endswith(f"; {said}")
    for command in ("lowatch status", f"lowatch explain {WWW}"):
        assert f"{said}, " in " ".join(machine.run(command).split())
    assert "web.service" not in machine.run("lowatch check || true")
    watching.restart()
    watching.until(lambda: watching.findings("orphan-vip"))
    assert watching.findings("orphan-vip")[0]["last_served"] == last
    assert len(watching.entries("orphan-vip")) == already + 1


def test_the_journal_explains_it(machine: Machine, watching: Unit) -> None:
    """`journalctl -x`: what it means, what breaks, how to mend it, with this host's own values."""
    watching.until(lambda: watching.entries("orphan-vip"))
    explained = machine.run("journalctl --no-pager --catalog --unit=lowatch")
    catalog = "\n".join(line for line in explained.splitlines() if line.startswith("░░"))
    assert WWW in catalog
    assert "192.0.2.10" in catalog
    assert "@LOWATCH" not in catalog
    assert "LOWATCH_" not in catalog  # how a field that the entry lacks is shown


def test_the_status_counts(machine: Machine, watching: Unit) -> None:
    """Held addresses, domains and findings, in `systemctl status`: 127.0.0.1, ::1 and the VIP."""
    whole = "3 addresses held; 1 domain: 1 resolved; 1 finding firing (1 critical)"
    watching.until(lambda: watching.show("StatusText") == whole)
    assert f'Status: "{whole}"' in machine.run("systemctl status lowatch")
    machine.netns.ip("addr del 192.0.2.10/32 dev lo")
    watching.until(lambda: watching.show("StatusText").startswith("2 addresses held; 1 domain: 1 resolved"))
    assert "firing" not in watching.show("StatusText")


def test_every_kind_has_its_explanation(machine: Machine, unit: Unit) -> None:
    """The package's catalog is in the host's database: a MESSAGE_ID for each kind, and one more."""
    listed = machine.run("journalctl --no-pager --dump-catalog")
    for message_id in (*MESSAGE_IDS.values(), RESOLVED_MESSAGE_ID):
        assert f"-- {message_id}" in listed
