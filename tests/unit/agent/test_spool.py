"""Records are held until they are acknowledged, whatever happens to the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent import durable, spool
from farm_agent.lease import Lease
from farm_agent.spool import Spool
from farm_agent.worker import hold


def _record(job_id: str, **fields: object) -> attempt_pb2.AttemptRecord:
    return attempt_pb2.AttemptRecord(job_id=job_id, fence=1, **fields)  # type: ignore[arg-type]


def test_what_was_written_is_there_after_a_restart_in_order(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    for job_id in ("zebra", "ant", "../../mole"):
        first.write(_record(job_id, error=job_id))
    again = Spool(tmp_path)
    leases = [Lease("zebra", 1), Lease("ant", 1), Lease("../../mole", 1)]
    assert again.leases() == leases
    assert [again.read(lease) for lease in leases] == [_record(lease.job_id, error=lease.job_id) for lease in leases]
    again.write(_record("later"))
    assert Spool(tmp_path).leases()[-1] == Lease("later", 1)


def test_what_is_forgotten_stays_forgotten(tmp_path: Path) -> None:
    held = Spool(tmp_path)
    held.write(_record("done"))
    assert held.forget(Lease("done", 1))
    assert not held.forget(Lease("done", 1))
    assert held.read(Lease("done", 1)) is None
    assert Spool(tmp_path).leases() == []


def test_the_same_lease_written_again_replaces_nothing_until_it_is_there(tmp_path: Path) -> None:
    held = Spool(tmp_path)
    held.write(_record("job", error="first"))
    held.write(_record("job", error="second"))
    read = held.read(Lease("job", 1))
    assert read is not None
    assert read.error == "second"


@pytest.mark.parametrize("position", [0, 30, 90, -1])
def test_a_flipped_bit_anywhere_sets_the_record_aside_and_keeps_it(tmp_path: Path, position: int) -> None:
    Spool(tmp_path).write(_record("job", error="x" * 100))
    (path,) = tmp_path.glob("*.record")
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    assert Spool(tmp_path).leases() == []
    assert (tmp_path / "damaged" / path.name).read_bytes() == content


def test_a_record_that_rots_while_the_agent_runs_is_set_aside_when_it_is_read(tmp_path: Path) -> None:
    held = Spool(tmp_path)
    held.write(_record("job", error="x" * 100))
    (path,) = tmp_path.glob("*.record")
    path.write_bytes(path.read_bytes()[:-1])
    assert held.read(Lease("job", 1)) is None
    assert held.leases() == []


def test_a_file_that_was_never_finished_is_none(tmp_path: Path) -> None:
    Spool(tmp_path)
    (tmp_path / "000000000007-job-1.record.tmp").write_bytes(b"half")
    assert Spool(tmp_path).leases() == []
    assert not list(tmp_path.glob("*.tmp"))


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Spool(tmp_path)
    order = []
    fsync = os.fsync

    def note_fsync(descriptor: int) -> None:
        order.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    rename = Path.replace

    def note_rename(path: Path, target: Path) -> Path:
        order.append(f"rename {path.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_rename)
    held.write(_record("job"))
    name = "000000000000-job-1.record.tmp"
    assert order == [f"fsync {name}", f"rename {name}", f"fsync {tmp_path.name}"]


class _Full:
    """A disk that takes no file larger than `room_bytes`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room_bytes: int) -> None:
        self.room_bytes = room_bytes
        write = durable.write_durably

        def write_if_room(path: Path, content: bytes) -> None:
            if len(content) > self.room_bytes:
                raise OSError(28, "No space left on device")
            write(path, content)

        monkeypatch.setattr(spool, "write_durably", write_if_room)


def test_on_a_full_disk_the_reserve_holds_a_record_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Spool(tmp_path)
    held.write(_record("old", error="kept"))
    disk = _Full(monkeypatch, 10_000)
    assert hold(held, _record("large", log_tail="x" * 50_000, board_id="b", attempt=3)) is None
    assert held.exhausted
    assert not (tmp_path / "reserve").exists()
    said = Spool(tmp_path).read(Lease("large", 1))
    assert said is not None
    assert said.outcome == attempt_pb2.OUTCOME_ERROR
    assert said.error_kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert (said.board_id, said.attempt, said.log_tail) == ("b", 3, "")
    assert held.read(Lease("old", 1)) == _record("old", error="kept")

    assert not held.replenish()
    disk.room_bytes = 1 << 20
    assert held.replenish()
    assert not held.exhausted


def test_a_record_that_nothing_can_hold_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Spool(tmp_path)
    _Full(monkeypatch, 0)
    small = _record("job", outcome=attempt_pb2.OUTCOME_CANCELLED)
    assert hold(held, small) == small
    assert held.leases() == []
