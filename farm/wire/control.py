"""control.proto: what people ask of the coordinator, and what it says of the present."""

from __future__ import annotations

from devicefarm.v1 import control_pb2
from farm.errors import WireError
from farm.model.board import BoardHealth, BoardIntent, BoardState
from farm.model.job import JobState
from farm.model.live import BoardStatus, FarmStatus, JobChange, WatchUpdate
from farm.sweeps.expand import ModelFile
from farm.wire.attempt import from_error_kind, from_outcome, from_phase, to_error_kind, to_outcome, to_phase
from farm.wire.board import from_board, to_board
from farm.wire.checks import finite, name, small, text, whole
from farm.wire.job import from_artifact, from_job_spec, from_lease, to_artifact, to_job_spec, to_lease

__all__ = [
    "from_board_status",
    "from_intent",
    "from_job_change",
    "from_model_file",
    "from_status",
    "from_watch_update",
    "to_board_status",
    "to_job_change",
    "to_model_file",
    "to_status",
    "to_watch_update",
]

_STATES = {state.value: state for state in BoardState}
_HEALTH = {health.value: health for health in BoardHealth}
_INTENTS = {intent.value: intent for intent in BoardIntent}
_JOB_STATES = {state.value: state for state in JobState}


def to_model_file(file: ModelFile) -> control_pb2.ModelFile:
    return control_pb2.ModelFile(
        model=file.model,
        format=file.format,
        precision=file.precision,
        artifact=to_artifact(file.artifact),
        golden=None if file.golden is None else to_artifact(file.golden),
    )


def from_model_file(message: control_pb2.ModelFile) -> ModelFile:
    """Raises `WireError`."""
    return ModelFile(
        model=name(message.model, "files.model"),
        format=text(message.format),
        precision=text(message.precision),
        artifact=from_artifact(message.artifact, "files.artifact"),
        golden=from_artifact(message.golden, "files.golden") if message.HasField("golden") else None,
    )


def from_intent(value: str) -> BoardIntent:
    """Raises `WireError`."""
    intent = _INTENTS.get(value)
    if intent is None:
        raise WireError(f"intent is {value[:80]!r}; {', '.join(_INTENTS)} were expected.")
    return intent


def to_board_status(status: BoardStatus) -> control_pb2.BoardStatus:
    return control_pb2.BoardStatus(
        board=to_board(status.board),
        state=status.state.value,
        health=status.health.value,
        intent=status.intent.value,
        lease=None if status.lease is None else to_lease(status.lease),
    )


def from_board_status(message: control_pb2.BoardStatus) -> BoardStatus:
    """Raises `WireError`."""
    state = _STATES.get(message.state)
    health = _HEALTH.get(message.health)
    if state is None or health is None:
        raise WireError(f"a board's state is {message.state!r} and its health {message.health!r}: one is not known.")
    return BoardStatus(
        board=from_board(message.board, field="boards.board"),
        state=state,
        health=health,
        intent=from_intent(message.intent),
        lease=from_lease(message.lease, "boards.lease") if message.HasField("lease") else None,
    )


def to_status(status: FarmStatus) -> control_pb2.StatusResponse:
    return control_pb2.StatusResponse(
        coordinator_id=status.coordinator_id,
        version=status.version,
        epoch=status.epoch,
        pid=status.pid,
        database_url=status.database_url,
        uptime_s=status.uptime_s,
        boards_attached=status.boards_attached,
        jobs_queued=status.jobs_queued,
        jobs_leased=status.jobs_leased,
        boards=[to_board_status(board) for board in status.boards],
        host=status.host,
        trouble=status.trouble,
    )


def from_status(message: control_pb2.StatusResponse) -> FarmStatus:
    """Raises `WireError`."""
    return FarmStatus(
        coordinator_id=text(message.coordinator_id),
        version=text(message.version),
        epoch=whole(message.epoch, "status.epoch"),
        pid=small(message.pid, "status.pid"),
        database_url=text(message.database_url),
        uptime_s=finite(message.uptime_s, "status.uptime_s"),
        jobs_queued=whole(message.jobs_queued, "status.jobs_queued"),
        jobs_leased=whole(message.jobs_leased, "status.jobs_leased"),
        host=text(message.host),
        boards=tuple(from_board_status(board) for board in message.boards),
        trouble=text(message.trouble),
    )


def to_job_change(change: JobChange) -> control_pb2.JobChange:
    return control_pb2.JobChange(
        job_id=change.job_id,
        state=change.state.value,
        outcome=to_outcome(change.outcome),
        error_kind=to_error_kind(change.error_kind),
        error=change.error,
        board_id=change.board_id,
        attempt=change.attempt,
        phase=to_phase(change.phase),
        fraction=change.fraction,
        note=change.note,
        spec=None if change.spec is None else to_job_spec(change.spec),
    )


def from_job_change(message: control_pb2.JobChange) -> JobChange:
    """Raises `WireError`."""
    state = _JOB_STATES.get(message.state)
    if state is None:
        raise WireError(f"changes.state is {message.state!r}; {', '.join(_JOB_STATES)} were expected.")
    return JobChange(
        job_id=name(message.job_id, "changes.job_id"),
        state=state,
        outcome=from_outcome(message.outcome, "changes.outcome"),
        error_kind=from_error_kind(message.error_kind, "changes.error_kind"),
        error=text(message.error),
        board_id=text(message.board_id),
        attempt=small(message.attempt, "changes.attempt"),
        phase=from_phase(message.phase, "changes.phase") if message.phase else None,
        fraction=finite(message.fraction, "changes.fraction"),
        note=text(message.note),
        spec=from_job_spec(message.spec) if message.HasField("spec") else None,
    )


def to_watch_update(update: WatchUpdate) -> control_pb2.WatchResponse:
    return control_pb2.WatchResponse(
        changes=[to_job_change(change) for change in update.changes],
        boards=[to_board_status(board) for board in update.boards],
        snapshot=update.snapshot,
        finished=update.finished,
        remaining_s=update.remaining_s,
    )


def from_watch_update(message: control_pb2.WatchResponse) -> WatchUpdate:
    """Raises `WireError`."""
    return WatchUpdate(
        changes=tuple(from_job_change(change) for change in message.changes),
        boards=tuple(from_board_status(board) for board in message.boards),
        snapshot=message.snapshot,
        finished=message.finished,
        remaining_s=finite(message.remaining_s, "remaining_s"),
    )
