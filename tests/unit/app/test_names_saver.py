"""When names that nobody configured are saved."""

from __future__ import annotations

import asyncio

from lowatch.app.names_saver import NamesSaver
from lowatch.core.learned_names import LearnedName
from tests.support.inline_threads import InlineThreads
from tests.support.virtual_time import LoopClock, run_virtually
from tests.unit.app.names_scene import Store, rendered


def test_changes_gather_and_what_could_not_be_saved_is_saved_again() -> None:
    async def scenario() -> None:
        store, names = Store(), [("a.example", LearnedName(None, 0.0))]  # type: ignore[arg-type]
        saver = NamesSaver(names, store, rendered, InlineThreads(), LoopClock())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(saver.run())
            saver.save_soon()
            await asyncio.sleep(1.0)
            saver.save_soon()
            await asyncio.sleep(6.0)
            assert [content for _, content in store.saved] == [b"a.example"]
            store.works = False
            saver.save_soon()
            await asyncio.sleep(6.0)
            store.works = True
            await asyncio.sleep(60.0)
            assert len(store.saved) == 3
            running.cancel()
        saver.finish()
        assert len(store.saved) == 4

    run_virtually(scenario())
