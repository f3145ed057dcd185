"""`lowatch history` of a booted machine: who may read the journal, who is told otherwise, and --follow."""

import json
import subprocess
from typing import Any

import pytest

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit

AS_WWW_DATA = "setpriv --reuid=www-data --regid=www-data"
HISTORY = "lowatch history --kind=orphan-vip --format=json"


def rows(machine: Machine, command: str) -> list[dict[str, Any]]:
    document = json.loads(machine.run(command))
    assert document["complete"]
    occurrences: list[dict[str, Any]] = document["occurrences"]
    return occurrences


@pytest.mark.parametrize(
    "reader", ["", f"{AS_WWW_DATA} --groups=systemd-journal ", f"{AS_WWW_DATA} --groups=adm "]
)
def test_root_and_the_groups_of_the_journal_read_it(machine: Machine, watching: Unit, reader: str) -> None:
    [entry] = watching.until(lambda: watching.entries("orphan-vip"))
    row = rows(machine, f"{reader}{HISTORY} --lines=1")[0]
    assert (row["domain"], row["since"], row["state"]) == (WWW, entry["LOWATCH_SINCE"], "firing")


@pytest.mark.parametrize(
    "options", ["", "--any-writer", "--format=json", "--follow", "--directory=/run/log/journal"]
)
def test_an_ordinary_user_is_told(machine: Machine, watching: Unit, options: str) -> None:
    watching.until(lambda: watching.entries("orphan-vip"))
    assert machine.path("/run/log/journal").is_dir()
    ran = machine.attempt(f"{AS_WWW_DATA} --clear-groups lowatch history {options}")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == (
        "lowatch: no permission to read the system journal: use root, or the group systemd-journal or adm\n"
    )


def test_it_follows_the_service_through_rotation(machine: Machine, watching: Unit) -> None:
    watching.until(lambda: watching.entries("orphan-vip"))
    command = machine.inside("timeout", "60", *HISTORY.split(), "--follow", "--lines=1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:  # ends with its output
        assert following.stdout is not None
        first = json.loads(following.stdout.readline())
        machine.run("journalctl --quiet --rotate")
        machine.start_web()
        resolved = json.loads(following.stdout.readline())
    assert following.returncode == 141
    assert (first["domain"], first["state"]) == (WWW, "firing")
    assert (resolved["domain"], resolved["state"], resolved["since"]) == (WWW, "resolved", first["since"])
