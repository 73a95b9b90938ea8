from devicefarm.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_PREPARE: _ClassVar[Phase]
    PHASE_APPLY: _ClassVar[Phase]
    PHASE_COOL: _ClassVar[Phase]
    PHASE_LOAD: _ClassVar[Phase]
    PHASE_WARMUP: _ClassVar[Phase]
    PHASE_MEASURE: _ClassVar[Phase]
    PHASE_VERIFY: _ClassVar[Phase]
    PHASE_RESTORE: _ClassVar[Phase]
    PHASE_CLEANUP: _ClassVar[Phase]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_PASSED: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_UNSUPPORTED: _ClassVar[Outcome]
    OUTCOME_ERROR: _ClassVar[Outcome]
    OUTCOME_CANCELLED: _ClassVar[Outcome]
    OUTCOME_LOST: _ClassVar[Outcome]

class ErrorKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_KIND_UNSPECIFIED: _ClassVar[ErrorKind]
    ERROR_KIND_JOB: _ClassVar[ErrorKind]
    ERROR_KIND_BOARD: _ClassVar[ErrorKind]
    ERROR_KIND_INFRASTRUCTURE: _ClassVar[ErrorKind]
    ERROR_KIND_AGENT: _ClassVar[ErrorKind]
    ERROR_KIND_FARM: _ClassVar[ErrorKind]
PHASE_UNSPECIFIED: Phase
PHASE_PREPARE: Phase
PHASE_APPLY: Phase
PHASE_COOL: Phase
PHASE_LOAD: Phase
PHASE_WARMUP: Phase
PHASE_MEASURE: Phase
PHASE_VERIFY: Phase
PHASE_RESTORE: Phase
PHASE_CLEANUP: Phase
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_PASSED: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_UNSUPPORTED: Outcome
OUTCOME_ERROR: Outcome
OUTCOME_CANCELLED: Outcome
OUTCOME_LOST: Outcome
ERROR_KIND_UNSPECIFIED: ErrorKind
ERROR_KIND_JOB: ErrorKind
ERROR_KIND_BOARD: ErrorKind
ERROR_KIND_INFRASTRUCTURE: ErrorKind
ERROR_KIND_AGENT: ErrorKind
ERROR_KIND_FARM: ErrorKind

class Column(_message.Message):
    __slots__ = ("codec", "count", "inline", "artifact")
    CODEC_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    codec: str
    count: int
    inline: bytes
    artifact: _job_pb2.ArtifactRef
    def __init__(self, codec: _Optional[str] = ..., count: _Optional[int] = ..., inline: _Optional[bytes] = ..., artifact: _Optional[_Union[_job_pb2.ArtifactRef, _Mapping]] = ...) -> None: ...

