"""The sweep file as types: the one source of what may stand in it, and of docs/sweep.schema.json.

    Sweep
    ├── models     name -> ModelEntry          which files (model_entry.py)
    ├── boards     Boards                      where: a selector, and what `each` job is for
    ├── axes       Axes                        what varies (axes.py); include, exclude (conditions.py)
    ├── scenario   ScenarioEntry               how load is applied and for how long
    ├── launches, repeats, cooldown, gate, limits, priority
    └── compare    Compare                     which point the others are compared with

`Sweep.to_json` is the long form as canonical JSON, which is what a coordinator is sent and a run keeps;
`Sweep.from_json` reads it back to an equal value.
"""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue

from farm.errors import SweepError
from farm.model.identity import canonical_json
from farm.model.job import Gate, Limits, Scenario, ScenarioKind
from farm.model.selector import Selector
from farm.sweeps.axes import Axes, Include
from farm.sweeps.conditions import Conditions
from farm.sweeps.model_entry import ModelEntry
from farm.sweeps.parts import Duration, Flag, Memory, Part, Ratio, Temperature, Whole, did_you_mean
from farm.sweeps.yaml_text import Path

__all__ = ["Boards", "Compare", "GateEntry", "LimitsEntry", "ScenarioEntry", "Sweep"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_PRIORITIES = {"low": -10, "normal": 0, "high": 10, "urgent": 100}
_SOAK_S = (600.0, 2700.0)
_MEASURE_S = 10.0
_MIN_ATTEMPT_S = 900.0


class Boards(Part):
    """Where the sweep runs."""

    expected: ClassVar[str] = "a selector like `type=raspberry-pi-4,ram>=2GiB`, or `{select: …, each: board}`"
    short_forms: ClassVar[tuple[JsonSchemaValue, ...]] = ({"type": "string", "examples": ["type=raspberry-pi-4"]},)

    select: str = Field("", description="a selector; empty: every board")
    each: Literal["board", "type", "any"] = Field(
        "board", description="one job for each matching board, for each type of board, or one for any of them"
    )

    @classmethod
    def spell_out(cls, written: object) -> object:
        return {"select": written} if isinstance(written, str) else written

    @field_validator("select")
    @classmethod
    def _selector(cls, written: str) -> str:
        return Selector.parse(written).written

    @property
    def selector(self) -> Selector:
        return Selector.parse(self.select)


class ScenarioEntry(Part):
    """How load is applied and for how long; MLPerf's words."""

    expected: ClassVar[str] = "a scenario like `single-stream`, or `{kind: single-stream, duration: 10s}`"

    kind: Literal["single-stream", "multi-stream", "offline", "server", "soak"] = "single-stream"
    min_duration: Duration | None = Field(None, description="measure at least so long; 10s, of a soak 10min")
    min_count: Annotated[Whole, Field(ge=1)] = Field(64, description="measure at least so many inferences")
    max_duration: Duration | None = Field(
        None, description="measure at most so long; six times `min_duration` and at least 1min, of a soak 45min"
    )
    max_count: Annotated[Whole, Field(ge=1)] = Field(1_000_000, description="measure at most so many inferences")
    max_warmup: Duration = Field(5.0, description="longest warm-up; it ends earlier when the series is level")
    seed: Annotated[Whole, Field(ge=0)] = Field(0, description="of the inputs and arrivals")
    converge: dict[str, Ratio] = Field(
        {}, description="go on until the interval of a measurement is so narrow: `{latency_p50: 1%}`"
    )

    @classmethod
    def spell_out(cls, written: object) -> object:
        if isinstance(written, str):
            return {"kind": written}
        if isinstance(written, dict) and "duration" in written:
            if "min_duration" in written:
                raise ValueError("`duration` is short for `min_duration`: write one of them")
            own = {key: value for key, value in written.items() if key != "duration"}
            return {**own, "min_duration": written["duration"]}
        return written

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        if isinstance(written, dict) and loc[0] == "min_duration" and "duration" in written:
            return ("duration", *loc[1:])
        return loc

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: object) -> tuple[JsonSchemaValue, ...]:
        del handler
        properties = definition["properties"]
        properties["duration"] = {**properties["min_duration"], "description": "short for `min_duration`"}
        return (properties["kind"],)

    @model_validator(mode="after")
    def _ends(self) -> ScenarioEntry:
        scenario = self.as_model()
        if scenario.min_duration_s > scenario.max_duration_s:
            raise ValueError("`max_duration` is shorter than `min_duration`")
        if scenario.min_count > scenario.max_count:
            raise ValueError("`max_count` is smaller than `min_count`")
        return self

    def as_model(self) -> Scenario:
        """With what was left open filled in."""
        soak = self.kind == ScenarioKind.SOAK.value
        min_s = self.min_duration if self.min_duration is not None else _SOAK_S[0] if soak else _MEASURE_S
        max_s = max(_SOAK_S[1], min_s) if soak else max(60.0, 6 * min_s)
        return Scenario(
            kind=ScenarioKind(self.kind),
            min_duration_s=min_s,
            min_count=self.min_count,
            max_duration_s=max_s if self.max_duration is None else self.max_duration,
            max_count=self.max_count,
            max_warmup_s=self.max_warmup,
            seed=self.seed,
            converge=dict(self.converge),
        )


