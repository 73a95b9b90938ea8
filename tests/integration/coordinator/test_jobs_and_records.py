"""A job goes out once it is claimed in SQL, and its record is acked once it is there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devicefarm.columns import pack_integers
from devicefarm.v1 import attempt_pb2, gateway_pb2, job_pb2
from farm.coordinator.testing import ScriptedAgent, board, heartbeat, lease_of, ready, recorded
from farm.model.attempt import Outcome
from farm.model.job import JobState
from tests.integration.coordinator.conftest import Farm

ACK = gateway_pb2.Ack


def launch(latencies_ns: list[int]) -> attempt_pb2.Launch:
    column = attempt_pb2.Column(codec="i64-delta-zlib", count=len(latencies_ns), inline=pack_integers(latencies_ns))
    return attempt_pb2.Launch(load_s=0.1, measure_s=1.0, latency_ns=column)


async def test_every_job_is_carried_out_once_and_recorded(farm: Farm) -> None:
    agent = await farm.attached("one")
    run_id = await farm.submit(5)
    await agent.say(ready("board-one"))
    seen = []
    for _ in range(5):
        assign = (await agent.hear("assign")).assign
        seen.append(assign.job.job_id)
        # What went out is in SQL already.
        assert farm.ask("SELECT state FROM job WHERE job_id = ?", assign.job.job_id) == [("leased",)]
        await agent.say(recorded(assign), ready("board-one"))
        ack = (await agent.hear("ack")).ack
        assert (ack.lease, ack.disposition) == (lease_of(assign), ACK.DISPOSITION_RECORDED)
        assert farm.ask("SELECT state, outcome FROM job WHERE job_id = ?", assign.job.job_id) == [
            ("finished", "passed")
        ]
    assert len(set(seen)) == 5
    assert farm.ask("SELECT state FROM run WHERE run_id = ?", run_id) == [("finished",)]
    assert farm.ask("SELECT count(*) FROM result") == [(5,)]


async def test_an_ack_and_the_next_job_share_one_message(farm: Farm) -> None:
    """Half the messages of a job are saved when record and credit, and ack and assignment, travel together."""
    agent = await farm.attached("one")
    await farm.submit(2)
    await agent.say(ready("board-one"))
    first = (await agent.hear("assign")).assign
    await agent.say(recorded(first), ready("board-one"))
    await agent.hear()
    assert [directive.WhichOneof("directive") for directive in agent.heard] == ["assign"]


async def test_two_agents_share_a_run(farm: Farm) -> None:
    agents = [await farm.attached(name) for name in ("one", "two")]
    await farm.submit(20)
    seen: list[str] = []

    async def work(agent: ScriptedAgent) -> None:
        board_id = agent.boards[0].board_id
        await agent.say(ready(board_id))
        while len(seen) < 20:
            assign = (await agent.hear("assign")).assign
            seen.append(assign.job.job_id)
            await agent.say(recorded(assign), ready(board_id))

    workers = [asyncio.create_task(work(agent)) for agent in agents]
    await farm.status_until(lambda status: status.jobs_queued + status.jobs_leased == 0)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert len(set(seen)) == len(seen) == 20
    boards = {str(name) for (name,) in farm.ask("SELECT DISTINCT board_id FROM attempt")}
    assert len(boards) == 2


async def test_samples_are_summarised_and_kept_raw(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(recorded(assign, launches=[launch([1_000_000] * 100)], duration_s=1.0))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    [(count, p50_s)] = farm.ask("SELECT count, latency_p50_s FROM result")
    assert (count, p50_s) == (100, 0.001)
    assert farm.ask("SELECT content FROM samples") == [(pack_integers([1_000_000] * 100),)]


async def test_a_repeated_record_is_acked_as_a_duplicate_and_changes_nothing(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(recorded(assign, duration_s=1.0))
    await agent.hear("ack")
    before = farm.ask("SELECT * FROM result")
    await agent.say(recorded(assign, duration_s=2.0))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_DUPLICATE
    assert farm.ask("SELECT * FROM result") == before


@pytest.mark.parametrize("fence", [0, 7])
async def test_a_record_of_a_fence_that_never_was_is_stale(farm: Farm, fence: int) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    assign.fence = fence
    await agent.say(recorded(assign))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_STALE
    assert farm.states() == {"leased": 1}


async def test_a_record_of_a_job_that_nobody_knows_is_stale(farm: Farm) -> None:
    agent = await farm.attached("one")
    unknown = gateway_pb2.Assign(board_id="board-one", fence=1, job=job_pb2.JobSpec(job_id="f" * 64))
    await agent.say(recorded(unknown))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_STALE


async def test_a_failed_job_ends_failed_with_its_error(farm: Farm) -> None:
    agent = await farm.attached("one")
    run_id = await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(
        recorded(
            assign, attempt_pb2.OUTCOME_FAILED, error_kind=attempt_pb2.ERROR_KIND_JOB, error="the outputs are wrong"
        )
    )
    [job] = (await farm.watch_until(run_id, lambda jobs: all(j.outcome for j in jobs.values()))).values()
    assert (job.state, job.outcome, job.error) == (JobState.FINISHED, Outcome.FAILED, "the outputs are wrong")
    assert farm.ask("SELECT count(*) FROM result") == [(0,)]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"launches": [attempt_pb2.Launch(load_s=1.0)]},
        {"launches": [attempt_pb2.Launch(latency_ns=attempt_pb2.Column(codec="i64-delta-zlib", inline=b"no zlib"))]},
        {"launches": [attempt_pb2.Launch(latency_ns=attempt_pb2.Column(codec="morse", inline=b".."))]},
        {"duration_s": -1.0},
        {"phases": [attempt_pb2.PhaseSpan(phase=99)]},  # type: ignore[arg-type]
        {
            "launches": [
                attempt_pb2.Launch(
                    latency_ns=attempt_pb2.Column(
                        codec="i64-delta-zlib", artifact=job_pb2.ArtifactRef(sha256="a" * 64, size_bytes=1)
                    )
                )
            ]
        },
    ],
    ids=["no column", "damaged column", "unknown codec", "negative time", "unknown phase", "missing artifact"],
)
async def test_a_record_that_makes_no_sense_is_the_agents_error_and_is_not_sent_for_ever(
    farm: Farm, spoilt: dict[str, Any]
) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(recorded(assign, **spoilt))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    [(outcome, kind, error)] = farm.ask("SELECT outcome, error_kind, error FROM attempt")
    assert (outcome, kind) == ("error", "agent")
    assert "could not be understood" in str(error)
    assert farm.ask("SELECT count(*) FROM result") == [(0,)]


async def test_heartbeats_keep_a_lease_and_silence_ends_it(farm: Farm) -> None:
    await farm.restart(lease_s=1.0, heartbeat_s=0.2)
    lively, silent = await farm.attached("lively"), await farm.attached("silent")
    await farm.submit(2)
    assigns = {}
    for agent in (lively, silent):
        await agent.say(ready(agent.boards[0].board_id))
        assigns[agent.agent_id] = (await agent.hear("assign")).assign

    async def beat() -> None:
        while True:
            await lively.say(heartbeat(lease_of(assigns["lively"])))
            await asyncio.sleep(0.1)

    beating = asyncio.create_task(beat())
    cancel = (await silent.hear("cancel")).cancel
    beating.cancel()
    assert cancel.lease == lease_of(assigns["silent"])
    kept = farm.ask("SELECT state FROM job WHERE job_id = ?", assigns["lively"].job.job_id)
    assert kept == [("leased",)]
    # The late record of the lost lease is stale.
    await silent.say(recorded(assigns["silent"]))
    assert (await silent.hear("ack")).ack.disposition == ACK.DISPOSITION_STALE


async def test_a_large_column_travels_as_an_artifact_and_is_joined_back(farm: Farm) -> None:
    from hashlib import sha256

    from farm.model.job import ArtifactRef

    content = pack_integers([1_000 + step % 7 for step in range(100)])
    ref = ArtifactRef(sha256(content).hexdigest(), len(content), "column")
    path = farm.database.with_name("column")
    path.write_bytes(content)
    await farm.client.put_artifact(path, ref)
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    column = attempt_pb2.Column(
        codec="i64-delta-zlib", count=100, artifact=job_pb2.ArtifactRef(sha256=ref.sha256, size_bytes=ref.size_bytes)
    )
    await agent.say(recorded(assign, launches=[attempt_pb2.Launch(measure_s=1.0, latency_ns=column)]))
    assert (await agent.hear("ack")).ack.disposition == ACK.DISPOSITION_RECORDED
    assert farm.ask("SELECT content FROM samples") == [(content,)]


async def test_an_agent_with_two_boards_works_on_both(farm: Farm) -> None:
    agent = ScriptedAgent(farm.coordinator.address, "twin", [board("left"), board("right")])
    farm.agents.append(agent)
    await agent.attach()
    await farm.submit(2)
    await agent.say(ready("left"), ready("right"))
    assigns = [(await agent.hear("assign")).assign for _ in range(2)]
    assert {assign.board_id for assign in assigns} == {"left", "right"}
    await agent.say(heartbeat(*map(lease_of, assigns)))
    await agent.say(*map(recorded, assigns))
    acks = [(await agent.hear("ack")).ack.disposition for _ in range(2)]
    assert acks == [ACK.DISPOSITION_RECORDED] * 2
