"""A coordinator that was killed comes back, and so do its boards, a little later: a submit waits for them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from tests.integration.coordinator.conftest import Farm


async def restart_after_a_crash(farm: Farm) -> None:
    """As after kill -9: nobody has written down that the boards are gone."""
    await farm.restart(host="foreground")
    await farm.client.close()
    await farm.coordinator.stop()
    with closing(sqlite3.connect(farm.database)) as connection:
        connection.execute("UPDATE board SET state = 'idle'")
        connection.commit()
    await farm.restart()


async def test_a_sweep_for_each_board_leaves_out_none_that_is_on_its_way_back(farm: Farm) -> None:
    for name in ("a", "b"):
        await farm.attached(name)
    await restart_after_a_crash(farm)
    await farm.attached("a")
    submitting = asyncio.create_task(farm.submit(2, each="board"))
    done, _ = await asyncio.wait({submitting}, timeout=0.5)
    assert not done  # it would be by now, had it not waited
    await farm.attached("b")
    run_id = await submitting
    boards = {board_ids for (board_ids,) in farm.ask("SELECT board_ids_json FROM job JOIN job_spec USING (job_no)")}
    assert boards == {'["board-a"]', '["board-b"]'}
    assert run_id


async def test_where_no_board_was_attached_nobody_waits(farm: Farm) -> None:
    await farm.restart(host="foreground")
    await farm.attached("a")
    run_id = await asyncio.wait_for(farm.submit(1, each="board"), 5.0)
    assert farm.states() == {"queued": 1}
    assert run_id
