"""Files between a real agent and a coordinator: models down, large columns up, over links that break."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from devicefarm.columns import unpack_integers
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.lease import Lease

CONTENT = random.Random(1).randbytes(10_500)


def _with_model(job: Any, job_id: str, content: bytes) -> job_pb2.JobSpec:
    spec = job(job_id)
    spec.model.artifact.sha256 = hashlib.sha256(content).hexdigest()
    spec.model.artifact.size_bytes = len(content)
    spec.model.artifact.name = "model.onnx"
    return spec  # type: ignore[no-any-return]


def test_a_fetch_that_breaks_goes_on_where_it_stopped(coordinator: Any, agent: Any, job: Any) -> None:
    spec = _with_model(job, "resumed", CONTENT)
    coordinator.artifacts[spec.model.artifact.sha256] = CONTENT
    coordinator.break_fetch_after = [4000, 3000]
    coordinator.ready()
    record = coordinator.record(coordinator.assign(agent.board_id, spec))
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert coordinator.fetches == [0, 4000, 7000]
    assert (agent.state / "artifacts" / spec.model.artifact.sha256).read_bytes() == CONTENT

    # A second job finds it there.
    coordinator.record(coordinator.assign(agent.board_id, _with_model(job, "cached", CONTENT)))
    assert len(coordinator.fetches) == 3


def test_a_file_that_came_corrupt_is_fetched_once_more(coordinator: Any, agent: Any, job: Any) -> None:
    spec = _with_model(job, "once", CONTENT)
    coordinator.artifacts[spec.model.artifact.sha256] = CONTENT
    coordinator.corrupt_fetches = 1
    coordinator.ready()
    assert coordinator.record(coordinator.assign(agent.board_id, spec)).outcome == attempt_pb2.OUTCOME_PASSED
    assert coordinator.fetches == [0, 0]


def test_a_file_that_stays_corrupt_is_never_run(coordinator: Any, agent: Any, job: Any) -> None:
    spec = _with_model(job, "corrupt", CONTENT)
    coordinator.artifacts[spec.model.artifact.sha256] = CONTENT
    coordinator.corrupt_fetches = 99
    coordinator.ready()
    record = coordinator.record(coordinator.assign(agent.board_id, spec))
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert record.error_kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert "model.onnx came twice with another content" in record.error
    assert [path for path in (agent.state / "artifacts").rglob("*") if path.is_file()] == []
    assert not record.launches


def test_a_file_that_nobody_has_ends_the_attempt_without_waiting(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    record = coordinator.record(coordinator.assign(agent.board_id, _with_model(job, "missing", CONTENT)))
    assert record.error_kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert "not found" in record.error


def test_a_kill_in_the_middle_of_a_fetch_keeps_what_came(coordinator: Any, agent: Any, job: Any) -> None:
    spec = _with_model(job, "killed", CONTENT)
    sha256 = spec.model.artifact.sha256
    coordinator.artifacts[sha256] = CONTENT
    coordinator.break_fetch_after = [4000, *99 * [0]]
    coordinator.ready()
    coordinator.assign(agent.board_id, spec)
    agent.until(lambda: len(coordinator.fetches) >= 2)
    agent.kill()
    coordinator.break_fetch_after = []
    coordinator.fetches.clear()
    agent.start()
    coordinator.ready(2)
    record = coordinator.record(coordinator.assign(agent.board_id, spec, fence=2))
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert coordinator.fetches == [4000]


def test_a_large_column_is_put_as_an_artifact_before_the_record_and_resumed_where_it_broke(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.break_put_after = [300_000]
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("large", {"samples": 200_000, "seed": 4}))
    record = coordinator.record(lease)
    column = record.launches[0].latency_ns
    assert column.WhichOneof("content") == "artifact"
    content = coordinator.artifacts[column.artifact.sha256]
    expected = random.Random(4)
    assert unpack_integers(content) == [expected.randrange(1 << 40) for _ in range(200_000)]
    assert coordinator.puts[0] == 0
    assert coordinator.puts[-1] >= 300_000
    coordinator.ready(2)
    agent.signal(15)
    assert agent.exit_code() == 0
    assert agent.spooled() == []


def test_records_keep_their_order_though_the_first_is_large(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.acks = False
    coordinator.ready()
    coordinator.record(coordinator.assign(agent.board_id, job("large", {"samples": 200_000})))
    coordinator.record(coordinator.assign(agent.board_id, job("small")))
    agent.kill()
    coordinator.artifacts.clear()
    coordinator.partial_puts.clear()
    agent.start()
    coordinator.record(Lease("small", 1), 2)
    assert [record.job_id for record in coordinator.all("record")] == ["large", "small", "large", "small"]
