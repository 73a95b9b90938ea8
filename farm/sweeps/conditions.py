"""Conditions over a point: in `when`, `exclude`, and `compare.baseline`.

    {runtime: litert, batch: ">64"}            all must hold
    {threads: [1, 2], model: "~digits*"}       any of several values; a glob
    {clock: {arm_freq: ">1800"}}               inside a value that is a mapping
    {build: "!=neon"}                          also where the axis is absent

A key is an axis of the sweep, or `model`, or in `exclude` also `board` (a selector); any other is a knob, whose long
form stands under `knobs`. A runtime without a version means every version of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, JsonValue, field_validator
from pydantic.json_schema import JsonSchemaValue

from farm.errors import ExpressionError
from farm.model.board import Board
from farm.model.identity import Json, canonical_json
from farm.model.selector import Selector
from farm.model.units import Quantity, parse
from farm.sweeps.formats import canonical_precision
from farm.sweeps.parts import Part, kind_of
from farm.sweeps.runtime_value import COMMAND, RuntimeValue
from farm.sweeps.yaml_text import Path

__all__ = ["AXES", "Condition", "Conditions", "Point", "knobs_apart", "plain_number", "source_of_knobs"]

AXES = ("runtime", "precision", "threads", "batch", "build")
"""The axes that every sweep can have, in the order in which they vary, slowest first."""

_OPERATOR = re.compile(r"\s*(>=|<=|!=|>|<|~)\s*(.*?)\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Point:
    """One combination of values. `runtime` and `precision` are None where the sweep leaves them to the files."""

    model: str
    runtime: RuntimeValue | None = None
    precision: str | None = None
    threads: int = 1
    batch: int = 1
    build: str = ""
    knobs: Mapping[str, Json] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    included: bool = field(default=False, compare=False, repr=False)
    """Added by `include`, and so beyond the reach of `exclude`."""


def plain_number(value: object) -> float | None:
    """A number, or a frequency in hertz; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
        try:
            return parse(value, Quantity.FREQUENCY)
        except ExpressionError:
            return None
    return None


def _check(written: JsonValue) -> JsonValue:
    """Refuse what can never hold."""
    if written is None or written in ([], {}):
        raise ValueError(f'expected a value, a list of values or a comparison like `">64"`, found {kind_of(written)}')
    if isinstance(written, list):
        for item in written:
            _check(item)
    elif isinstance(written, dict):
        for item in written.values():
            _check(item)
    elif isinstance(written, str) and (match := _OPERATOR.match(written)):
        if not match[2]:
            raise ValueError(f"`{written}`: a value is missing after `{match[1]}`")
        if match[1] in {">", "<", ">=", "<="} and plain_number(match[2]) is None:
            raise ValueError(f"`{written}`: `{match[1]}` compares numbers, and `{match[2]}` is none")
    return written


Condition = Annotated[JsonValue, AfterValidator(_check)]


class Conditions(Part):
    """What a point must be like. Empty conditions always hold."""

    expected: ClassVar[str] = 'conditions like `{runtime: litert, batch: ">64"}`'

    model: Condition | None = None
    board: Condition | None = None
    runtime: Condition | None = None
    precision: Condition | None = None
    threads: Condition | None = None
    batch: Condition | None = None
    build: Condition | None = None
    knobs: dict[str, Condition] = Field({})
    options: dict[str, Condition] = Field({})

    @field_validator("runtime")
    @classmethod
    def _runtimes(cls, condition: JsonValue) -> JsonValue:
        for word in _words_of(condition):
            _runtime(word)
        return condition

    @field_validator("board")
    @classmethod
    def _selectors(cls, condition: JsonValue) -> JsonValue:
        for word in _words_of(condition):
            Selector.parse(word)
        return condition

    @field_validator("precision")
    @classmethod
    def _precisions(cls, condition: JsonValue) -> JsonValue:
        for word in _words_of(condition):
            canonical_precision(word)
        return condition

    @classmethod
    def spell_out(cls, written: object) -> object:
        return knobs_apart(written, cls)

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        return source_of_knobs(written, loc)

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: GetJsonSchemaHandler) -> tuple[JsonSchemaValue, ...]:
        del handler
        definition["additionalProperties"] = definition["properties"]["knobs"]["additionalProperties"]
        return ()

    def entries(self) -> Iterator[tuple[Path, JsonValue]]:
        """Each condition with its place: `("batch",)`, `("knobs", "clock")`."""
        for name in ("model", "board", *AXES):
            condition = getattr(self, name)
            if condition is not None:
                yield (name,), condition
        for group in ("knobs", "options"):
            for name, condition in getattr(self, group).items():
                yield (group, name), condition

    def hold(self, point: Point) -> bool:
        """Whether the point is meant; `board` is not asked here."""
        return all(_holds(path, condition, point) for path, condition in self.entries() if path != ("board",))

    def hold_on(self, board: Board) -> bool:
        """Whether the board is meant; every board is when none is named."""
        if self.board is None:
            return True
        selectors = self.board if isinstance(self.board, list) else [self.board]
        return any(Selector.parse(str(selector)).matches(board) for selector in selectors)


