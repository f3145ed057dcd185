"""What a reload leaves as it was: the keys whose new value only a restart puts into force."""

from __future__ import annotations

from typing import NamedTuple

from lowatch.config.settings import Config


class Pending(NamedTuple):
    """running, configured: for people."""

    key: str
    running: str
    configured: str

    def __str__(self) -> str:
        return f"{self.key} needs a restart: running with {self.running}, configured {self.configured}"


def pending(running: Config, configured: Config, *, activated: bool) -> tuple[Pending, ...]:
    """running: the configuration at the start. activated: whether systemd passed the web's sockets.

    Those take the place of web.listen, after a restart as well.
    """
    keys = [("journal.enabled", *(str(one.journal_enabled).lower() for one in (running, configured)))]
    if not activated:
        keys.insert(0, ("web.listen", _places(running), _places(configured)))
    return tuple(Pending(*key) for key in keys if key[1] != key[2])


def _places(config: Config) -> str:
    return ", ".join(map(str, config.web.listen)) or "nowhere"
