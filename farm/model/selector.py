"""Selectors: which boards, in one line.

    type=raspberry-pi-4,ram>=2GiB           all clauses must hold
    type=raspberry-pi-4|raspberry-pi-5      any of several values
    name~shelf2-*,provenance=hardware       `~` is a glob
    cooling!=fan,kernel>=6.1                a tag; a detected fact, compared as a version

| key | of |
|---|---|
| `type`, `name`, `id`, `arch`, `provenance` | the board |
| `ram`, `cpus` | its size; `ram` is the nominal one, so that a Pi sold with 2 GiB is one although its kernel sees 1.8 |
| `runtime`, `knob`, `sensor` | what it offers: `runtime=litert` |
| `hostname`, `kernel`, `os`, `libc`, `python`, `device_model`, `cpu_model`, | what was detected; |
| `cpu_features`, `usb_devices`, `fact.NAME` | `cpu_features=asimd` |
| anything else, or `tag.NAME` | what its operator says of it |

A fact that is unknown fulfils no clause; a tag that is absent fulfils only `!=`. An empty selector matches every board,
simulated ones included: whoever shows boards shows where their numbers come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Union

from farm.errors import ExpressionError
from farm.model.board import Board, Provenance
from farm.model.units import Quantity, parse

__all__ = ["Clause", "Selector"]

Value = Union[str, int, tuple[str, ...], None]
"""Of a board: text, a number, a set of names; None is unknown."""

_TEXTS = ("type", "name", "id", "arch", "provenance")
_NUMBERS = ("ram", "cpus")
_OFFERS = ("runtime", "knob", "sensor")
_FACTS = ("hostname", "kernel", "os", "libc", "python", "device_model", "cpu_model", "cpu_features", "usb_devices")
_KEYS = (*_TEXTS, *_NUMBERS, *_OFFERS, *_FACTS)
_ARCHITECTURES = MappingProxyType({"arm64": "aarch64", "amd64": "x86_64", "x86-64": "x86_64", "armhf": "armv7l"})
_CLAUSE = re.compile(r"\s*([A-Za-z][\w.-]*)\s*(!=|>=|<=|==|=|>|<|~)\s*(.*?)\s*\Z", re.DOTALL)
# The kernel and the GPU keep a part of the memory for themselves; a Pi of 1 GiB shows 0.885 of it.
_NOMINAL_SHARE = 0.88


@dataclass(frozen=True)
class Clause:
    """One condition: `ram>=2GiB`. `written` is what stood there."""

    key: str
    operator: str
    values: tuple[str, ...]
    written: str

    def holds(self, board: Board) -> bool:
        """Whether the board fulfils it."""
        return _holds(self, _value_of(board, self.key))


@dataclass(frozen=True)
class Selector:
    """Several clauses that must all hold; none at all matches every board."""

    written: str
    clauses: tuple[Clause, ...]

    @classmethod
    def parse(cls, written: str) -> Selector:
        """Read one; `ExpressionError` names the clause that is wrong and suggests the near miss.

        >>> Selector.parse("type=raspberry-pi-4, ram>=2GiB").clauses[1]
        Clause(key='ram', operator='>=', values=('2GiB',), written='ram>=2GiB')
        """
        if not written.strip():
            return cls("", ())
        return cls(written.strip(), tuple(_parse_clause(part.strip(), written) for part in written.split(",")))

    def matches(self, board: Board) -> bool:
        return all(clause.holds(board) for clause in self.clauses)

    def why_not(self, board: Board) -> str:
        """The first clause that fails, with the board's own value; empty when none does."""
        for clause in self.clauses:
            value = _value_of(board, clause.key)
            if not _holds(clause, value):
                return f"`{clause.written}`: {_describe(clause.key, value, board)}"
        return ""


def _parse_clause(part: str, whole: str) -> Clause:
    if not part:
        raise ExpressionError(
            f"selector `{whole}`: nothing between two commas; write clauses like `type=raspberry-pi-4`"
        )
    match = _CLAUSE.match(part)
    if match is None:
        raise ExpressionError(
            f"selector clause `{part}`: expected a key, one of = != >= <= > < ~, and a value, like `ram>=2GiB`"
        )
    key, operator, text = match[1], "=" if match[2] == "==" else match[2], match[3]
    values = tuple(value.strip() for value in text.split("|"))
    if not all(values):
        raise ExpressionError(f"selector clause `{part}`: a value is missing, like `{key}{operator}{_example(key)}`")
    key = _resolve_key(key, part)
    if operator in {">", "<", ">=", "<="} and len(values) > 1:
        raise ExpressionError(f"selector clause `{part}`: `{operator}` takes one value, not several")
    if operator in {"=", "!="} and any(set(value) & set("*?") for value in values):
        raise ExpressionError(
            f"selector clause `{part}`: for a glob write `~` in place of `{operator}`: `{key}~{text}`"
        )
    _check_values(key, operator, values, part)
    if key == "arch":
        values = tuple(_ARCHITECTURES.get(value, value) for value in values)
    return Clause(key, operator, values, part)


