from __future__ import annotations

import subprocess
import sys

from lowatch.app.latest_audit import Observed
from lowatch.app.record import record
from lowatch.app.recorder import Recorder
from lowatch.config.settings import Config
from tests.unit.app.config_users import in_force
from tests.unit.core.recording.samples import recording


class Auditing:
    observed: Observed | None = None


def test_what_the_last_audit_saw() -> None:
    host, given = Auditing(), recording()
    recorder = Recorder(host, in_force(Config()))
    assert recorder.recording() is None
    host.observed = Observed(given.snapshot, given.policy, given.followed)
    recorder.prepare()
    assert recorder.recording() == record(given.snapshot, given.policy, given.followed, Config())


def test_the_idle_daemon_does_not_import_it() -> None:
    program = (
        "import sys, lowatch.wiring.service\n"
        "ours = ('lowatch.core.rec', 'lowatch.app.rec', 'lowatch.report.rec')\n"
        "print(sorted(name for name in sys.modules if name.startswith(ours)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "['lowatch.app.recorder']\n"
