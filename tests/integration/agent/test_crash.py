"""kill -9 in every phase: the next start puts everything back before it takes a job."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.lease import Lease
from farm_agent.processes import StartedGroup, end_group, identify

PHASES = ["prepare", "apply", "cool", "load", "warmup", "measure", "verify", "restore"]


@pytest.mark.storm
@pytest.mark.parametrize("phase", PHASES)
def test_after_a_kill_the_board_is_as_it_was_and_works_again(
    phase: str, coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.ready()
    spec = job("killed", {"stop_in": phase}, {"level": 9})
    if phase == "cool":
        (agent.bench / "temperature").write_text("99")
        spec.gate.start_below_c = 60.0
        spec.gate.timeout_s = 600.0
    lease = coordinator.assign(agent.board_id, spec)
    coordinator.phase(lease, attempt_pb2.Phase.Value(f"PHASE_{phase.upper()}"))
    launched = phase in ("load", "warmup", "measure", "verify")
    if launched:
        agent.until(lambda: "process_group" in agent.journal())
    agent.kill()
    assert list((agent.state / "journal").iterdir()), "there was nothing to recover from"

    agent.start()
    hello = coordinator.hello(2)
    assert not hello.running
    assert not hello.spooled
    coordinator.ready(2)
    assert agent.knob() == '"as-it-was"'
    assert list((agent.state / "work").iterdir()) == []
    assert list((agent.state / "journal").iterdir()) == []
    if launched:
        assert not _is_running(agent.runner_pid())

    again = coordinator.record(coordinator.assign(agent.board_id, job("killed", knobs={"level": 9}), fence=2))
    assert again.outcome == attempt_pb2.OUTCOME_PASSED


@pytest.mark.storm
def test_after_a_kill_records_that_were_not_acknowledged_are_sent_again_in_order(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.acks = False
    coordinator.ready()
    leases = []
    for number in range(3):
        leases.append(coordinator.assign(agent.board_id, job(f"job-{number}", {"seed": number})))
        coordinator.record(leases[-1])
    originals = {record.job_id: record for record in coordinator.all("record")}
    agent.kill()
    coordinator.acks = True
    agent.start()
    assert [Lease.from_message(held) for held in coordinator.hello(2).spooled] == leases
    for lease in leases:
        assert coordinator.record(lease, 2) == originals[lease.job_id]
    assert [record.job_id for record in coordinator.all("record")[3:]] == [lease.job_id for lease in leases]
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    assert agent.spooled() == []


@pytest.mark.storm
def test_a_spooled_record_with_a_flipped_bit_is_set_aside_and_the_others_are_sent(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.acks = False
    coordinator.ready()
    for number in range(2):
        coordinator.record(coordinator.assign(agent.board_id, job(f"job-{number}")))
    agent.kill()
    damaged = agent.spooled()[0]
    content = bytearray(damaged.read_bytes())
    content[-10] ^= 1
    damaged.write_bytes(content)

    agent.start()
    assert [held.job_id for held in coordinator.hello(2).spooled] == ["job-1"]
    coordinator.record(Lease("job-1", 1), 2)
    assert (agent.state / "spool" / "damaged" / damaged.name).read_bytes() == content
    assert "its checksum does not match" in agent.log()


def test_a_process_whose_id_was_used_again_is_never_killed() -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        known = identify(bystander.pid, Path("/work-dir"))
        assert known is not None
        earlier = StartedGroup(known.process_group, known.start_ticks - 1, known.boot_id, known.work_dir)
        other_boot = StartedGroup(known.process_group, known.start_ticks, "another boot", known.work_dir)
        assert not end_group(earlier)
        assert not end_group(other_boot)
        assert bystander.poll() is None
        assert end_group(known)
        assert bystander.wait(10) == -signal.SIGKILL
    finally:
        bystander.kill()
        bystander.wait()


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
