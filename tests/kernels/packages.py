"""Debian's cloud kernels, fetched as packages into a cache of their own. The host's apt is left alone.

apt runs with its own lists, archives and status, but with the host's mirror and proxy. Nothing is
installed: a package is only unpacked.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# The kernel of each Debian release that lowatch supports.
SUITES = {"6.1": "bookworm", "6.12": "trixie"}

_DAY = 24 * 60 * 60
_META_PACKAGE = "linux-image-cloud-amd64"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = "http://deb.debian.org/debian"


class Kernel(NamedTuple):
    """An unpacked kernel. release: as `uname -r` prints it. base: has vmlinuz, config and lib/modules."""

    version: str
    release: str
    base: Path

    @property
    def image(self) -> Path:
        return self.base / "vmlinuz"

    @property
    def modules(self) -> Path:
        return self.base / "lib/modules" / self.release


class FetchError(Exception):
    """A kernel cannot be had; the message has what apt said first."""


def fetch(version: str) -> Kernel:
    """The newest kernel of a release. Asks the mirror at most once a day; offline, the last one is used."""
    suite = SUITES[version]
    cache = _cache() / suite
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        asked = cache / "asked"
        kernel = _newest(version, cache)
        if kernel and asked.exists() and time.time() - asked.stat().st_mtime < _DAY:
            return kernel
        try:
            release = _Apt(suite, cache).unpack_newest()
        except FetchError as error:
            if kernel is None:
                raise
            print(f"kernels: {error}, continuing with {kernel.release}", flush=True)
            return kernel
        _forget_others(cache, release)
        asked.write_text(f"{release}\n")
        return Kernel(version, release, cache / "unpacked" / release)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lowatch/kernels"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two runs at once fetch once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _newest(version: str, cache: Path) -> Kernel | None:
    asked = cache / "asked"
    if not asked.exists():
        return None
    release = asked.read_text().strip()
    base = cache / "unpacked" / release
    return Kernel(version, release, base) if base.exists() else None


def _forget_others(cache: Path, release: str) -> None:
    for other in (cache / "unpacked").iterdir():
        if other.name != release:
            shutil.rmtree(other)


class _Apt:
    """apt-get and apt-cache for one suite, with every file of theirs below `cache`."""

    def __init__(self, suite: str, cache: Path) -> None:
        self._cache = cache
        self._config = cache / "apt.conf"
        (cache / "lists/partial").mkdir(parents=True, exist_ok=True)
        (cache / "archives/partial").mkdir(parents=True, exist_ok=True)
        (cache / "sources.list").write_text("".join(f"{line}\n" for line in _sources(suite)))
        # What the host does after an update (`docker-clean` empties its archives) is not for here.
        self._config.write_text(
            f"""
            #clear APT::Update::Post-Invoke;
            #clear APT::Update::Post-Invoke-Success;
            #clear APT::Update::Pre-Invoke;
            Dir::Etc::SourceList "{cache}/sources.list";
            Dir::Etc::SourceParts "/dev/null";
            Dir::State "{cache}";
            Dir::State::Lists "{cache}/lists";
            Dir::State::Status "/dev/null";
            Dir::Cache "{cache}";
            APT::Architecture "amd64";
            APT::Architectures {{ "amd64"; }};
            APT::Sandbox::User "";
            Acquire::Languages "none";
            """
        )

    def unpack_newest(self) -> str:
        """The release of the newest kernel, which is then below unpacked/."""
        self._run("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
        package = self._kernel_package()
        release = package.removeprefix("linux-image-")
        base = self._cache / "unpacked" / release
        if not base.exists():
            self._run("apt-get", "download", package)
            (archive,) = self._cache.glob(f"{package}_*.deb")
            _unpack(archive, release, base)
            archive.unlink()
        return release

    def _kernel_package(self) -> str:
        """What the newest meta package depends on."""
        shown = self._run("apt-cache", "show", "--no-all-versions", _META_PACKAGE)
        for line in shown.splitlines():
            if line.startswith("Depends: linux-image-"):
                return line.split()[1]
        raise FetchError(f"{_META_PACKAGE} depends on no kernel: {shown}")

    def _run(self, command: str, *arguments: str) -> str:
        return _run(command, "-c", str(self._config), "-qq", *arguments, cwd=self._cache)


def _unpack(archive: Path, release: str, base: Path) -> None:
    """Into `base`, the same layout for each release of Debian; with modules.dep, which no package has."""
    fresh = base.with_name(f"{release}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "lib").mkdir(parents=True)
    _run("dpkg-deb", "--extract", str(archive), str(fresh / "package"))
    for name in ("vmlinuz", "config"):
        (fresh / "package/boot" / f"{name}-{release}").rename(fresh / name)
    for modules in (fresh / "package/usr/lib/modules", fresh / "package/lib/modules"):
        if modules.exists():
            modules.rename(fresh / "lib/modules")
    shutil.rmtree(fresh / "package")
    _run("depmod", "--basedir", str(fresh), release)
    fresh.rename(base)


def _sources(suite: str) -> list[str]:
    """The host's own lines of sources.list for Debian, with another suite; else the usual mirror's."""
    here = _codename()
    signed = f"[signed-by={_KEYRING}] " if Path(_KEYRING).exists() else ""
    asked = ("--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    lines = [
        f"deb {signed}{uri} {release.replace(here, suite)} main"
        for uri, release, component in map(str.split, _run("apt-get", "indextargets", *asked).splitlines())
        if component == "main" and release in (here, f"{here}-updates", f"{here}-security")
    ]
    return sorted(set(lines)) or [
        f"deb {signed}{_MIRROR} {suite} main",
        f"deb {signed}{_MIRROR}-security {suite}-security main",
    ]


def _codename() -> str:
    """This host's, as sources.list has it; "none" where there is none."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "none")


def _run(*command: str, cwd: Path | None = None) -> str:
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise FetchError(str(error)) from error
    if done.returncode:
        said = done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"
        raise FetchError(f"{command[0]}: {said.removeprefix('E: ')}")
    return done.stdout
