"""What the types of the sweep file have in common: short forms, and numbers with their unit.

Every short form has one long form. A type says both in one place: `spell_out` turns the short form into the long one
before anything is checked, `source_of` leads a place in the long form back to what was written, so that an error points
there, and `short_forms` adds the short ones to the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from farm.model.units import Quantity, parse, pattern, write
from farm.sweeps.yaml_text import Path

__all__ = [
    "Duration",
    "Flag",
    "Memory",
    "Part",
    "Ratio",
    "Rewrites",
    "Temperature",
    "Whole",
    "did_you_mean",
    "kind_of",
]


class Rewrites:
    """Which written containers were short forms, so that places in the long form can be led back to them."""

    def __init__(self) -> None:
        # The containers are kept with their kinds, so that no id is used again.
        self._by_id: dict[int, tuple[object, list[type[ShortForm]]]] = {}

    def add(self, written: object, kind: type[ShortForm]) -> None:
        if isinstance(written, (dict, list)):
            self._by_id.setdefault(id(written), (written, []))[1].append(kind)

    def source(self, root: object, loc: Path) -> Path:
        """The path in what was written for a path in the long form; as far as it leads."""
        node = root
        path: Path = ()
        rest = loc
        while True:
            for kind in self._by_id.get(id(node), (None, []))[1]:
                rest = kind.source_of(node, rest) if rest else rest
            if not rest:
                return path
            step = rest[0]
            children = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
            if step not in children:
                return path
            node = children[step]
            path, rest = (*path, step), rest[1:]


class ShortForm:
    """A type that can be written in more than one way."""

    expected: ClassVar[str] = "a mapping"
    """What should stand there, in words."""
    short_forms: ClassVar[tuple[JsonSchemaValue, ...]] = ()
    """JSON Schemas of the short forms."""

    @classmethod
    def spell_out(cls, written: object) -> object:
        """The long form of what was written; the very same object where it is the long form already."""
        return written

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        """Where in what was written stands what is at `loc` in its long form."""
        del written
        return loc

    @classmethod
    def spelled_out(cls, written: object, info: ValidationInfo) -> object:
        """`spell_out`, noted in the validation's `Rewrites`."""
        long = cls.spell_out(written)
        if long is not written and isinstance(info.context, Rewrites):
            info.context.add(written, cls)
        return long

    @classmethod
    def with_short_forms(cls, reference: JsonSchemaValue, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The type's JSON Schema with its short forms beside the long one."""
        definition = handler.resolve_ref_schema(reference)
        shorts = cls.short_schemas(definition, handler)
        if shorts:
            long = {key: value for key, value in definition.items() if key not in {"title", "description"}}
            words = {key: value for key, value in definition.items() if key in {"title", "description"}}
            definition.clear()
            definition.update(words, anyOf=[*shorts, long])
        return reference

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: GetJsonSchemaHandler) -> tuple[JsonSchemaValue, ...]:
        """The schemas of the short forms, which may depend on that of the long one."""
        del definition, handler
        return cls.short_forms


class Part(ShortForm, BaseModel):
    """A mapping in the sweep file: unknown keys are refused, nothing can be changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, written: object, info: ValidationInfo) -> object:
        return cls.spelled_out(written, info)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return cls.with_short_forms(handler(core_schema), handler)


def _reads(quantity: Quantity) -> BeforeValidator:
    return BeforeValidator(lambda written: parse(written, quantity))


def _writes(quantity: Quantity) -> PlainSerializer:
    return PlainSerializer(lambda value: write(value, quantity), return_type=str)


def _schema(quantity: Quantity, *examples: str) -> WithJsonSchema:
    text = {"type": "string", "pattern": pattern(quantity), "examples": list(examples)}
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, text]} if quantity is Quantity.RATIO else text)


Duration = Annotated[
    float, _reads(Quantity.DURATION), _writes(Quantity.DURATION), _schema(Quantity.DURATION, "10s", "1h30min")
]
"""Seconds."""
Temperature = Annotated[
    float, _reads(Quantity.TEMPERATURE), _writes(Quantity.TEMPERATURE), _schema(Quantity.TEMPERATURE, "55C")
]
"""Degrees Celsius."""
Memory = Annotated[float, _reads(Quantity.MEMORY), _writes(Quantity.MEMORY), _schema(Quantity.MEMORY, "700MiB", "2GiB")]
"""Bytes."""
Ratio = Annotated[float, _reads(Quantity.RATIO), _writes(Quantity.RATIO), _schema(Quantity.RATIO, "1%")]
"""1 % is 0.01."""
Whole = Annotated[int, Strict()]
"""A whole number; `true` and `"3"` are none."""
Flag = Annotated[bool, Strict()]


def did_you_mean(word: str, known: Mapping[str, object] | tuple[str, ...] | list[str], cutoff: float = 0.6) -> str:
    """`; did you mean X?` for the nearest of the known words, or nothing.

    >>> did_you_mean("bacth", ("batch", "threads")), did_you_mean("zebra", ("batch", "threads"))
    ('; did you mean `batch`?', '')
    """
    near = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean `{near[0]}`?" if near else ""


def kind_of(value: object) -> str:
    """What a value is, for a person: `the text "x"`, `a list`, `a mapping`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 60 else f"a text of {len(value)} characters"
    return "a mapping" if isinstance(value, Mapping) else "a list"
