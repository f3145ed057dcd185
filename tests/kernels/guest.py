"""A guest: a kernel under qemu, with this host's files and a command to run.

The CPU is emulated (TCG): KVM is never assumed. The guest's root is this host's, by virtio-fs and
read-only; what the guest writes is in its memory, and gone with it. It has no network.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .initramfs import busybox, initramfs
from .packages import Kernel

CHECKOUT = Path(__file__).resolve().parents[2]
_UP = "guest: up"
"""The first line of start.sh."""
_START = Path(__file__).with_name("start.sh")
# The guest caches what it has seen: a file that is edited meanwhile would be half old and half new there.
# What is not copied is seen all the same. Other runs write compiled files: they come and go.
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".hypothesis", ".*_cache", "__pycache__", "build", "dist"
)
_MEMORY = "1536M"  # of which a guest takes what it uses
# Debian 12's comes with qemu; Debian 13's has a package of its own.
_VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")

_running: set[subprocess.Popen[str]] = set()
_stopped = threading.Event()


class GuestError(Exception):
    """There can be no guest here; or it did not boot, or not end: then the message has its console."""


class Outcome(NamedTuple):
    """How a command in a guest ended.

    notes: the lines that it wrote to its descriptor 3. boot, total: seconds, until it started and in all.
    """

    status: int
    notes: list[str]
    boot: float
    total: float


def check_host() -> None:
    """Raises GuestError with the first thing that a guest needs and this host lacks."""
    if os.geteuid():
        raise GuestError("needs root, to share this host's files with the guests")
    if platform.machine() != "x86_64":
        raise GuestError(f"needs x86_64, for guests run this host's programs; this is {platform.machine()}")
    if shutil.which("qemu-system-x86_64") is None:
        raise GuestError("qemu is missing: apt-get install qemu-system-x86")
    if _virtiofsd() is None:
        raise GuestError("virtiofsd is missing: apt-get install virtiofsd (Debian 12: qemu-system-common)")
    if not busybox():
        raise GuestError("a static busybox is missing: apt-get install busybox-static")


def stop_all() -> None:
    """End the guests of all threads, and start no other."""
    _stopped.set()
    for process in list(_running):
        process.kill()


def run(
    kernel: Kernel,
    command: str,
    *,
    on_line: Callable[[str], None],
    timeout: float,
    append: str = "",
) -> Outcome:
    """Boot it, run a shell command as root in the checkout, power off.

    on_line: called with each line that the command prints. timeout: seconds, after which the guest is
    killed. append: more for the kernel's command line.

    Raises GuestError. check_host() comes first.
    """
    if _stopped.is_set():
        raise GuestError("stopped")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lowatch-guest-") as name:
        directory = Path(name)
        snapshot = directory / "checkout"
        shutil.copytree(CHECKOUT, snapshot, symlinks=True, ignore=_NOT_COPIED)
        (directory / "initramfs").write_bytes(initramfs(kernel, _files(kernel, snapshot, command)))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(directory / "fs"))
            listener.listen()
            # It ends as soon as qemu has closed the connection.
            shared = subprocess.Popen(
                _share(listener.fileno()),
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=(directory / "virtiofsd").open("w"),
            )
        try:
            follower = _Follower(on_line)
            killed = follower.follow(_qemu(kernel, directory, append), timeout)
        finally:
            shared.terminate()
            shared.wait()
        notes = _text(directory / "notes").splitlines()
        if follower.up is None or not notes or not notes[-1].startswith("status "):
            reason = "it ended too early"
            if killed:
                reason = "stopped" if _stopped.is_set() else f"killed after {timeout:.0f} s"
            said = _text(directory / "console") + _text(directory / "virtiofsd")
            raise GuestError(f"{reason}\n{said}")
        return Outcome(
            status=int(notes[-1].split()[1]),
            notes=notes[:-1],
            boot=follower.up - started,
            total=time.monotonic() - started,
        )


def _files(kernel: Kernel, snapshot: Path, command: str) -> dict[str, str]:
    settings = {
        "RELEASE": kernel.release,
        "MODULES": str(kernel.modules),
        "START": str(_START),
        "CHECKOUT": str(CHECKOUT),
        "SNAPSHOT": str(snapshot),
        "HOST": socket.gethostname(),
    }
    return {
        "settings": "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items()),
        "command": f"{command}\n",
    }


def _virtiofsd() -> str | None:
    return next((path for path in _VIRTIOFSD if Path(path).exists()), None)


def _share(fd: int) -> list[str]:
    """It sees a read-only root, if this host lets it. Its own sandbox needs more than a container has."""
    path = _virtiofsd()
    assert path is not None
    options = ("-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot")
    read_only = 'mount -o remount,bind,ro /; exec "$0" "$@"'
    return ["unshare", "--mount", "--", "sh", "-c", read_only, path, f"--fd={fd}", *options]


def _qemu(kernel: Kernel, directory: Path, append: str) -> list[str]:
    return [
        # qemu ends with us, whatever ends us.
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
        # The guest's clock counts its instructions, a nanosecond each: however little of this host's
        # processors it gets, nothing in it is late. While it is idle, its clock is ours.
        *("-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=0"),
        # Without what takes long to emulate: page tables of five levels, and vectors (wc asks for avx2).
        *("-cpu", "max,avx=off,avx2=off,la57=off"),
        # virtio-fs needs memory that virtiofsd can share.
        *("-m", _MEMORY, "-object", f"memory-backend-memfd,id=memory,size={_MEMORY},share=on"),
        *("-machine", "pc,memory-backend=memory"),
        *("-chardev", f"socket,id=fs,path={directory}/fs"),
        *("-device", "vhost-user-fs-pci,chardev=fs,tag=root"),
        *("-serial", f"file:{directory}/console"),
        *("-device", "virtio-serial-pci"),
        *(
            "-chardev",
            "file,id=output,path=/dev/stdout",
            "-device",
            "virtserialport,chardev=output,name=output",
        ),
        *("-chardev", f"file,id=notes,path={directory}/notes"),
        *("-device", "virtserialport,chardev=notes,name=notes"),
        *("-kernel", str(kernel.image), "-initrd", f"{directory}/initramfs"),
        # What protects a CPU from its programs takes time, and nobody here is to be protected.
        *("-append", f"console=ttyS0 quiet panic=-1 mitigations=off {append}"),
    ]


class _Follower:
    """Runs qemu, and passes on what the command in it prints. up: when the guest was ready for that."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self.up: float | None = None

    def follow(self, command: list[str], timeout: float) -> bool:
        """Run qemu to its end. Whether it had to be killed."""
        killed = threading.Event()
        with subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:

            def kill() -> None:
                killed.set()
                process.kill()

            timer = threading.Timer(timeout, kill)
            timer.start()
            _running.add(process)
            if _stopped.is_set():
                kill()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    self._read(line.rstrip("\n"))
            except BaseException:
                process.kill()
                raise
            finally:
                _running.discard(process)
                timer.cancel()
                timer.join()
        return killed.is_set() or _stopped.is_set()

    def _read(self, line: str) -> None:
        if self.up is None and line == _UP:
            self.up = time.monotonic()
        else:
            self._on_line(line)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