def _resolve_key(key: str, part: str) -> str:
    if key in _KEYS or key.startswith(("tag.", "fact.")):
        return key
    near = get_close_matches(key.lower(), _KEYS, n=1, cutoff=0.75)
    if near:
        raise ExpressionError(
            f"selector clause `{part}`: there is no key `{key}`; did you mean `{near[0]}`? "
            f"(A tag of that name is written `tag.{key}`.)"
        )
    return f"tag.{key}"


def _check_values(key: str, operator: str, values: Sequence[str], part: str) -> None:
    if key in _NUMBERS and operator == "~":
        raise ExpressionError(f"selector clause `{part}`: `{key}` is a number; compare it with = != >= <= > <")
    if (key in _OFFERS or key in {"cpu_features", "usb_devices"}) and operator not in {"=", "!=", "~"}:
        raise ExpressionError(f"selector clause `{part}`: `{key}` is a set of names; ask it with = != ~")
    for value in values:
        if key == "ram":
            try:
                parse(value, Quantity.MEMORY)
            except ExpressionError as error:
                raise ExpressionError(f"selector clause `{part}`: {error.message}") from None
        if key == "cpus" and not value.isdigit():
            raise ExpressionError(f"selector clause `{part}`: expected a number of processors, found `{value}`")
        origins = [provenance.value for provenance in Provenance]
        if key == "provenance" and operator != "~" and value not in origins:
            near = get_close_matches(value, origins, n=1)
            guess = f"; did you mean `{near[0]}`?" if near else ""
            raise ExpressionError(f"selector clause `{part}`: provenance is one of {', '.join(origins)}{guess}")


def _value_of(board: Board, key: str) -> Value:
    facts = board.facts
    if key.startswith("tag."):
        return board.tags.get(key[4:])
    name = key.removeprefix("fact.")
    values: Mapping[str, Value] = {
        "type": board.board_type,
        "name": board.name,
        "id": board.board_id,
        "arch": _ARCHITECTURES.get(facts.architecture, facts.architecture),
        "provenance": board.provenance.value,
        "ram": _nominal(facts.memory_bytes),
        "cpus": facts.cpu_count,
        "runtime": tuple(offer.runtime for offer in board.runtimes if not offer.unavailable_reason),
        "knob": board.knobs,
        "sensor": board.sensors,
    }
    if key in values:
        return values[key] or None if key not in _OFFERS else values[key]
    known: Value = getattr(facts, name) if name in _FACTS else facts.extra.get(name)
    return known or None


def _holds(clause: Clause, value: Value) -> bool:
    operator = clause.operator
    if value is None:
        return operator == "!=" and clause.key.startswith("tag.")
    if operator == "!=":
        return not any(_equals(clause.key, value, wanted) for wanted in clause.values)
    if operator == "=":
        return any(_equals(clause.key, value, wanted) for wanted in clause.values)
    if operator == "~":
        names = value if isinstance(value, tuple) else (str(value),)
        return any(fnmatchcase(name, wanted) for name in names for wanted in clause.values)
    mine, asked = _ordered(clause.key, value), _ordered(clause.key, clause.values[0])
    if operator == ">=":
        return mine >= asked
    if operator == "<=":
        return mine <= asked
    return mine > asked if operator == ">" else mine < asked


def _equals(key: str, value: Value, wanted: str) -> bool:
    if isinstance(value, tuple):
        return wanted in value
    if key in _NUMBERS:
        return _ordered(key, value) == _ordered(key, wanted)
    return value == wanted


def _ordered(key: str, value: Value) -> tuple[tuple[int, float, str], ...]:
    """Something that sorts as a person would: numbers by size, versions part by part, words after numbers."""
    if key == "ram" and isinstance(value, str):
        return ((0, parse(value, Quantity.MEMORY), ""),)
    if isinstance(value, int):
        return ((0, float(value), ""),)
    parts = re.findall(r"\d+|[^\d.\-+_ ]+", str(value))
    return tuple((0, float(part), "") if part.isdigit() else (1, 0.0, part) for part in parts)


def _nominal(memory_bytes: int) -> int:
    """The size it is sold with: the next 2^n or 3 x 2^n bytes, when at most an eighth is missing."""
    if memory_bytes < 2**20:
        return memory_bytes
    power = 1 << (memory_bytes - 1).bit_length()
    nominal = power * 3 // 4 if memory_bytes <= power * 3 // 4 else power
    return nominal if memory_bytes >= _NOMINAL_SHARE * nominal else memory_bytes


def _describe(key: str, value: Value, board: Board) -> str:
    name = key.removeprefix("fact.")
    if key.startswith("tag."):
        return f"it has no tag `{key[4:]}`" if value is None else f"its tag `{key[4:]}` is `{value}`"
    if value is None:
        return f"its {name} is unknown"
    if key == "ram":
        return f"its ram is {_size(board.facts.memory_bytes)}"
    if isinstance(value, tuple):
        return f"it has {name} {', '.join(value)}" if value else f"it has no {name}"
    return f"its {name} is {value}" if isinstance(value, int) else f"its {name} is `{value}`"


def _size(memory_bytes: int) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20)):
        if memory_bytes >= scale:
            return f"{memory_bytes / scale:.3g}{unit}"
    return f"{memory_bytes}B"


def _example(key: str) -> str:
    return {"ram": "2GiB", "cpus": "4", "arch": "aarch64", "provenance": "hardware"}.get(key, "raspberry-pi-4")
