"""lowatch ack --list: every acknowledgement in the configuration, where it is, and what it matches now."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable

from lowatch.config.load import load
from lowatch.core.findings import Subject
from lowatch.core.policy import Acknowledgement, Policy
from lowatch.core.printable import printable
from lowatch.report.phrases import count, matched, until_because

from .ack_daemon import subjects_of_daemon
from .environment import Environment
from .exit_codes import OK


def show_list(arguments: argparse.Namespace, environment: Environment) -> int:
    wall = time.time()
    config = load(arguments.config, wall)
    if not config.policy.acknowledgements:
        environment.write("no acknowledgement is configured\n")
        return OK
    subjects = subjects_of_daemon(arguments, environment)
    numbers = _numbers(config.policy, subjects or (), wall)
    for one, place in zip(config.policy.acknowledgements, config.acknowledged_at, strict=True):
        state = "expired" if one.until <= wall else "in force" if subjects is None else _state(numbers[one])
        environment.write(f"{state}: {matched(one)}, {until_because(one)} ({printable(place)})\n")
    if subjects is None:
        environment.tell("lowatch: no daemon says what they match")
    return OK


def _numbers(policy: Policy, subjects: Iterable[Subject], wall: float) -> Counter[Acknowledgement | None]:
    """How many findings each acknowledges. The first one that matches counts, as it does in the daemon."""
    return Counter(policy.acknowledged(subject, wall) for subject in subjects)


def _state(number: int) -> str:
    return count(number, "finding") if number else "unused"
