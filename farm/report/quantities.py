"""Numbers as people read them: three significant digits and the unit that fits.

>>> seconds(0.0009551), seconds(12.3), seconds(754.0), seconds(None)
('955 us', '12.3 s', '12 min 34 s', '-')
>>> per_second(1047.2), per_second(3.14159), per_second(2_345_678.0)
('1 050', '3.14', '2 350 000')
>>> size(63_000_000), hertz(1_500_000_000.0), celsius(48.31)
('60.1 MiB', '1.5 GHz', '48.3 C')
"""

from __future__ import annotations

import math

__all__ = ["celsius", "hertz", "per_second", "seconds", "size"]

UNKNOWN = "-"


def seconds(value: float | None) -> str:
    """A duration or a latency given in seconds."""
    if value is None:
        return UNKNOWN
    if value >= 120.0:
        minutes, rest = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1.0:
            return f"{_three_digits(value * factor)} {unit}"
    return f"{_three_digits(value * 1e9)} ns"


def per_second(value: float | None) -> str:
    """A rate; the unit stands in the column's head."""
    if value is None:
        return UNKNOWN
    if value >= 1000.0:
        step = 10 ** (int(math.log10(value)) - 2)
        return f"{round(value / step) * step:,.0f}".replace(",", " ")
    return _three_digits(value)


def size(value: float | None) -> str:
    """Bytes, in binary units; 0 is unknown."""
    if not value:
        return UNKNOWN
    for exponent, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024.0**exponent:
            return f"{_three_digits(value / 1024.0**exponent)} {unit}"
    return f"{value:.0f} B"


def hertz(value: float | None) -> str:
    """A clock."""
    if not value:
        return UNKNOWN
    for factor, unit in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")):
        if value >= factor:
            return f"{_three_digits(value / factor)} {unit}"
    return f"{value:.0f} Hz"


def celsius(value: float | None) -> str:
    """A temperature; None is unknown, never cool."""
    return UNKNOWN if value is None else f"{value:.1f} C"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000.0 else f"{value:.0f}"
