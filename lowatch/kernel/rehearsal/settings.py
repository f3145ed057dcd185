"""The settings in /proc/sys/net on which the effect of a plan depends and that netlink does not set."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lowatch.kernel.sysctl import BOUND, PROC
from lowatch.wire.copied_links import CopiedLink

_OF_ALL = (
    "ipv4/conf/all/promote_secondaries",
    "ipv4/conf/all/ignore_routes_with_linkdown",
    "ipv4/ip_nonlocal_bind",
    "ipv4/nexthop_compat_mode",
    "ipv6/conf/all/disable_ipv6",
    "ipv6/conf/all/forwarding",
    "ipv6/conf/all/ignore_routes_with_linkdown",
    "ipv6/conf/all/keep_addr_on_down",
)
"""An absent file is a feature that this kernel lacks."""


class Settings:
    """The settings of the network namespace in which they are read."""

    def __init__(self, links: Iterable[CopiedLink]) -> None:
        """links: of that namespace. Raises OSError."""
        place = PROC if PROC.is_dir() else BOUND
        self._values: dict[str, str] = {}
        for name in _OF_ALL:
            if (place / name).exists():
                self._values[name] = (place / name).read_text().strip()
        for link in links:
            for name, value in link.v6:
                self._values[f"ipv6/conf/{link.name}/{name}"] = str(value)

    def write(self, error: Callable[[str], Exception]) -> None:
        """Sets what differs in the present namespace. Raises error(why)."""
        for name, value in self._values.items():
            path = PROC / name
            try:
                if path.read_text().strip() != value:
                    path.write_text(value)
            except OSError as problem:
                dotted = name.replace("/", ".")
                raise error(f"net.{dotted} cannot be set: {problem.strerror}") from None
