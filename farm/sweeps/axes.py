"""Axes: what a sweep varies.

    threads: 4                                              one value
    threads: [1, 4]                                         several
    build: {when: {runtime: native}, values: [neon, small]} only where the condition holds
    batch: [1, 8, {when: {model: kws}, values: [64, 256]}]  both together

Long form: a list of clauses, each `{when, values}`; at a point the axis takes the values of every clause whose `when`
holds. Where none holds the axis is absent: its default, and for a knob or an option: not set. A key that is no axis of
every sweep (`runtime precision threads batch build`) is a knob, whose long form stands under `knobs`. The knob value
`stock` leaves a knob as the board has it, so that a board without it can run the point too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    RootModel,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from farm.errors import ExpressionError
from farm.model.identity import canonical_json
from farm.model.units import Quantity, parse
from farm.sweeps.conditions import AXES, Conditions, knobs_apart, source_of_knobs
from farm.sweeps.formats import PRECISIONS, canonical_precision
from farm.sweeps.parts import Part, ShortForm, Whole, did_you_mean
from farm.sweeps.runtime_value import RuntimeValue
from farm.sweeps.yaml_text import Path

__all__ = ["STOCK", "Axes", "Axis", "Clause", "Include", "near_axis"]

STOCK = "stock"

_KNOWN_KNOBS = (
    *("clock", "governor", "cpu_frequency", "power_mode", "jetson_clocks", "fan", "usb", "edgetpu", "affinity", "swap"),
    *("profile", "poll_interval"),
)
"""Only to tell a slip of the pen from a knob: a board may have any other."""

V = TypeVar("V")


def _normal(written: JsonValue) -> JsonValue:
    """A knob's or an option's value; a frequency becomes a number of hertz, wherever in it."""
    if written is None:
        raise ValueError("expected a value, found nothing")
    if isinstance(written, list):
        return [_normal(item) for item in written]
    if isinstance(written, dict):
        return {key: _normal(item) for key, item in written.items()}
    if isinstance(written, str) and written.rstrip().endswith("Hz"):
        try:
            hertz = parse(written, Quantity.FREQUENCY)
        except ExpressionError:
            return written
        return int(hertz) if hertz.is_integer() else hertz
    return written


Precision = Annotated[
    str, BeforeValidator(canonical_precision), Field(json_schema_extra={"examples": ["float32", "int8"]})
]
Threads = Annotated[Whole, Field(ge=1, le=1024)]
Batch = Annotated[Whole, Field(ge=1, le=1_000_000)]
Build = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Setting = Annotated[JsonValue, AfterValidator(_normal)]
"""The value of a knob or an option: what the board's knob or the runtime understands."""


class Clause(Part, Generic[V]):
    """Some values, and where they count."""

    when: Conditions = Conditions()
    values: tuple[V, ...] = Field(min_length=1)

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: GetJsonSchemaHandler) -> tuple[JsonSchemaValue, ...]:
        del handler
        values = definition["properties"]["values"]
        values["anyOf"] = [{"type": values.pop("type")}, values["items"]]
        return ()

    @field_validator("values", mode="before")
    @classmethod
    def _several(cls, written: object) -> object:
        return written if isinstance(written, (list, tuple)) else [written]

    @field_validator("values")
    @classmethod
    def _no_value_twice(cls, values: tuple[V, ...]) -> tuple[V, ...]:
        texts = [canonical_json(_plain(value)) for value in values]
        for index, text in enumerate(texts):
            if text in texts[:index]:
                raise ValueError(f"{_shown(values[index])} is there twice")
        return values