class PhaseSpan(_message.Message):
    __slots__ = ("phase", "start_s", "end_s", "note")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    phase: Phase
    start_s: float
    end_s: float
    note: str
    def __init__(self, phase: _Optional[_Union[Phase, str]] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class Launch(_message.Message):
    __slots__ = ("index", "load_s", "first_inference_s", "warmup_count", "warmup_s", "measure_s", "latency_ns", "peak_rss_bytes", "conversion_s", "overhead_s", "measure_start_s", "runtime_facts")
    class RuntimeFactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LOAD_S_FIELD_NUMBER: _ClassVar[int]
    FIRST_INFERENCE_S_FIELD_NUMBER: _ClassVar[int]
    WARMUP_COUNT_FIELD_NUMBER: _ClassVar[int]
    WARMUP_S_FIELD_NUMBER: _ClassVar[int]
    MEASURE_S_FIELD_NUMBER: _ClassVar[int]
    LATENCY_NS_FIELD_NUMBER: _ClassVar[int]
    PEAK_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONVERSION_S_FIELD_NUMBER: _ClassVar[int]
    OVERHEAD_S_FIELD_NUMBER: _ClassVar[int]
    MEASURE_START_S_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FACTS_FIELD_NUMBER: _ClassVar[int]
    index: int
    load_s: float
    first_inference_s: float
    warmup_count: int
    warmup_s: float
    measure_s: float
    latency_ns: Column
    peak_rss_bytes: int
    conversion_s: float
    overhead_s: float
    measure_start_s: float
    runtime_facts: _containers.ScalarMap[str, str]
    def __init__(self, index: _Optional[int] = ..., load_s: _Optional[float] = ..., first_inference_s: _Optional[float] = ..., warmup_count: _Optional[int] = ..., warmup_s: _Optional[float] = ..., measure_s: _Optional[float] = ..., latency_ns: _Optional[_Union[Column, _Mapping]] = ..., peak_rss_bytes: _Optional[int] = ..., conversion_s: _Optional[float] = ..., overhead_s: _Optional[float] = ..., measure_start_s: _Optional[float] = ..., runtime_facts: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SensorSeries(_message.Message):
    __slots__ = ("sensor", "unit", "source", "at_ns", "values")
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AT_NS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    sensor: str
    unit: str
    source: str
    at_ns: Column
    values: Column
    def __init__(self, sensor: _Optional[str] = ..., unit: _Optional[str] = ..., source: _Optional[str] = ..., at_ns: _Optional[_Union[Column, _Mapping]] = ..., values: _Optional[_Union[Column, _Mapping]] = ...) -> None: ...

class ThrottleEvent(_message.Message):
    __slots__ = ("start_s", "end_s", "reason", "sensor")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    reason: str
    sensor: str
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., reason: _Optional[str] = ..., sensor: _Optional[str] = ...) -> None: ...

class Telemetry(_message.Message):
    __slots__ = ("series", "throttle_events")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    THROTTLE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[SensorSeries]
    throttle_events: _containers.RepeatedCompositeFieldContainer[ThrottleEvent]
    def __init__(self, series: _Optional[_Iterable[_Union[SensorSeries, _Mapping]]] = ..., throttle_events: _Optional[_Iterable[_Union[ThrottleEvent, _Mapping]]] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("fields",)
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.ScalarMap[str, str]
    def __init__(self, fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Verification(_message.Message):
    __slots__ = ("matches", "max_abs_error", "top1_agreement", "detail", "output_sha256")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_ABS_ERROR_FIELD_NUMBER: _ClassVar[int]
    TOP1_AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SHA256_FIELD_NUMBER: _ClassVar[int]
    matches: bool
    max_abs_error: float
    top1_agreement: float
    detail: str
    output_sha256: str
    def __init__(self, matches: bool = ..., max_abs_error: _Optional[float] = ..., top1_agreement: _Optional[float] = ..., detail: _Optional[str] = ..., output_sha256: _Optional[str] = ...) -> None: ...

class AttemptRecord(_message.Message):
    __slots__ = ("job_id", "fence", "board_id", "attempt", "outcome", "error_kind", "error", "log_tail", "phases", "launches", "telemetry", "context_before", "context_after", "verification", "started_unix_s", "duration_s", "environment", "isolation", "knobs_read_back")
    class KnobsReadBackEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_KIND_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LOG_TAIL_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    LAUNCHES_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_AFTER_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    KNOBS_READ_BACK_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fence: int
    board_id: str
    attempt: int
    outcome: Outcome
    error_kind: ErrorKind
    error: str
    log_tail: str
    phases: _containers.RepeatedCompositeFieldContainer[PhaseSpan]
    launches: _containers.RepeatedCompositeFieldContainer[Launch]
    telemetry: Telemetry
    context_before: Context
    context_after: Context
    verification: Verification
    started_unix_s: float
    duration_s: float
    environment: str
    isolation: str
    knobs_read_back: _containers.ScalarMap[str, str]
    def __init__(self, job_id: _Optional[str] = ..., fence: _Optional[int] = ..., board_id: _Optional[str] = ..., attempt: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., error_kind: _Optional[_Union[ErrorKind, str]] = ..., error: _Optional[str] = ..., log_tail: _Optional[str] = ..., phases: _Optional[_Iterable[_Union[PhaseSpan, _Mapping]]] = ..., launches: _Optional[_Iterable[_Union[Launch, _Mapping]]] = ..., telemetry: _Optional[_Union[Telemetry, _Mapping]] = ..., context_before: _Optional[_Union[Context, _Mapping]] = ..., context_after: _Optional[_Union[Context, _Mapping]] = ..., verification: _Optional[_Union[Verification, _Mapping]] = ..., started_unix_s: _Optional[float] = ..., duration_s: _Optional[float] = ..., environment: _Optional[str] = ..., isolation: _Optional[str] = ..., knobs_read_back: _Optional[_Mapping[str, str]] = ...) -> None: ...
