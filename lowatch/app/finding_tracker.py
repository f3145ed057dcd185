"""What is saved of the findings while some of their alerts wait for journald."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lowatch.core.lifecycle import State, Tracked


def as_told(tracked: Mapping[str, Tracked], untold: Sequence[Tracked]) -> Mapping[str, Tracked]:
    """What is tracked, as if only that were announced which the journal's readers know.

    So a process that is killed while alerts wait announces them when it runs again: what fires, and what
    is resolved of that which they know to fire. untold: in the order in which they were announced.
    """
    if not untold:
        return tracked
    told = dict(tracked)
    for one in reversed(untold):  # what was before the first that waits is what they know
        key = one.finding.subject.key
        if one.state is State.RESOLVED:
            told[key] = replace(one, state=State.FIRING, announced=True)
        elif key in tracked:
            for each in one.finding.keys_of_any or (key,):  # it would have spoken for them all
                if each in tracked:
                    told[each] = replace(tracked[each], announced=one.doubtful, doubtful=one.doubtful)
        else:
            told.pop(key, None)  # it came and went without a word
    return told
