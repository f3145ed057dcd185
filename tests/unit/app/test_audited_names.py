"""What is done at each audit, and at the end."""

from __future__ import annotations

import asyncio

from lowatch.app.audited_names import follow_audits
from lowatch.app.names_saver import NamesSaver
from lowatch.core.learned_names import LearnedName
from lowatch.core.name_sources import NameSource
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock
from tests.unit.app.names_scene import Auditing, Store, played, rendered


def test_each_audit_is_looked_at_and_the_names_are_saved_at_the_end() -> None:
    daemon, store, looks, others = Auditing(), Store(), list[float](), list[str]()
    names = [("a.example", LearnedName(NameSource.DNSTAP, 0.0))]

    async def other() -> None:
        others.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            others.append("ended")

    async def follow(saver: NamesSaver) -> None:
        loop = asyncio.get_running_loop()
        await follow_audits(daemon, lambda: looks.append(loop.time()), saver, [other()])

    async def story(_: NamesSaver) -> None:
        await asyncio.sleep(1.0)
        daemon.audited()
        await asyncio.sleep(1.0)
        assert (len(looks), others, store.saved) == (2, ["began"], [])

    played(lambda: NamesSaver(names, store, rendered, InlineThreads(), LoopClock()), follow, story)
    assert others == ["began", "ended"]
    assert [content for _, content in store.saved] == [b"a.example"]
