"""Written units: `10s`, `1h30min`, `55C`, `700MiB`, `2GHz`, `1%` to plain numbers and back.

A number whose unit is left to the reader is how a ten-second gate becomes ten minutes, so whatever a person writes
carries its unit, and whatever the code holds carries it in its name (`_s`, `_c`, `_bytes`, `_hz`). The table is our
own because the general libraries read `55C` as coulombs and `10min` as an arc minute.

>>> parse("10min", Quantity.DURATION), parse("700MiB", Quantity.MEMORY), write(5400.0, Quantity.DURATION)
(600.0, 734003200.0, '90min')
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType

from farm.errors import ExpressionError

__all__ = ["Quantity", "parse", "pattern", "units_of", "write"]


class Quantity(enum.Enum):
    """What a number is of. Values are kept in seconds, degrees Celsius, bytes, hertz, watts, and as a plain ratio."""

    DURATION = "duration"
    TEMPERATURE = "temperature"
    MEMORY = "memory"
    FREQUENCY = "frequency"
    POWER = "power"
    RATIO = "ratio"


_SCALES: Mapping[Quantity, dict[str, Fraction]] = MappingProxyType(
    {
        Quantity.DURATION: {
            "ns": Fraction(1, 10**9),
            "us": Fraction(1, 10**6),
            "ms": Fraction(1, 1000),
            "s": Fraction(1),
            "min": Fraction(60),
            "h": Fraction(3600),
            "d": Fraction(86400),
        },
        Quantity.TEMPERATURE: {"C": Fraction(1)},
        Quantity.MEMORY: {
            "B": Fraction(1),
            "kB": Fraction(10**3),
            "KiB": Fraction(2**10),
            "MB": Fraction(10**6),
            "MiB": Fraction(2**20),
            "GB": Fraction(10**9),
            "GiB": Fraction(2**30),
            "TB": Fraction(10**12),
            "TiB": Fraction(2**40),
        },
        Quantity.FREQUENCY: {
            "Hz": Fraction(1),
            "kHz": Fraction(10**3),
            "MHz": Fraction(10**6),
            "GHz": Fraction(10**9),
        },
        Quantity.POWER: {"mW": Fraction(1, 1000), "W": Fraction(1), "kW": Fraction(1000)},
        Quantity.RATIO: {"%": Fraction(1, 100)},
    }
)
_EXPECTED = MappingProxyType(
    {
        Quantity.DURATION: "a duration like `10s`",
        Quantity.TEMPERATURE: "a temperature like `55C`",
        Quantity.MEMORY: "an amount of memory like `700MiB`",
        Quantity.FREQUENCY: "a frequency like `2GHz`",
        Quantity.POWER: "a power like `5W`",
        Quantity.RATIO: "a ratio like `1%` or `0.01`",
    }
)
# Other spellings of a unit that mean the same beyond doubt.
_ALIASES = MappingProxyType({"µs": "us", "μs": "us", "sec": "s", "°C": "C", "KB": "kB"})
# Spellings that mean two things: the person has to say which.
_AMBIGUOUS = MappingProxyType({"m": "min", "M": "MiB", "G": "GiB", "K": "KiB", "k": "KiB", "T": "TiB"})
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?|\.[0-9]+)\s*([^\d\s.,+-]*)")
_LONGEST = 60


def units_of(quantity: Quantity) -> tuple[str, ...]:
    """The units that may be written, smallest first."""
    return tuple(_SCALES[quantity])


def pattern(quantity: Quantity) -> str:
    """A regular expression (ECMA 262, for JSON Schema) that accepts what `parse` accepts."""
    spellings = [*_SCALES[quantity], *(alias for alias, unit in _ALIASES.items() if unit in _SCALES[quantity])]
    units = "|".join(sorted(spellings, key=lambda unit: (-len(unit), unit)))
    number = r"([0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?|\.[0-9]+)"
    sign = "[+-]?" if quantity is Quantity.TEMPERATURE else ""
    repeat = "+" if quantity is Quantity.DURATION else ""
    return rf"^\s*{sign}(\s*{number}\s*({units})){repeat}\s*$"


def parse(written: object, quantity: Quantity) -> float:
    """What was written, in the quantity's plain unit.

    A ratio may also be a bare number (`0.01`); everything else must carry its unit. A duration may have several parts
    (`1h30min`). Raises `ExpressionError` that says what was expected.
    """
    expected = _EXPECTED[quantity]
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        if quantity is Quantity.RATIO and 0 <= written < math.inf:
            return float(written)
        if quantity is Quantity.RATIO:
            raise ExpressionError(f"expected {expected}, found `{written}`")
        raise ExpressionError(f"`{written}` has no unit: expected {expected} (units: {', '.join(units_of(quantity))})")
    if not isinstance(written, str):
        raise ExpressionError(f"expected {expected}, found {_kind_of(written)}")
    text = written.strip()
    if not text or len(text) > _LONGEST:
        raise ExpressionError(f"expected {expected}, found {'nothing' if not text else f'{len(text)} characters'}")
    sign = -1 if text.startswith("-") else 1
    if sign < 0 and quantity is not Quantity.TEMPERATURE:
        raise ExpressionError(f"`{written}` is negative: expected {expected}")
    at = 1 if text[0] in "+-" and quantity is Quantity.TEMPERATURE else 0
    total, parts = Fraction(0), 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or (parts and quantity is not Quantity.DURATION):
            raise ExpressionError(f"expected {expected}, found `{written}`")
        total += Fraction(match[1]) * _scale(match[2], written, quantity)
        parts, at = parts + 1, match.end()
    return sign * float(total)


def write(value: float, quantity: Quantity) -> str:
    """A value as a person would write it, and as `parse` reads it back exactly: whole and short where possible.

    >>> write(0.5, Quantity.DURATION), write(0.07, Quantity.RATIO), write(55.0, Quantity.TEMPERATURE)
    ('500ms', '7%', '55C')
    """
    if value == 0:
        return {Quantity.DURATION: "0s", Quantity.POWER: "0W"}.get(quantity, f"0{units_of(quantity)[0]}")
    candidates: list[tuple[str, str]] = []
    for unit, scale in reversed(list(_SCALES[quantity].items())):
        scaled = Fraction(value) / scale
        # 18 digits of the exact quotient always read back to the same float.
        for digits in (6, 15, 18):
            number = Context(prec=digits).divide(Decimal(scaled.numerator), Decimal(scaled.denominator)).normalize()
            text = f"{number:f}" if -30 < number.adjusted() < 30 else f"{number:e}"
            if parse(text + unit, quantity) == value:
                candidates.append((text, unit))
                break
    number_text, unit = min(candidates, key=lambda found: (not found[0].isdigit(), len(found[0])))
    return number_text + unit


def _scale(unit: str, written: str, quantity: Quantity) -> Fraction:
    scales = _SCALES[quantity]
    unit = _ALIASES.get(unit, unit)
    if unit in scales:
        return scales[unit]
    known = f" (units: {', '.join(scales)})"
    if not unit:
        raise ExpressionError(f"`{written}` has no unit: expected {_EXPECTED[quantity]}{known}")
    folded = {known_unit.lower(): known_unit for known_unit in scales}
    meant = _AMBIGUOUS.get(unit, "")
    if meant not in scales:
        meant = folded.get(unit.lower()) or next(iter(get_close_matches(unit, scales, n=1)), "")
    guess = f"; did you mean `{meant}`?" if meant else ""
    raise ExpressionError(f"`{written}`: `{unit}` is not a unit of {quantity.value}{guess}{known}")


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else type(value).__name__
