"""The guest's first file system: busybox, the modules that its root needs, and what it is to run."""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
from pathlib import Path

from .packages import Kernel

# Each with what it depends on: the devices, the root, and what lies over it.
_MODULES = ("virtio_pci", "virtio_console", "virtiofs", "overlay")
_DIRECTORIES = ("bin", "dev", "host", "modules", "proc", "root", "sys", "upper")
_INIT = Path(__file__).with_name("init.sh")


def initramfs(kernel: Kernel, files: dict[str, str]) -> bytes:
    """The archive. files: texts by name, which the guest finds in /run/guest."""
    archive = _Archive()
    for directory in (*_DIRECTORIES, "guest"):
        archive.directory(directory)
    archive.file("bin/busybox", busybox())
    archive.file("init", _INIT.read_bytes())
    for number, module in enumerate(_modules(kernel)):
        archive.file(f"modules/{number:02}-{module.name.removesuffix('.xz')}", _content(module))
    for name, text in files.items():
        archive.file(f"guest/{name}", text.encode())
    return archive.finished()


def busybox() -> bytes:
    """The program; b"" if there is none, or one that needs a C library."""
    found = shutil.which("busybox")
    content = Path(found).read_bytes() if found else b""
    is_dynamic = b"/ld-linux" in content[:4096]  # the path of the dynamic linker, in PT_INTERP
    return b"" if is_dynamic else content


def _modules(kernel: Kernel) -> list[Path]:
    """In the order in which they are to be loaded. What is built in is not among them."""
    shown = subprocess.run(
        [
            *("modprobe", "--dirname", str(kernel.base), "--set-version", kernel.release),
            *("--show-depends", "--all", *_MODULES),
        ],
        env=os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = (line.split() for line in shown.splitlines())
    return list(dict.fromkeys(Path(words[1]) for words in lines if words[0] == "insmod"))


def _content(module: Path) -> bytes:
    """Uncompressed: busybox's insmod reads nothing else."""
    raw = module.read_bytes()
    return lzma.decompress(raw) if module.suffix == ".xz" else raw


class _Archive:
    """A cpio archive in the `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def directory(self, name: str) -> None:
        self._add(name, 0o040755, b"")

    def file(self, name: str, content: bytes) -> None:
        self._add(name, 0o100755, content)

    def finished(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, two devices' numbers, the length of the name, a sum
        fields = (self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._parts += [_padded(header + path), _padded(content)]


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
