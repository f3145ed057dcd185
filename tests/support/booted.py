"""A whole machine for a test: real systemd as PID 1, real journald, a network of its own.

with Machine() as machine:
    machine.run("systemctl start lowatch")
    machine.until(lambda: machine.show("lowatch", "ActiveState") == "active")
    machine.netns.ip("addr add 192.0.2.10/32 dev lo")

It boots in half a second. Its root is an overlay over this host's own, or over the system in
$LOWATCH_ROOT (scripts/userland); what it writes goes with it. Its network namespace is a
`Netns`, so that what a test makes there (listeners, a Knot, requests) is seen by its units.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.support.netns import CommandError, Netns
from tests.support.waiting import eventually

T = TypeVar("T")

_SETUP = Path(__file__).with_name("booted_setup.sh")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_LONG = 30.0

# What boot would start and no test looks at. The rest of sysinit.target takes 0.2 s.
DBUS = "dbus.service dbus.socket"
_MASKED = (
    f"{DBUS} dev-hugepages.mount dev-mqueue.mount getty.target getty-static.service "
    "kmod-static-nodes.service proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount "
    "sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount "
    "systemd-ask-password-console.path systemd-ask-password-wall.path systemd-binfmt.service "
    "systemd-firstboot.service systemd-hwdb-update.service systemd-journal-catalog-update.service "
    "systemd-journal-flush.service systemd-journald-audit.socket systemd-logind.service "
    "systemd-machine-id-commit.service systemd-modules-load.service systemd-network-generator.service "
    "systemd-networkd.service systemd-networkd.socket systemd-pcrphase.service "
    "systemd-pcrphase-sysinit.service systemd-random-seed.service systemd-remount-fs.service "
    "systemd-resolved.service systemd-sysctl.service systemd-sysusers.service "
    "systemd-timesyncd.service systemd-tmpfiles-setup-dev.service systemd-udev-settle.service "
    "systemd-udev-trigger.service systemd-udevd.service systemd-udevd-control.socket "
    "systemd-udevd-kernel.socket systemd-update-done.service systemd-update-utmp.service "
    "systemd-update-utmp-runlevel.service systemd-user-sessions.service timers.target"
)

_WEB = """
import signal, socket, subprocess, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
subprocess.run(["systemd-notify", "--ready"], check=True)
signal.pause()
"""


class BootError(Exception):
    """It did not come up; the message has what was said."""


def lower_root() -> Path:
    """The system that machines run."""
    return Path(os.environ.get("LOWATCH_ROOT", "/"))


class Machine:
    """Booted when it is entered; afterwards there is no process, mount or cgroup of it left.

    root: its files, seen from outside. Processes inside end with it, whatever they are.
    """

    def __init__(self, lower: str | None = None, also: Collection[str] = ()) -> None:
        """lower: the system it runs, by default $LOWATCH_ROOT or this host's own. also: units to start."""
        self._lower = lower or str(lower_root())
        self._masked = " ".join(unit for unit in _MASKED.split() if unit not in also)
        # Not by pid: pids repeat in other namespaces.
        self._cgroup = _cgroup2() / f"lowatch-test-{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        self.netns = Netns()
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Its life.

    def _boot(self) -> None:
        self._cgroup.mkdir()
        # The cgroup first: the cgroup namespace has its root where its first process is.
        inside = 'echo $$ >"$0"/cgroup.procs; exec unshare "$@"'
        namespaces = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
        systemd = ("/lib/systemd/systemd", "systemd.unit=multi-user.target", "systemd.show_status=no")
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", inside, str(self._cgroup)),
            *(*namespaces, "sh", str(_SETUP), self._lower, *systemd),
        ]
        with self.netns.entered():
            self._process = subprocess.Popen(
                command,
                env={"PATH": _PATH, "BOOTED_MASKED": self._masked},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        eventually(self._running, _LONG, self._boot_state)

    def _running(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            assert self._process.stderr is not None
            said = self._process.stderr.read().decode(errors="replace")
            raise BootError(f"exit code {self._process.returncode}: {said}")
        self._leader = self._child()
        if not self._leader:
            return False
        # Until it is systemd, it is the set-up, and its root may still be ours.
        if Path(f"/proc/{self._leader}/comm").read_text() != "systemd\n":
            return False
        return self.attempt("systemctl is-system-running").stdout.strip() in ("running", "degraded")

    def _boot_state(self) -> str:
        if not self._leader:
            return "it never started"
        return self.attempt("systemctl list-jobs; systemctl list-units --failed").stdout

    def _child(self) -> int:
        """unshare's: the set-up, which becomes PID 1; 0 before it is there."""
        assert self._process is not None
        task = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int((task.read_text().split() or ["0"])[0])

    def close(self) -> None:
        """End everything inside, at once; wait until all of it is gone."""
        if self._process is not None:
            self._end(self._process)
            self._process = None
        if self._cgroup.exists():
            (self._cgroup / "cgroup.kill").write_text("1")
            eventually(self._cgroup_removed)
        self.netns.close()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """PID 1 first: its whole namespace dies with it, and unshare, its parent, reaps it."""
        if process.poll() is None:
            os.kill(self._child() or process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()

    def _cgroup_removed(self) -> bool:
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            try:
                Path(directory).rmdir()
            except OSError:  # a process that was killed is still on its way out
                return False
        return True

    # Commands inside.

    def attempt(self, command: str, *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a shell command line inside, as root; how it ended, and what it said."""
        return subprocess.run(
            self.inside("sh", "-c", command),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def run(self, command: str, *, stdin: str = "") -> str:
        """Run a shell command line inside, as root; its stdout. Raises CommandError."""
        done = self.attempt(command, stdin=stdin)
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise CommandError(f"{command}: exit code {done.returncode}: {said}")
        return done.stdout

    def inside(self, *command: str) -> list[str]:
        """The command line, to be started outside, of a command inside."""
        enter = ["nsenter", "--target", str(self._leader), "--all", "--wdns=/"]
        return [*enter, "env", "-i", f"PATH={_PATH}", "LANG=C.UTF-8", "SYSTEMD_COLORS=0", *command]

    # Files inside.

    @property
    def cgroup(self) -> Path:
        """The root of its cgroups, seen from outside."""
        return self._cgroup

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self._leader}/root")

    def path(self, inside: str) -> Path:
        """The path, outside, of an absolute one inside."""
        return self.root / inside.lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """Write a file, and the directories it needs."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def copy(self, source: Path, inside: str) -> None:
        """Copy a file or a whole directory in."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, path)

    def listing(self, *directories: str) -> list[str]:
        """All that is in them: of each path the kind, mode, owner and target; of each file a hash."""
        places = " ".join(directories)
        files = f"find {places} -type f -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum"
        paths = f"find {places} -printf '%p %M %u:%g %l\\n' 2>/dev/null | sort"
        return self.run(f"{paths}; {files}").splitlines()

    # systemd and journald.

    def show(self, unit: str, property_: str) -> str:
        """`systemctl show`: one property of a unit."""
        return self.run(f"systemctl show {shlex.quote(unit)} --property={property_} --value").rstrip("\n")

    def processes(self, service: str) -> list[int]:
        """The processes of a service of system.slice, as they are numbered outside."""
        procs = self._cgroup / "system.slice" / service / "cgroup.procs"
        return [int(line) for line in procs.read_text().splitlines()]

    def start_web(self, address: str = "192.0.2.10", port: int = 80) -> None:
        """web.service, which listens there as www-data until it is stopped."""
        self.write("/run/web.py", _WEB)
        self.run(
            "systemd-run --quiet --unit=web --uid=www-data "
            "--property=AmbientCapabilities=CAP_NET_BIND_SERVICE --property=Type=notify "
            f"--property=NotifyAccess=all python3 /run/web.py {address} {port}"
        )

    def cursor(self) -> str:
        """Where the journal ends now."""
        said = self.run("journalctl --sync; journalctl --lines=0 --show-cursor --quiet")
        return said.rpartition("-- cursor: ")[2].strip()

    def journal(self, *, after: str = "", **fields: str) -> list[dict[str, Any]]:
        """The journal's entries that have these fields: `journal(_SYSTEMD_UNIT="lowatch.service")`.

        after: a `cursor`. Matches are not left to journalctl: together with --after-cursor it loses
        the first entry (systemd 252).
        """
        since = [f"--after-cursor={after}"] if after else []
        command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet", *since]
        entries = [json.loads(line) for line in self.run(shlex.join(command)).splitlines()]
        return [entry for entry in entries if fields.items() <= entry.items()]

    def log(self) -> str:
        """The whole journal, for people."""
        return self.run("journalctl --no-pager --quiet --output=short-precise")

    def until(self, look: Callable[[], T], timeout: float = 30.0) -> T:
        """What `look` returns, as soon as that is true; fails with the journal."""
        return eventually(look, timeout, self.log)


def _cgroup2() -> Path:
    """Where the cgroup2 hierarchy is: at its usual place, or beside the old ones."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise AssertionError("no cgroup2 hierarchy is mounted: systemd cannot be booted here")
