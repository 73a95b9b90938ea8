from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScenarioKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCENARIO_KIND_UNSPECIFIED: _ClassVar[ScenarioKind]
    SCENARIO_KIND_SINGLE_STREAM: _ClassVar[ScenarioKind]
    SCENARIO_KIND_MULTI_STREAM: _ClassVar[ScenarioKind]
    SCENARIO_KIND_OFFLINE: _ClassVar[ScenarioKind]
    SCENARIO_KIND_SERVER: _ClassVar[ScenarioKind]
    SCENARIO_KIND_SOAK: _ClassVar[ScenarioKind]
SCENARIO_KIND_UNSPECIFIED: ScenarioKind
SCENARIO_KIND_SINGLE_STREAM: ScenarioKind
SCENARIO_KIND_MULTI_STREAM: ScenarioKind
SCENARIO_KIND_OFFLINE: ScenarioKind
SCENARIO_KIND_SERVER: ScenarioKind
SCENARIO_KIND_SOAK: ScenarioKind

class ArtifactRef(_message.Message):
    __slots__ = ("sha256", "size_bytes", "name")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    name: str
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "format", "precision", "artifact", "golden")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    format: str
    precision: str
    artifact: ArtifactRef
    golden: ArtifactRef
    def __init__(self, name: _Optional[str] = ..., format: _Optional[str] = ..., precision: _Optional[str] = ..., artifact: _Optional[_Union[ArtifactRef, _Mapping]] = ..., golden: _Optional[_Union[ArtifactRef, _Mapping]] = ...) -> None: ...

class Config(_message.Message):
    __slots__ = ("runtime", "requirement", "precision", "threads", "batch", "build", "knobs", "options")
    class KnobsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    KNOBS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    runtime: str
    requirement: str
    precision: str
    threads: int
    batch: int
    build: str
    knobs: _containers.ScalarMap[str, str]
    options: _containers.ScalarMap[str, str]
    def __init__(self, runtime: _Optional[str] = ..., requirement: _Optional[str] = ..., precision: _Optional[str] = ..., threads: _Optional[int] = ..., batch: _Optional[int] = ..., build: _Optional[str] = ..., knobs: _Optional[_Mapping[str, str]] = ..., options: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Scenario(_message.Message):
    __slots__ = ("kind", "min_duration_s", "min_count", "max_duration_s", "max_count", "max_warmup_s", "seed", "converge")
    class ConvergeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    MIN_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    MIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_WARMUP_S_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CONVERGE_FIELD_NUMBER: _ClassVar[int]
    kind: ScenarioKind
    min_duration_s: float
    min_count: int
    max_duration_s: float
    max_count: int
    max_warmup_s: float
    seed: int
    converge: _containers.ScalarMap[str, float]
    def __init__(self, kind: _Optional[_Union[ScenarioKind, str]] = ..., min_duration_s: _Optional[float] = ..., min_count: _Optional[int] = ..., max_duration_s: _Optional[float] = ..., max_count: _Optional[int] = ..., max_warmup_s: _Optional[float] = ..., seed: _Optional[int] = ..., converge: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("start_below_c", "timeout_s")
    START_BELOW_C_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    start_below_c: float
    timeout_s: float
    def __init__(self, start_below_c: _Optional[float] = ..., timeout_s: _Optional[float] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("attempt_s", "memory_bytes")
    ATTEMPT_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    attempt_s: float
    memory_bytes: int
    def __init__(self, attempt_s: _Optional[float] = ..., memory_bytes: _Optional[int] = ...) -> None: ...

class JobSpec(_message.Message):
    __slots__ = ("job_id", "run_id", "model", "config", "scenario", "gate", "limits", "launches", "cooldown_s", "repeat")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LAUNCHES_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_S_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    run_id: str
    model: Model
    config: Config
    scenario: Scenario
    gate: Gate
    limits: Limits
    launches: int
    cooldown_s: float
    repeat: int
    def __init__(self, job_id: _Optional[str] = ..., run_id: _Optional[str] = ..., model: _Optional[_Union[Model, _Mapping]] = ..., config: _Optional[_Union[Config, _Mapping]] = ..., scenario: _Optional[_Union[Scenario, _Mapping]] = ..., gate: _Optional[_Union[Gate, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., launches: _Optional[int] = ..., cooldown_s: _Optional[float] = ..., repeat: _Optional[int] = ...) -> None: ...

class LeaseRef(_message.Message):
    __slots__ = ("job_id", "fence")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    fence: int
    def __init__(self, job_id: _Optional[str] = ..., fence: _Optional[int] = ...) -> None: ...
