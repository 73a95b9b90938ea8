from devicefarm.v1 import attempt_pb2 as _attempt_pb2
from devicefarm.v1 import board_pb2 as _board_pb2
from devicefarm.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrolRequest(_message.Message):
    __slots__ = ("join_token", "certificate_request")
    JOIN_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    join_token: str
    certificate_request: bytes
    def __init__(self, join_token: _Optional[str] = ..., certificate_request: _Optional[bytes] = ...) -> None: ...

class EnrolResponse(_message.Message):
    __slots__ = ("certificate_chain",)
    CERTIFICATE_CHAIN_FIELD_NUMBER: _ClassVar[int]
    certificate_chain: bytes
    def __init__(self, certificate_chain: _Optional[bytes] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[AgentEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[AgentEvent, _Mapping]]] = ...) -> None: ...

class AgentEvent(_message.Message):
    __slots__ = ("hello", "heartbeat", "ready", "phase_changed", "progress", "record", "draining", "board_update")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PHASE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    BOARD_UPDATE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    heartbeat: Heartbeat
    ready: Ready
    phase_changed: PhaseChanged
    progress: Progress
    record: _attempt_pb2.AttemptRecord
    draining: Draining
    board_update: BoardUpdate
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., phase_changed: _Optional[_Union[PhaseChanged, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., record: _Optional[_Union[_attempt_pb2.AttemptRecord, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ..., board_update: _Optional[_Union[BoardUpdate, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "agent_id", "instance", "agent_version", "boards", "running", "spooled")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOARDS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    agent_id: str
    instance: str
    agent_version: str
    boards: _containers.RepeatedCompositeFieldContainer[_board_pb2.Board]
    running: _containers.RepeatedCompositeFieldContainer[_job_pb2.LeaseRef]
    spooled: _containers.RepeatedCompositeFieldContainer[_job_pb2.LeaseRef]
    def __init__(self, protocol: _Optional[int] = ..., agent_id: _Optional[str] = ..., instance: _Optional[str] = ..., agent_version: _Optional[str] = ..., boards: _Optional[_Iterable[_Union[_board_pb2.Board, _Mapping]]] = ..., running: _Optional[_Iterable[_Union[_job_pb2.LeaseRef, _Mapping]]] = ..., spooled: _Optional[_Iterable[_Union[_job_pb2.LeaseRef, _Mapping]]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("running",)
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    running: _containers.RepeatedCompositeFieldContainer[_job_pb2.LeaseRef]
    def __init__(self, running: _Optional[_Iterable[_Union[_job_pb2.LeaseRef, _Mapping]]] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("board_id",)
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    board_id: str
    def __init__(self, board_id: _Optional[str] = ...) -> None: ...

class PhaseChanged(_message.Message):
    __slots__ = ("lease", "phase", "note")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    lease: _job_pb2.LeaseRef
    phase: _attempt_pb2.Phase
    note: str
    def __init__(self, lease: _Optional[_Union[_job_pb2.LeaseRef, _Mapping]] = ..., phase: _Optional[_Union[_attempt_pb2.Phase, str]] = ..., note: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("lease", "fraction", "note")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    lease: _job_pb2.LeaseRef
    fraction: float
    note: str
    def __init__(self, lease: _Optional[_Union[_job_pb2.LeaseRef, _Mapping]] = ..., fraction: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class BoardUpdate(_message.Message):
    __slots__ = ("board", "gone")
    BOARD_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    board: _board_pb2.Board
    gone: bool
    def __init__(self, board: _Optional[_Union[_board_pb2.Board, _Mapping]] = ..., gone: bool = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("directives",)
    DIRECTIVES_FIELD_NUMBER: _ClassVar[int]
    directives: _containers.RepeatedCompositeFieldContainer[Directive]
    def __init__(self, directives: _Optional[_Iterable[_Union[Directive, _Mapping]]] = ...) -> None: ...

class Directive(_message.Message):
    __slots__ = ("welcome", "refused", "assign", "cancel", "ack", "drain")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    refused: Refused
    assign: Assign
    cancel: CancelAttempt
    ack: Ack
    drain: Drain
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., assign: _Optional[_Union[Assign, _Mapping]] = ..., cancel: _Optional[_Union[CancelAttempt, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("coordinator_id", "epoch", "heartbeat_s", "lease_s")
    COORDINATOR_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    coordinator_id: str
    epoch: int
    heartbeat_s: float
    lease_s: float
    def __init__(self, coordinator_id: _Optional[str] = ..., epoch: _Optional[int] = ..., heartbeat_s: _Optional[float] = ..., lease_s: _Optional[float] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("reason", "message")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Refused.Reason]
        REASON_IDENTITY_IN_USE: _ClassVar[Refused.Reason]
        REASON_PROTOCOL: _ClassVar[Refused.Reason]
        REASON_NOT_ENROLLED: _ClassVar[Refused.Reason]
        REASON_BAD_HELLO: _ClassVar[Refused.Reason]
    REASON_UNSPECIFIED: Refused.Reason
    REASON_IDENTITY_IN_USE: Refused.Reason
    REASON_PROTOCOL: Refused.Reason
    REASON_NOT_ENROLLED: Refused.Reason
    REASON_BAD_HELLO: Refused.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: Refused.Reason
    message: str
    def __init__(self, reason: _Optional[_Union[Refused.Reason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Assign(_message.Message):
    __slots__ = ("board_id", "fence", "attempt", "job")
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    board_id: str
    fence: int
    attempt: int
    job: _job_pb2.JobSpec
    def __init__(self, board_id: _Optional[str] = ..., fence: _Optional[int] = ..., attempt: _Optional[int] = ..., job: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ...) -> None: ...

class CancelAttempt(_message.Message):
    __slots__ = ("lease", "reason")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lease: _job_pb2.LeaseRef
    reason: str
    def __init__(self, lease: _Optional[_Union[_job_pb2.LeaseRef, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("lease", "disposition")
    class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DISPOSITION_UNSPECIFIED: _ClassVar[Ack.Disposition]
        DISPOSITION_RECORDED: _ClassVar[Ack.Disposition]
        DISPOSITION_DUPLICATE: _ClassVar[Ack.Disposition]
        DISPOSITION_STALE: _ClassVar[Ack.Disposition]
    DISPOSITION_UNSPECIFIED: Ack.Disposition
    DISPOSITION_RECORDED: Ack.Disposition
    DISPOSITION_DUPLICATE: Ack.Disposition
    DISPOSITION_STALE: Ack.Disposition
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    lease: _job_pb2.LeaseRef
    disposition: Ack.Disposition
    def __init__(self, lease: _Optional[_Union[_job_pb2.LeaseRef, _Mapping]] = ..., disposition: _Optional[_Union[Ack.Disposition, str]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...
