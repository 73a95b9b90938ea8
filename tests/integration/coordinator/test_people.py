"""Submit, watch, cancel, intents, status, shutdown: what people and their tools ask, and the errors they get."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from farm.coordinator.client import FarmClient
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.coordinator.testing import ScriptedAgent, board, lease_of, ready, recorded
from farm.errors import (
    AlreadyRunningError,
    CoordinatorError,
    InsecureAddressError,
    ModelFileError,
    NoBoardError,
    SweepError,
    UnknownRunError,
    WireError,
)
from farm.model.attempt import Outcome
from farm.model.board import BoardIntent, BoardState
from farm.model.job import ArtifactRef, JobState
from farm.sweeps.expand import ModelFile
from tests.integration.coordinator.conftest import PATIENCE_S, Farm, sweep


async def work(agent: ScriptedAgent) -> None:
    """Take jobs and pass them, until cancelled."""
    board_id = agent.boards[0].board_id
    await agent.say(ready(board_id))
    while True:
        assign = (await agent.hear("assign")).assign
        await agent.say(recorded(assign), ready(board_id))


async def test_a_watcher_sees_a_snapshot_then_every_job_finish(farm: Farm) -> None:
    agent = await farm.attached("one")
    run_id = await farm.submit(6)
    watching = asyncio.create_task(farm.watched(run_id))
    working = asyncio.create_task(work(agent))
    updates = await watching
    working.cancel()
    assert updates[0].snapshot
    assert len(updates[0].changes) == 6
    assert all(change.spec is not None for change in updates[0].changes)
    assert [status.board.board_id for status in updates[0].boards] == ["board-one"]
    assert [update.finished for update in updates] == [False] * (len(updates) - 1) + [True]
    final = {change.job_id: change for update in updates for change in update.changes}
    assert {change.outcome for change in final.values()} == {Outcome.PASSED}


async def test_changes_are_gathered_not_queued(farm: Farm) -> None:
    """A hundred quick jobs make a handful of updates, not hundreds."""
    agent = await farm.attached("one")
    run_id = await farm.submit(100)
    watching = asyncio.create_task(farm.watched(run_id))
    working = asyncio.create_task(work(agent))
    updates = await watching
    working.cancel()
    assert len(updates) < 50
    assert sum(len(update.changes) for update in updates) < 250


async def test_a_run_of_thousands_is_watched_in_messages_that_fit(farm: Farm) -> None:
    await farm.attached("one")
    run_id = await farm.submit(3000)
    seen = 0
    async for update in farm.client.watch(run_id):
        assert update.snapshot
        seen += len(update.changes)
        if seen == 3000:
            break
    assert seen == 3000


async def test_what_an_agent_says_of_its_progress_is_seen(farm: Farm) -> None:
    from devicefarm.v1 import attempt_pb2, gateway_pb2

    agent = await farm.attached("one")
    run_id = await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    lease = lease_of(assign)
    await agent.say(
        gateway_pb2.AgentEvent(
            phase_changed=gateway_pb2.PhaseChanged(lease=lease, phase=attempt_pb2.PHASE_COOL, note="61 C")
        ),
        gateway_pb2.AgentEvent(progress=gateway_pb2.Progress(lease=lease, fraction=0.25, note="waits")),
    )
    [job] = (await farm.watch_until(run_id, lambda jobs: any(job.fraction for job in jobs.values()))).values()
    assert (job.state, job.board_id, job.attempt, job.fraction) == (JobState.LEASED, "board-one", 1, 0.25)
    assert job.phase is not None
    assert (job.phase.value, job.note) == ("cool", "waits")


async def test_submitting_again_creates_nothing_twice(farm: Farm) -> None:
    await farm.attached("one")
    first = await farm.client.submit(run_id="once", sweep_json=sweep(3), files=[], submitted_by="me", board_wait_s=5.0)
    again = await farm.client.submit(run_id="once", sweep_json=sweep(3), files=[], submitted_by="me")
    assert (first.created, first.jobs) == (True, 3)
    assert (again.created, again.jobs) == (False, 3)
    assert farm.states() == {"queued": 3}


async def test_two_submissions_of_one_run_at_once_create_it_once(farm: Farm) -> None:
    await farm.attached("one")
    answers = await asyncio.gather(
        *(farm.client.submit(run_id="race", sweep_json=sweep(3), files=[], submitted_by="me") for _ in range(5))
    )
    assert sorted(answer.created for answer in answers) == [False] * 4 + [True]
    assert farm.states() == {"queued": 3}


async def test_a_submission_waits_for_a_board_that_matches(farm: Farm) -> None:
    await farm.attached("other")
    submitting = asyncio.create_task(
        farm.client.submit(
            run_id="r", sweep_json=sweep(1, select="id=board-late"), files=[], submitted_by="me", board_wait_s=20.0
        )
    )
    await farm.attached("another")
    assert not submitting.done()
    await farm.attached("late")
    assert (await submitting).created


async def test_without_a_board_a_submission_is_refused_and_says_what_to_do(farm: Farm) -> None:
    with pytest.raises(NoBoardError) as caught:
        await farm.client.submit(run_id="r", sweep_json=sweep(1), files=[], submitted_by="me")
    assert "farm-agent" in caught.value.hint
    assert farm.states() == {}


async def test_a_board_that_does_not_match_is_named_with_the_reason(farm: Farm) -> None:
    await farm.attached("one")
    with pytest.raises(NoBoardError, match="board-one"):
        await farm.client.submit(
            run_id="r", sweep_json=sweep(1, select="type=raspberry-pi-4"), files=[], submitted_by="me"
        )


async def test_a_sweep_that_is_none_is_refused(farm: Farm) -> None:
    with pytest.raises(SweepError):
        await farm.client.submit(run_id="r", sweep_json="{", files=[], submitted_by="me")


async def test_a_model_that_was_not_put_first_is_refused(farm: Farm) -> None:
    await farm.attached("one")
    absent = ModelFile("cnn", "onnx", "float32", ArtifactRef("a" * 64, 7, "cnn.onnx"))
    with pytest.raises(ModelFileError, match=r"cnn\.onnx"):
        await farm.client.submit(run_id="r", sweep_json=sweep(1), files=[absent], submitted_by="me")


async def test_a_run_needs_an_id(farm: Farm) -> None:
    with pytest.raises(WireError, match="run_id"):
        await farm.client.submit(run_id="", sweep_json=sweep(1), files=[], submitted_by="me")


async def test_what_no_board_can_run_is_stored_as_unsupported_before_board_time(farm: Farm) -> None:
    agent = ScriptedAgent(farm.coordinator.address, "one", [board("board-one", runtimes=["litert"])])
    farm.agents.append(agent)
    await agent.attach()
    answer = await farm.client.submit(run_id="r", sweep_json=sweep(2), files=[], submitted_by="me")
    assert (answer.jobs, answer.unsupported) == (2, 2)
    [update] = await farm.watched("r")
    assert {change.outcome for change in update.changes} == {Outcome.UNSUPPORTED}
    assert update.finished


async def test_cancelling_a_run_ends_queued_jobs_and_asks_the_board_to_stop(farm: Farm) -> None:
    from devicefarm.v1 import attempt_pb2

    agent = await farm.attached("one")
    run_id = await farm.submit(3)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    assert await farm.client.cancel(run_id, reason="wrong model") == 3
    cancel = (await agent.hear("cancel")).cancel
    assert (cancel.lease, cancel.reason) == (lease_of(assign), "wrong model")
    await agent.say(recorded(assign, attempt_pb2.OUTCOME_CANCELLED))
    updates = await farm.watched(run_id)
    final = {change.job_id: change for update in updates for change in update.changes}
    assert {change.outcome for change in final.values()} == {Outcome.CANCELLED}
    assert await farm.client.cancel(run_id) == 0


async def test_cancelling_one_job_leaves_the_others(farm: Farm) -> None:
    await farm.attached("one")
    run_id = await farm.submit(3)
    [job_id] = [str(name) for (name,) in farm.ask("SELECT job_id FROM job LIMIT 1")]
    assert await farm.client.cancel(run_id, [job_id]) == 1
    await farm.watch_until(run_id, lambda jobs: jobs[job_id].outcome is Outcome.CANCELLED)
    assert farm.states() == {"queued": 2, "finished": 1}
    with pytest.raises(UnknownRunError):
        await farm.client.cancel(run_id, ["no such job"])


async def test_nobody_knows_an_unknown_run(farm: Farm) -> None:
    with pytest.raises(UnknownRunError, match="nowhere"):
        await farm.watched("nowhere")
    with pytest.raises(UnknownRunError, match="nowhere"):
        await farm.client.cancel("nowhere")


async def test_a_finished_run_can_be_watched_after_a_restart(farm: Farm) -> None:
    agent = await farm.attached("one")
    run_id = await farm.submit(2)
    working = asyncio.create_task(work(agent))
    await farm.watched(run_id)
    working.cancel()
    await farm.restart()
    [update] = await farm.watched(run_id)
    assert update.finished
    assert [change.outcome for change in update.changes] == [Outcome.PASSED] * 2


async def test_a_drained_board_gets_no_jobs_until_it_is_enabled(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.client.set_intent("board-one", BoardIntent.DRAINING, "new SD card")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    status = await farm.client.status()
    assert [seen.intent for seen in status.boards] == [BoardIntent.DRAINING]
    assert farm.ask("SELECT intent, intent_reason FROM board") == [("draining", "new SD card")]
    assert farm.states() == {"queued": 1}
    await farm.client.set_intent("board-one", BoardIntent.ENABLED)
    await agent.hear("assign")


async def test_an_intent_outlives_the_coordinator(farm: Farm) -> None:
    await farm.attached("one")
    await farm.client.set_intent("board-one", BoardIntent.DISABLED, "broken fan")
    await farm.restart()
    await farm.attached("one")
    [seen] = (await farm.client.status()).boards
    assert seen.intent is BoardIntent.DISABLED


async def test_an_intent_for_a_board_that_never_was(farm: Farm) -> None:
    with pytest.raises(UnknownRunError, match="ghost"):
        await farm.client.set_intent("ghost", BoardIntent.ENABLED)


async def test_status_says_who_is_here_and_what_waits(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(3)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    status = await farm.client.status()
    assert (status.jobs_queued, status.jobs_leased, status.boards_attached) == (2, 1, 1)
    assert (status.epoch, status.host, status.trouble) == (1, "embedded", "")
    [seen] = status.boards
    assert seen.state is BoardState.BUSY
    assert seen.lease is not None
    assert seen.lease.job_id == assign.job.job_id
    await agent.vanish()
    status = await farm.status_until(lambda status: status.boards_attached == 0)
    assert [seen.state for seen in status.boards] == [BoardState.OFFLINE]


async def test_shutdown_waits_for_what_runs_then_the_coordinator_is_gone(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(2)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    stopping = asyncio.create_task(farm.client.shutdown(grace_s=20.0))
    # It takes no new run, gives out no new job, and still takes the record of the one that runs.
    await asyncio.wait_for(farm.coordinator.gateway.draining.wait(), PATIENCE_S)
    with pytest.raises(CoordinatorError, match="stopping"):
        await farm.submit(1)
    await agent.say(recorded(assign), ready("board-one"))
    await agent.hear("ack")
    await stopping
    await farm.coordinator.wait_stopped()
    assert not any(directive.HasField("assign") for directive in agent.heard)
    assert farm.ask("SELECT state FROM board") == [("offline",)]


async def test_a_coordinator_that_is_not_there_says_what_to_try() -> None:
    async with FarmClient("127.0.0.1:1") as client:
        with pytest.raises(CoordinatorError) as caught:
            await client.status()
    assert "127.0.0.1:1" in caught.value.message
    assert "farm up" in caught.value.hint


async def test_a_second_coordinator_on_the_same_database_is_refused(farm: Farm) -> None:
    with pytest.raises(AlreadyRunningError):
        await Coordinator.start(farm.settings)
    assert (await farm.client.status()).epoch == 1


async def test_a_takeover_stops_the_older_coordinator(farm: Farm) -> None:
    agent = await farm.attached("one")
    newer = await Coordinator.start(replace(farm.settings, takeover=True))
    # The older one learns it at its next write.
    agent_of_older = asyncio.create_task(farm.attached("two"))
    await farm.coordinator.wait_stopped()
    agent_of_older.cancel()
    await agent.vanish()
    async with FarmClient(newer.address) as client:
        assert (await client.status()).epoch == 2
    await newer.stop()


async def test_a_port_in_use_says_what_to_do(farm: Farm, settings: CoordinatorSettings) -> None:
    elsewhere = replace(settings, database_url=settings.database_url + ".other", listen=farm.coordinator.address)
    with pytest.raises(CoordinatorError, match="Cannot listen") as caught:
        await Coordinator.start(elsewhere)
    assert "port" in caught.value.hint


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.7:7433", "[::]:0", "example.org:7433"])
async def test_beyond_loopback_it_refuses_to_start_without_tls(settings: CoordinatorSettings, listen: str) -> None:
    with pytest.raises(InsecureAddressError, match="TLS"):
        await Coordinator.start(replace(settings, listen=listen))
    assert not settings.data_dir.joinpath("farm.db").exists()


@pytest.mark.parametrize("listen", ["", "7433", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"])
async def test_an_address_that_is_none_is_refused(settings: CoordinatorSettings, listen: str) -> None:
    with pytest.raises(CoordinatorError, match="no address"):
        await Coordinator.start(replace(settings, listen=listen))


async def test_a_certificate_without_its_key_is_refused(settings: CoordinatorSettings) -> None:
    with pytest.raises(CoordinatorError, match="go together"):
        await Coordinator.start(replace(settings, tls_certificate=settings.data_dir / "chain.pem"))


async def test_stopping_twice_is_stopping(farm: Farm) -> None:
    await asyncio.gather(farm.coordinator.stop(), farm.coordinator.stop(), farm.coordinator.wait_stopped())
