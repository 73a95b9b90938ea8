"""The database is gone for a while, or the coordinator: nothing is acked that is not there, nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from devicefarm.v1 import attempt_pb2, gateway_pb2
from farm.coordinator.testing import board, heartbeat, lease_of, ready, recorded
from farm.errors import StoreError
from farm.store import engine
from farm.store.store import Epoch
from farm.store.writes import ClaimWrite, SettleWrite, Write, WriteResult
from tests.integration.coordinator.conftest import Farm

ACK = gateway_pb2.Ack


@contextmanager
def locked(farm: Farm) -> Iterator[None]:
    """Another program holds the whole database."""
    with closing(sqlite3.connect(farm.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@pytest.fixture
async def impatient(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Farm:
    """SQLite waits for a lock for 0.2 s instead of 10, so that refusals are seen and not only delays."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.2)
    await farm.restart(lease_s=2.0, heartbeat_s=0.2)
    return farm


async def test_while_the_database_is_locked_nothing_is_acked_then_everything_drains(impatient: Farm) -> None:
    farm = impatient
    agents = [await farm.attached(f"a{number}") for number in range(8)]
    run_id = await farm.submit(16)
    assigns = {}
    for agent in agents:
        await agent.say(ready(agent.boards[0].board_id))
        assigns[agent.agent_id] = (await agent.hear("assign")).assign
    with locked(farm):
        for agent in agents:
            await agent.say(recorded(assigns[agent.agent_id]), ready(agent.boards[0].board_id))
        status = await farm.status_until(lambda status: bool(status.trouble))
        assert "lock" in status.trouble
        # Longer than a lease: time stands still for leases while nothing can be recorded.
        await asyncio.sleep(2.5)
        assert not any(agent.heard for agent in agents)
        assert farm.states() == {"leased": 8, "queued": 8}
    for agent in agents:
        ack = (await agent.hear("ack")).ack
        assert (ack.lease, ack.disposition) == (lease_of(assigns[agent.agent_id]), ACK.DISPOSITION_RECORDED)
        assign = (await agent.hear("assign")).assign
        await agent.say(recorded(assign))
    await farm.watched(run_id)
    assert (await farm.client.status()).trouble == ""
    assert farm.states() == {"finished": 16}
    assert farm.ask("SELECT count(*) FROM attempt") == [(16,)]


async def test_leases_do_not_run_out_while_nothing_can_be_recorded(impatient: Farm) -> None:
    farm = impatient
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    with locked(farm):
        await agent.say(recorded(assign))
        await farm.status_until(lambda status: bool(status.trouble))
        await asyncio.sleep(3.0)
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    assert farm.ask("SELECT fence, outcome FROM job") == [(1, "passed")]


async def test_a_submission_into_a_locked_database_fails_and_leaves_nothing(impatient: Farm) -> None:
    farm = impatient
    await farm.attached("one")
    await farm.status_until(lambda status: status.boards_attached == 1)
    with locked(farm), pytest.raises(StoreError, match="locked"):
        await farm.submit(1, run_id="again")
    await farm.submit(1, run_id="again")
    assert farm.states() == {"queued": 1}


async def test_a_restarted_coordinator_takes_up_the_leases_that_agents_hold(farm: Farm) -> None:
    agent = await farm.attached("one", instance="i")
    await farm.submit(2)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.vanish()
    await farm.restart()
    back = farm.agent("one", instance="i")
    welcome = (await back.attach(running=[lease_of(assign)])).welcome
    assert welcome.epoch == 2
    await back.say(heartbeat(lease_of(assign)))
    await back.say(recorded(assign), ready("board-one"))
    assert (await back.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    second = (await back.hear("assign")).assign
    assert second.job.job_id != assign.job.job_id
    assert farm.ask("SELECT fence, outcome FROM job WHERE job_id = ?", assign.job.job_id) == [(1, "passed")]


async def test_a_record_spooled_while_the_coordinator_was_away_is_taken(farm: Farm) -> None:
    agent = await farm.attached("one", instance="i")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.vanish()
    await farm.restart()
    back = farm.agent("one", instance="i")
    await back.attach(spooled=[lease_of(assign)])
    await back.say(recorded(assign))
    assert (await back.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED


async def test_an_agent_that_lost_its_job_in_a_crash_gets_it_again_at_once(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    first = (await agent.hear("assign")).assign
    await agent.vanish()
    await farm.status_until(lambda status: status.boards_attached == 0)
    reborn = farm.agent("one")
    await reborn.attach()
    await reborn.say(ready("board-one"))
    second = (await reborn.hear("assign")).assign
    assert (second.job.job_id, second.fence) == (first.job.job_id, first.fence + 1)


async def test_an_agent_is_told_to_stop_what_is_not_its_own_any_more(farm: Farm) -> None:
    agent = farm.agent("one")
    stale = gateway_pb2.Assign(board_id="board-one", fence=3)
    stale.job.job_id = "f" * 64
    await agent.attach(running=[lease_of(stale)])
    assert (await agent.hear("cancel")).cancel.lease == lease_of(stale)


async def test_a_lost_ack_is_asked_for_again_over_a_new_stream(farm: Farm) -> None:
    agent = await farm.attached("one", instance="i")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(recorded(assign))
    await farm.status_until(lambda status: status.jobs_leased == 0)
    await agent.vanish()
    back = farm.agent("one", instance="i")
    await back.attach(spooled=[lease_of(assign)])
    await back.say(recorded(assign))
    assert (await back.hear("ack")).ack.disposition == ACK.DISPOSITION_DUPLICATE
    assert farm.ask("SELECT count(*) FROM result") == [(1,)]


async def test_a_board_that_changes_keeps_its_credit_and_its_lease(farm: Farm) -> None:
    agent = await farm.attached("one")
    changed = board("board-one")
    changed.tags["cooling"] = "fan"
    await agent.say(ready("board-one"), gateway_pb2.AgentEvent(board_update=gateway_pb2.BoardUpdate(board=changed)))
    await farm.submit(1)
    assign = (await agent.hear("assign")).assign
    await agent.say(gateway_pb2.AgentEvent(board_update=gateway_pb2.BoardUpdate(board=changed)))
    await agent.say(recorded(assign))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    [seen] = (await farm.client.status()).boards
    assert seen.board.tags == {"cooling": "fan"}


async def test_a_commit_whose_answer_was_lost_is_known_as_our_own(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server went away between the commit and its answer: the same writes come back as duplicates, and hold."""
    store = farm.coordinator.store
    carried_out = store.apply
    lost: set[type] = set()

    def apply_and_lose_the_answer(epoch: Epoch, writes: Sequence[Write]) -> list[WriteResult]:
        results = carried_out(epoch, writes)
        fresh = {type(write) for write in writes} & {ClaimWrite, SettleWrite} - lost
        if fresh:
            lost.update(fresh)
            raise StoreError("The connection was lost.")
        return results

    agent = await farm.attached("one")
    await farm.submit(1)
    monkeypatch.setattr(store, "apply", apply_and_lose_the_answer)
    await agent.say(ready("board-one"))
    first = (await agent.hear("assign")).assign
    assert lost == {ClaimWrite}
    await agent.say(
        recorded(first, attempt_pb2.OUTCOME_ERROR, error_kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE), ready("board-one")
    )
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    assert lost == {ClaimWrite, SettleWrite}
    second = (await agent.hear("assign")).assign
    assert (second.job.job_id, second.fence) == (first.job.job_id, first.fence + 1)