class Axis(ShortForm, RootModel[tuple[Clause[V], ...]], Generic[V]):
    """One varied factor: its clauses."""

    model_config = ConfigDict(frozen=True)
    expected: ClassVar[str] = "a value, a list of values, or `{when: …, values: […]}`"

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, written: object, info: ValidationInfo) -> object:
        return cls.spelled_out(written, info)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return cls.with_short_forms(handler(core_schema), handler)

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: GetJsonSchemaHandler) -> tuple[JsonSchemaValue, ...]:
        definition["minItems"] = 1
        clause = definition["items"]
        value = handler.resolve_ref_schema(clause)["properties"]["values"]["items"]
        return value, clause, {"type": "array", "items": {"anyOf": [value, clause]}, "minItems": 1}

    @classmethod
    def spell_out(cls, written: object) -> object:
        if isinstance(written, tuple):
            return written
        if not isinstance(written, list):
            return [written] if _is_clause(written) else [{"values": [written]}]
        if written and all(_is_clause(item) for item in written):
            return written
        clauses: list[Any] = []
        for item, begins in _grouped(written):
            if _is_clause(item):
                clauses.append(item)
            elif begins:
                clauses.append({"values": [item]})
            else:
                clauses[-1]["values"].append(item)
        return clauses or [{"values": []}]

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        clause, rest = loc[0], loc[1:]
        if not isinstance(written, list):
            return rest if _is_clause(written) else rest[2:]
        at = -1
        for index, (item, begins) in enumerate(_grouped(written)):
            at += begins
            if at == clause:
                if _is_clause(item):
                    return (index, *rest)
                if len(rest) < 2 or not isinstance(rest[1], int):
                    return ()
                return (index + rest[1], *rest[2:])
        return ()

    def __iter__(self) -> Iterator[Clause[V]]:  # type: ignore[override]
        return iter(self.root)

    def __bool__(self) -> bool:
        return bool(self.root)

    @property
    def values(self) -> tuple[V, ...]:
        """Every value of every clause, in order."""
        return tuple(value for clause in self.root for value in clause.values)


class Axes(Part):
    """Everything that the sweep varies."""

    expected: ClassVar[str] = "a mapping from axis to values, like `{runtime: [onnxruntime], threads: [1, 4]}`"

    runtime: Axis[RuntimeValue] | None = Field(None, description="runners, with a version where it matters")
    precision: Axis[Precision] | None = Field(None, description=f"of the model file: {', '.join(PRECISIONS)}")
    threads: Axis[Threads] | None = Field(None, description="threads of the runtime; 1 when left out")
    batch: Axis[Batch] | None = Field(None, description="inputs per inference; 1 when left out")
    build: Axis[Build] | None = Field(None, description="build variants of a native artifact")
    knobs: dict[str, Axis[Setting]] = Field({}, description="knobs of the board, by name")
    options: dict[str, Axis[Setting]] = Field({}, description="options of the runtime, by name")

    @classmethod
    def spell_out(cls, written: object) -> object:
        return knobs_apart(written, cls, leave=lambda key: bool(near_axis(key, cls)))

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        return source_of_knobs(written, loc)

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: GetJsonSchemaHandler) -> tuple[JsonSchemaValue, ...]:
        del handler
        definition["additionalProperties"] = definition["properties"]["knobs"]["additionalProperties"]
        return ()

    def named(self) -> dict[Path, Axis[Any]]:
        """Every axis that is there, by its place: `("threads",)`, `("knobs", "clock")`; in the order of variation."""
        axes: dict[Path, Axis[Any]] = {}
        for name in AXES:
            axis = getattr(self, name)
            if axis is not None:
                axes[name,] = axis
        for group in ("knobs", "options"):
            for name, axis in sorted(getattr(self, group).items()):
                axes[group, name] = axis
        return axes


class Include(Axes):
    """Points to add: the axes named here take these values, the others vary as in `axes`."""

    expected: ClassVar[str] = "values of axes, like `{threads: 8, batch: 512}`"

    model: tuple[str, ...] = Field(
        (),
        description="names of models; all of them when left out",
        json_schema_extra={"type": ["array", "string"]},
    )

    @field_validator("model", mode="before")
    @classmethod
    def _several(cls, written: object) -> object:
        return [written] if isinstance(written, str) else written


def near_axis(key: str, kind: type[Part] = Axes) -> str:
    """What a key probably means that looks like a slip of the pen, as `; did you mean …?`; nothing for a knob."""
    fields = tuple(kind.model_fields)
    if key in fields or key in _KNOWN_KNOBS:
        return ""
    return did_you_mean(key, (*fields, *_KNOWN_KNOBS), cutoff=0.75)


def _is_clause(item: object) -> bool:
    if isinstance(item, dict):
        return "when" in item or set(item) == {"values"}
    return isinstance(item, Clause)


def _grouped(written: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Each item, and whether a clause begins with it: plain values beside each other share one."""
    plain = False
    for item in written:
        yield item, _is_clause(item) or not plain
        plain = not _is_clause(item)


def _plain(value: object) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Part) else value


def _shown(value: object) -> str:
    return f"`{value.label}`" if isinstance(value, RuntimeValue) else f"`{canonical_json(_plain(value))}`"