class GateEntry(Part):
    """What must hold before a measurement starts."""

    expected: ClassVar[str] = "a temperature like `55C`, or `{start_below: 55C, timeout: 10min}`"

    start_below: Temperature | None = Field(None, description="wait until the board is cooler than this")
    timeout: Duration = Field(600.0, description="wait at most so long; then measure, and say so in the result")

    @classmethod
    def spell_out(cls, written: object) -> object:
        return written if isinstance(written, (dict, GateEntry)) else {"start_below": written}

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: object) -> tuple[JsonSchemaValue, ...]:
        del handler
        return (definition["properties"]["start_below"]["anyOf"][0],)

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        return loc if isinstance(written, dict) else ()

    def as_model(self) -> Gate:
        return Gate(self.start_below, self.timeout)


class LimitsEntry(Part):
    """What an attempt may take."""

    expected: ClassVar[str] = "a mapping with `attempt` and `memory`, like `{attempt: 15min, memory: 700MiB}`"

    attempt: Duration | None = Field(
        None, description="longest attempt, all phases together; left out: twice the longest that the scenario can take"
    )
    memory: Memory | None = Field(None, description="resident memory of the runner; left out: no limit")


class Compare(Part):
    """Which point the others are compared with."""

    expected: ClassVar[str] = "a mapping with `baseline`, like `{baseline: {clock: stock}}`"

    baseline: Conditions = Field(description="the points that the others are compared with")
    interleave: Flag = Field(True, description="run baseline and others by turns on one board")


class Sweep(Part):
    """One sweep file."""

    model_config = ConfigDict(title="Sweep")
    expected: ClassVar[str] = "a sweep: a mapping with `models`, `boards`, `axes`, …"

    name: str = Field("", description="what people call it; the file's name when left out", pattern=f"^$|{NAME}")
    description: str = Field("", description="what it is to find out")
    models: dict[Annotated[str, Field(pattern=NAME)], ModelEntry] = Field({}, description="name to files")
    boards: Boards = Field(Boards(), description="where it runs; left out: on every board")
    axes: Axes = Field(Axes(), description="what varies")
    include: tuple[Include, ...] = Field((), description="points to add, which `exclude` does not touch")
    exclude: tuple[Conditions, ...] = Field((), description="points to leave out")
    scenario: ScenarioEntry = Field(ScenarioEntry(), description="how load is applied and for how long")
    launches: Annotated[Whole, Field(ge=1, le=1000)] = Field(3, description="separate launches of the runner in a job")
    repeats: Annotated[Whole, Field(ge=1, le=1000)] = Field(1, description="how many jobs for each point")
    cooldown: Duration = Field(0.0, description="pause between two launches")
    gate: GateEntry = Field(GateEntry(), description="what must hold before a measurement starts")
    limits: LimitsEntry = Field(LimitsEntry(), description="what an attempt may take")
    compare: Compare | None = Field(None, description="which point the others are compared with")
    priority: Annotated[Whole, Field(ge=-1000, le=1000)] = Field(
        0, description="higher goes first; low, normal, high, urgent"
    )

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: object) -> tuple[JsonSchemaValue, ...]:
        del handler
        number = definition["properties"]["priority"]
        numeric = {key: number.pop(key) for key in ("type", "minimum", "maximum")}
        number["anyOf"] = [numeric, {"enum": list(_PRIORITIES)}]
        for name in ("include", "exclude"):
            many = definition["properties"][name]
            listed = {key: many.pop(key) for key in ("type", "items")}
            many["anyOf"] = [listed, listed["items"]]
        return ()

    @field_validator("priority", mode="before")
    @classmethod
    def _by_name(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        if written not in _PRIORITIES:
            words = tuple(_PRIORITIES)
            raise ValueError(
                f"expected {', '.join(words)} or a whole number, found `{written}`{did_you_mean(written, words)}"
            )
        return _PRIORITIES[written]

    @classmethod
    def spell_out(cls, written: object) -> object:
        if isinstance(written, dict):
            single = {key: [written[key]] for key in ("include", "exclude") if isinstance(written.get(key), dict)}
            return {**written, **single} if single else written
        return written

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        if (
            isinstance(written, dict)
            and loc[0] in {"include", "exclude"}
            and isinstance(written.get(str(loc[0])), dict)
        ):
            return (loc[0], *loc[2:])
        return loc

    def as_limits(self) -> Limits:
        """The limits of one attempt, with what was left open filled in."""
        scenario = self.scenario.as_model()
        longest_s = self.launches * (scenario.max_duration_s + scenario.max_warmup_s + self.cooldown)
        longest_s += self.gate.timeout if self.gate.start_below is not None else 0.0
        attempt_s = self.limits.attempt if self.limits.attempt is not None else max(_MIN_ATTEMPT_S, 2 * longest_s)
        return Limits(attempt_s=attempt_s, memory_bytes=int(self.limits.memory or 0))

    def to_json(self) -> str:
        """The long form as canonical JSON."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_json(cls, text: str) -> Sweep:
        """Read what `to_json` wrote. `SweepError` when it is something else."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValidationError, ValueError) as error:
            raise SweepError(
                f"this is not the long form of a sweep: {error}", hint="submit the sweep file again"
            ) from None
