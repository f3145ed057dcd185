"""What to change in configuration files, so that the next boot does not undo a fix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lowatch.core.addresses import Address, Prefix, format_address, host_length
from lowatch.core.boot import Boot, Configured, Effect
from lowatch.core.findings import Action, Finding, Fix
from lowatch.core.held import Held
from lowatch.core.plan import Step

NOTHING = "nothing to change"
"""How a text begins if a boot changes nothing about the fix."""
_NAMED = 3
"""How many lines of files a text names; the others are counted."""


def with_persist(finding: Finding, boot: Boot) -> Finding:
    """The finding, with the `persist` of each of its fixes, where the files say it."""
    fixes = tuple(fix._replace(persist=persist(fix, boot)) for fix in finding.fixes)
    return finding if fixes == finding.fixes else replace(finding, fixes=fixes)


def persist(fix: Fix, boot: Boot) -> str | None:
    """What else to change so that a fix survives a reboot; None if unknown."""
    match fix.action:
        case Action.REMOVE | Action.NARROW | Action.UNROUTE:
            return _taken(fix, boot)
        case Action.ADD:
            return _added(fix, boot)
        case Action.START if fix.commands:
            return f"if it is to start at boot: {fix.commands[0].replace('start', 'enable', 1)}"
        case Action.HUSH:
            return "write the same settings to a file in /etc/sysctl.d"
        case _:
            return None


def _taken(fix: Fix, boot: Boot) -> str | None:
    kept = {step.held.address for step in fix.plan if step.do == "add"}
    texts = list(dict.fromkeys(text for step in fix.plan for text in _undone_by(step, kept, boot)))
    if not texts:
        return None if boot.unread else f"{NOTHING}: no configuration file undoes it; a script may"
    more = [f"{len(texts) - _NAMED:,} more lines likewise"] if len(texts) > _NAMED else []
    if boot.unread:
        one = len(boot.unread) == 1
        more.append(f"{len(boot.unread):,} {'file or line' if one else 'files or lines'} could not be read")
    return "; ".join([*texts[:_NAMED], *more])


def _undone_by(step: Step, kept: set[Address], boot: Boot) -> Iterator[str]:
    """What to do about each line that would undo a step of a plan."""
    held = step.held
    if step.do == "add":
        return
    host = Prefix(held.address, host_length(held.address))
    for entry in boot.of(held.address, held.prefixlen):
        if entry.effect is Effect.NAMES or not _is_of(entry, held):
            continue
        if step.do == "remove" and held.address not in kept:
            what = host.address if held.by == "address" else held.prefix
            shown = format_address(what) if isinstance(what, bytes) else str(what)
            yield f"delete {_place(entry)}, which adds {shown} {entry.note or 'at boot'}"
        elif entry.prefixlen != host.length:
            yield f"change {_place(entry)} to {host}"


def _is_of(entry: Configured, held: Held) -> bool:
    """Whether a line is about this very address, or about this local route."""
    return entry.address == held.address or (held.by == "route" and entry.is_route)


def _added(fix: Fix, boot: Boot) -> str | None:
    address = next(step.held.address for step in fix.plan)
    entries = [one for one in boot.of(address) if one.effect is not Effect.NAMES]
    if entries:
        return f"{NOTHING}: {_place(entries[0])} adds it {entries[0].note or 'at boot'}"
    return None if boot.unread else "add it to a configuration file as well: none adds it"


def _place(entry: Configured) -> str:
    return f"{entry.file}:{entry.line} ({entry.by})"
