"""lowatch run: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from lowatch.config import values
from lowatch.config.errors import ConfigError, ConfigErrors
from lowatch.config.load import load
from lowatch.config.schema import NO_TLS
from lowatch.config.settings import Config, WebSettings

from .arguments import Parser, add_config, add_netns
from .config import report
from .environment import Environment
from .exit_codes import FAILURE, OK, USAGE, CommandError

T = TypeVar("T")


def define(parser: Parser) -> None:
    """Options with dots are the ones that all Prometheus exporters have."""
    parser.runs(
        run,
        "Watches this host continuously, in the foreground. SIGHUP reloads the configuration, "
        "SIGTERM stops it. The --web options override the configuration. With --netns, web.listen of the "
        "configuration is not used. Exit code: 0 stopped, 1 it cannot run, 2 usage or configuration, "
        "3 its network namespace is gone.",
        log_level="info",
        is_daemon=True,
    )
    add_config(parser)
    add_netns(parser)
    parser.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="check the configuration and exit",
    )
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="HOST:PORT",
        help="address to serve metrics on; may be repeated",
    )
    parser.add_argument(
        "--web.telemetry-path", dest="telemetry_path", metavar="PATH", help="path of the metrics"
    )
    parser.add_argument("--web.config.file", dest="web_config", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace, environment: Environment) -> int:
    source = _Source(arguments.config, _override(arguments), arguments.netns or "")
    config = source.read(time.time())
    if arguments.config_check:
        report(config, environment)
        return OK
    wiring = environment.wiring()
    try:
        return wiring.run(config, source)
    except wiring.StartError as error:
        raise CommandError(FAILURE, [f"lowatch: {error}"]) from None


class _Source:
    """Where the configuration comes from: a file, and the command line.

    path: None for the default. netns: as in Config.
    """

    def __init__(
        self, path: Path | None, override: Callable[[WebSettings], WebSettings], netns: str
    ) -> None:
        self._path = path
        self._override = override
        self._netns = netns

    def read(self, wall: float | None = None) -> Config:
        config = load(self._path, wall)
        web = config.web
        if self._netns:
            # The daemon for the first namespace is there, which has the same configuration.
            web = replace(web, listen=())
        return replace(config, web=self._override(web), netns=self._netns)

    def load(self) -> Config:
        """Read the configuration. Only a regular file can be read again: a pipe may block."""
        path = self._path
        if path is not None and path.exists() and not path.is_file():
            message = "is not a regular file: it cannot be read again"
            raise ConfigErrors([ConfigError(path, None, "", message)])
        return self.read()


def _override(arguments: argparse.Namespace) -> Callable[[WebSettings], WebSettings]:
    """Applies the options of the command line to every configuration that is read."""
    if arguments.web_config:
        raise CommandError(USAGE, [f"lowatch: --web.config.file: {NO_TLS}; remove it"])
    changes: dict[str, object] = {}
    if arguments.listen:
        changes["listen"] = tuple(_each("--web.listen-address", values.listen, arguments.listen))
    if arguments.telemetry_path is not None:
        path = _each("--web.telemetry-path", values.telemetry_path, [arguments.telemetry_path])
        changes["telemetry_path"] = path[0]
    return lambda web: replace(web, **changes)  # type: ignore[arg-type]


def _each(option: str, parse: Callable[[object], T], texts: Iterable[str]) -> list[T]:
    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise CommandError(USAGE, [f"lowatch: {option}: {error}"]) from None