def _holds(path: Path, condition: JsonValue, point: Point) -> bool:
    if path == ("precision",):
        return point.precision is not None and _meets(point.precision, _canonical(condition))
    if path == ("runtime",):
        return point.runtime is not None and _runtime_meets(point.runtime, condition)
    value: Json
    if len(path) == 2:
        values = point.knobs if path[0] == "knobs" else point.options
        value = values.get(str(path[1]))
    else:
        value = getattr(point, str(path[0]))
    return _meets(value, condition)


def _canonical(condition: JsonValue) -> JsonValue:
    """A condition over precisions, each with its canonical name."""
    if isinstance(condition, list):
        return [_canonical(item) for item in condition]
    match = _OPERATOR.match(condition) if isinstance(condition, str) else None
    if match is None:
        return canonical_precision(condition)
    return f"!={canonical_precision(match[2])}" if match[1] == "!=" else condition


def _meets(value: Json, condition: JsonValue) -> bool:
    if isinstance(condition, list):
        return any(_meets(value, item) for item in condition) or _same(value, condition)
    if isinstance(condition, dict):
        return isinstance(value, Mapping) and all(_meets(value.get(key), item) for key, item in condition.items())
    match = _OPERATOR.match(condition) if isinstance(condition, str) else None
    if match is None:
        return _same(value, condition)
    operator, wanted = match[1], match[2]
    if operator == "!=":
        return not (_same(value, wanted) or _same_number(value, wanted))
    if operator == "~":
        return value is not None and fnmatchcase(str(value), wanted)
    mine, asked = plain_number(value), plain_number(wanted)
    if mine is None or asked is None:
        return False
    return {">": mine > asked, "<": mine < asked, ">=": mine >= asked, "<=": mine <= asked}[operator]


def _same(value: Json, wanted: Any) -> bool:
    if value is None:
        return False
    return canonical_json(value) == canonical_json(wanted) or _same_number(value, wanted)


def _same_number(value: Json, wanted: object) -> bool:
    """Of a number and the same number as text, as it comes from `!=64` or a frequency with its unit."""
    if isinstance(value, (str, bool)) or not isinstance(wanted, str):
        return False
    return (mine := plain_number(value)) is not None and mine == plain_number(wanted)


def _runtime_meets(value: RuntimeValue, condition: JsonValue) -> bool:
    if isinstance(condition, list):
        return any(_runtime_meets(value, item) for item in condition)
    match = _OPERATOR.match(condition) if isinstance(condition, str) else None
    if match is not None and match[1] == "~":
        return fnmatchcase(value.label, match[2]) or fnmatchcase(value.runtime, match[2])
    if match is not None and match[1] == "!=":
        return not _means(match[2], value)
    return match is None and _means(str(condition), value)


def _means(word: str, value: RuntimeValue) -> bool:
    runtime = _runtime(word)
    return value.runtime == COMMAND if runtime is None else runtime.covers(value)


@lru_cache(maxsize=256)
def _runtime(word: str) -> RuntimeValue | None:
    """The runtime that is meant; None is any command."""
    return None if word == COMMAND else RuntimeValue.parse(word)


def _words_of(condition: JsonValue) -> Iterator[str]:
    """Each value that a condition names, without its operator; globs name none."""
    for item in condition if isinstance(condition, list) else [condition]:
        if not isinstance(item, str):
            raise ExpressionError(f"expected text here, found {kind_of(item)}")
        match = _OPERATOR.match(item)
        if match is None or match[1] == "!=":
            yield match[2] if match else item


def knobs_apart(written: object, kind: type[Part], leave: Callable[[str], bool] = lambda key: False) -> object:
    """The long form of a mapping over axes: every key that the type does not know stands under `knobs`.

    Those that `leave` names stay where they are, to be refused as unknown keys.
    """
    if not isinstance(written, dict):
        return written
    known = kind.model_fields
    strangers = {key: value for key, value in written.items() if key not in known and not leave(key)}
    knobs = written.get("knobs", {})
    if not strangers or not isinstance(knobs, dict):
        return written
    twice = sorted(set(strangers) & set(knobs))
    if twice:
        raise ValueError(f"the knob `{twice[0]}` is there twice: by itself and under `knobs`")
    own = {key: value for key, value in written.items() if key not in strangers}
    return {**own, "knobs": {**knobs, **strangers}}


def source_of_knobs(written: object, loc: Path) -> Path:
    """Back from `("knobs", "clock")` to where it was written."""
    if loc[0] == "knobs" and len(loc) > 1 and isinstance(written, dict):
        knobs = written.get("knobs", {})
        if not (isinstance(knobs, dict) and loc[1] in knobs):
            return loc[1:]
    return loc
