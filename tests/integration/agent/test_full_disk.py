"""A disk without room: the attempt says so, what was spooled before stays, and no job is taken until there is room."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devicefarm.v1 import attempt_pb2

# About 80 KiB and 1.6 MiB of random latencies that cannot be compressed much.
FEW, MANY = 10_000, 200_000


def test_a_record_that_cannot_be_written_becomes_one_that_says_so(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.acks = False
    coordinator.ready()
    held = coordinator.assign(agent.board_id, job("held", {"samples": 10}))
    coordinator.record(held)
    before = [path.read_bytes() for path in agent.spooled()]

    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (256 * 1024, 256 * 1024))
    record = coordinator.record(coordinator.assign(agent.board_id, job("large", {"samples": MANY})))
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert record.error_kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert "could not be written to the board's disk (File too large)" in record.error
    assert [span.phase for span in record.phases][-1] == attempt_pb2.PHASE_CLEANUP
    assert not record.launches
    assert agent.spooled()[0].read_bytes() == before[0]
    assert len(agent.spooled()) == 2
    # The credit is held back: it was given at the start and after the first record only.
    assert len(coordinator.all("ready")) == 2

    # The ack frees room for a new reserve, and the board takes jobs again.
    coordinator.acks = True
    coordinator.ack(held)
    coordinator.ready(3)
    assert coordinator.record(coordinator.assign(agent.board_id, job("small"))).outcome == attempt_pb2.OUTCOME_PASSED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1 MB of memory as a disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this process may not mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def test_on_a_disk_that_is_full_old_records_stay_and_work_goes_on_when_there_is_room(
    coordinator: Any, make_agent: Any, job: Any, small_disk: Path
) -> None:
    agent = make_agent(state=small_disk / "state").start()
    coordinator.acks = False
    coordinator.ready()
    held = coordinator.assign(agent.board_id, job("held", {"samples": FEW}))
    coordinator.record(held)
    full = coordinator.record(coordinator.assign(agent.board_id, job("large", {"samples": MANY})))
    assert full.error_kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert "No space left on device" in full.error

    # A kill on the full disk loses neither.
    agent.kill()
    agent.start()
    assert [lease.job_id for lease in coordinator.hello(2).spooled] == ["held", "large"]
    coordinator.record(held, 2)


def test_a_disk_that_was_full_at_the_start_is_no_reason_to_end(
    coordinator: Any, make_agent: Any, small_disk: Path
) -> None:
    agent = make_agent(state=small_disk / "state").start()
    coordinator.ready()
    agent.kill()
    (agent.state / "spool" / "reserve").unlink()
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    agent.start()
    coordinator.hello(2)
    agent.until(lambda: "has no room" in agent.log())
    beats = len(coordinator.all("heartbeat"))
    coordinator.until(lambda: len(coordinator.all("heartbeat")) >= beats + 2, "two heartbeats")
    assert len(coordinator.all("ready")) == 1
