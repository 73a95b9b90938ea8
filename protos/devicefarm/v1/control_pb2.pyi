from devicefarm.v1 import attempt_pb2 as _attempt_pb2
from devicefarm.v1 import board_pb2 as _board_pb2
from devicefarm.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("coordinator_id", "version", "epoch", "pid", "database_url", "uptime_s", "boards_attached", "jobs_queued", "jobs_leased", "boards", "host", "trouble")
    COORDINATOR_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    DATABASE_URL_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    BOARDS_ATTACHED_FIELD_NUMBER: _ClassVar[int]
    JOBS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    JOBS_LEASED_FIELD_NUMBER: _ClassVar[int]
    BOARDS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    coordinator_id: str
    version: str
    epoch: int
    pid: int
    database_url: str
    uptime_s: float
    boards_attached: int
    jobs_queued: int
    jobs_leased: int
    boards: _containers.RepeatedCompositeFieldContainer[BoardStatus]
    host: str
    trouble: str
    def __init__(self, coordinator_id: _Optional[str] = ..., version: _Optional[str] = ..., epoch: _Optional[int] = ..., pid: _Optional[int] = ..., database_url: _Optional[str] = ..., uptime_s: _Optional[float] = ..., boards_attached: _Optional[int] = ..., jobs_queued: _Optional[int] = ..., jobs_leased: _Optional[int] = ..., boards: _Optional[_Iterable[_Union[BoardStatus, _Mapping]]] = ..., host: _Optional[str] = ..., trouble: _Optional[str] = ...) -> None: ...

class BoardStatus(_message.Message):
    __slots__ = ("board", "state", "health", "intent", "lease")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    board: _board_pb2.Board
    state: str
    health: str
    intent: str
    lease: _job_pb2.LeaseRef
    def __init__(self, board: _Optional[_Union[_board_pb2.Board, _Mapping]] = ..., state: _Optional[str] = ..., health: _Optional[str] = ..., intent: _Optional[str] = ..., lease: _Optional[_Union[_job_pb2.LeaseRef, _Mapping]] = ...) -> None: ...

class ModelFile(_message.Message):
    __slots__ = ("model", "format", "precision", "artifact", "golden")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_FIELD_NUMBER: _ClassVar[int]
    model: str
    format: str
    precision: str
    artifact: _job_pb2.ArtifactRef
    golden: _job_pb2.ArtifactRef
    def __init__(self, model: _Optional[str] = ..., format: _Optional[str] = ..., precision: _Optional[str] = ..., artifact: _Optional[_Union[_job_pb2.ArtifactRef, _Mapping]] = ..., golden: _Optional[_Union[_job_pb2.ArtifactRef, _Mapping]] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("run_id", "sweep_json", "files", "submitted_by", "board_wait_s")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SWEEP_JSON_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_BY_FIELD_NUMBER: _ClassVar[int]
    BOARD_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    sweep_json: str
    files: _containers.RepeatedCompositeFieldContainer[ModelFile]
    submitted_by: str
    board_wait_s: float
    def __init__(self, run_id: _Optional[str] = ..., sweep_json: _Optional[str] = ..., files: _Optional[_Iterable[_Union[ModelFile, _Mapping]]] = ..., submitted_by: _Optional[str] = ..., board_wait_s: _Optional[float] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("run_id", "created", "jobs", "unsupported")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    created: bool
    jobs: int
    unsupported: int
    def __init__(self, run_id: _Optional[str] = ..., created: bool = ..., jobs: _Optional[int] = ..., unsupported: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("changes", "boards", "snapshot", "finished", "remaining_s")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    BOARDS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[JobChange]
    boards: _containers.RepeatedCompositeFieldContainer[BoardStatus]
    snapshot: bool
    finished: bool
    remaining_s: float
    def __init__(self, changes: _Optional[_Iterable[_Union[JobChange, _Mapping]]] = ..., boards: _Optional[_Iterable[_Union[BoardStatus, _Mapping]]] = ..., snapshot: bool = ..., finished: bool = ..., remaining_s: _Optional[float] = ...) -> None: ...

class JobChange(_message.Message):
    __slots__ = ("job_id", "state", "outcome", "error_kind", "error", "board_id", "attempt", "phase", "fraction", "note", "spec")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_KIND_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    state: str
    outcome: _attempt_pb2.Outcome
    error_kind: _attempt_pb2.ErrorKind
    error: str
    board_id: str
    attempt: int
    phase: _attempt_pb2.Phase
    fraction: float
    note: str
    spec: _job_pb2.JobSpec
    def __init__(self, job_id: _Optional[str] = ..., state: _Optional[str] = ..., outcome: _Optional[_Union[_attempt_pb2.Outcome, str]] = ..., error_kind: _Optional[_Union[_attempt_pb2.ErrorKind, str]] = ..., error: _Optional[str] = ..., board_id: _Optional[str] = ..., attempt: _Optional[int] = ..., phase: _Optional[_Union[_attempt_pb2.Phase, str]] = ..., fraction: _Optional[float] = ..., note: _Optional[str] = ..., spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("run_id", "job_ids", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    job_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, run_id: _Optional[str] = ..., job_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: int
    def __init__(self, cancelled: _Optional[int] = ...) -> None: ...

class SetIntentRequest(_message.Message):
    __slots__ = ("board_id", "intent", "reason")
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    board_id: str
    intent: str
    reason: str
    def __init__(self, board_id: _Optional[str] = ..., intent: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetIntentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("grace_s",)
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    grace_s: float
    def __init__(self, grace_s: _Optional[float] = ...) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
