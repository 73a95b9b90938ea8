from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Provenance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROVENANCE_UNSPECIFIED: _ClassVar[Provenance]
    PROVENANCE_HARDWARE: _ClassVar[Provenance]
    PROVENANCE_SIMULATED: _ClassVar[Provenance]
    PROVENANCE_EMULATED: _ClassVar[Provenance]
PROVENANCE_UNSPECIFIED: Provenance
PROVENANCE_HARDWARE: Provenance
PROVENANCE_SIMULATED: Provenance
PROVENANCE_EMULATED: Provenance

class Board(_message.Message):
    __slots__ = ("board_id", "board_type", "name", "provenance", "facts", "tags", "runtimes", "knobs", "sensors")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    BOARD_ID_FIELD_NUMBER: _ClassVar[int]
    BOARD_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    RUNTIMES_FIELD_NUMBER: _ClassVar[int]
    KNOBS_FIELD_NUMBER: _ClassVar[int]
    SENSORS_FIELD_NUMBER: _ClassVar[int]
    board_id: str
    board_type: str
    name: str
    provenance: Provenance
    facts: BoardFacts
    tags: _containers.ScalarMap[str, str]
    runtimes: _containers.RepeatedCompositeFieldContainer[RuntimeOffer]
    knobs: _containers.RepeatedScalarFieldContainer[str]
    sensors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, board_id: _Optional[str] = ..., board_type: _Optional[str] = ..., name: _Optional[str] = ..., provenance: _Optional[_Union[Provenance, str]] = ..., facts: _Optional[_Union[BoardFacts, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., runtimes: _Optional[_Iterable[_Union[RuntimeOffer, _Mapping]]] = ..., knobs: _Optional[_Iterable[str]] = ..., sensors: _Optional[_Iterable[str]] = ...) -> None: ...

class BoardFacts(_message.Message):
    __slots__ = ("hostname", "architecture", "device_model", "cpu_model", "cpu_count", "cpu_features", "memory_bytes", "kernel", "os", "libc", "python", "usb_devices", "boot_id", "extra")
    class ExtraEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MODEL_FIELD_NUMBER: _ClassVar[int]
    CPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    CPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    CPU_FEATURES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    LIBC_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    USB_DEVICES_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    architecture: str
    device_model: str
    cpu_model: str
    cpu_count: int
    cpu_features: _containers.RepeatedScalarFieldContainer[str]
    memory_bytes: int
    kernel: str
    os: str
    libc: str
    python: str
    usb_devices: _containers.RepeatedScalarFieldContainer[str]
    boot_id: str
    extra: _containers.ScalarMap[str, str]
    def __init__(self, hostname: _Optional[str] = ..., architecture: _Optional[str] = ..., device_model: _Optional[str] = ..., cpu_model: _Optional[str] = ..., cpu_count: _Optional[int] = ..., cpu_features: _Optional[_Iterable[str]] = ..., memory_bytes: _Optional[int] = ..., kernel: _Optional[str] = ..., os: _Optional[str] = ..., libc: _Optional[str] = ..., python: _Optional[str] = ..., usb_devices: _Optional[_Iterable[str]] = ..., boot_id: _Optional[str] = ..., extra: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RuntimeOffer(_message.Message):
    __slots__ = ("runtime", "formats", "unavailable_reason")
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_REASON_FIELD_NUMBER: _ClassVar[int]
    runtime: str
    formats: _containers.RepeatedScalarFieldContainer[str]
    unavailable_reason: str
    def __init__(self, runtime: _Optional[str] = ..., formats: _Optional[_Iterable[str]] = ..., unavailable_reason: _Optional[str] = ...) -> None: ...
