"""Numbers with their unit written beside them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import ExpressionError
from farm.model.units import Quantity, parse, pattern, units_of, write


@pytest.mark.parametrize(
    ("written", "quantity", "value"),
    [
        ("10s", Quantity.DURATION, 10.0),
        ("10min", Quantity.DURATION, 600.0),
        ("1h30min", Quantity.DURATION, 5400.0),
        ("1h 30min", Quantity.DURATION, 5400.0),
        ("250us", Quantity.DURATION, 250e-6),
        ("250µs", Quantity.DURATION, 250e-6),
        (" 1.5 s ", Quantity.DURATION, 1.5),
        ("55C", Quantity.TEMPERATURE, 55.0),
        ("-5.5°C", Quantity.TEMPERATURE, -5.5),
        ("700MiB", Quantity.MEMORY, 700 * 2**20),
        ("2GB", Quantity.MEMORY, 2e9),
        ("2GHz", Quantity.FREQUENCY, 2e9),
        ("1.8GHz", Quantity.FREQUENCY, 1.8e9),
        ("250mW", Quantity.POWER, 0.25),
        ("1%", Quantity.RATIO, 0.01),
        (0.01, Quantity.RATIO, 0.01),
    ],
)
def test_a_number_with_its_unit_becomes_the_plain_number(written: object, quantity: Quantity, value: float) -> None:
    assert parse(written, quantity) == value


@pytest.mark.parametrize(
    ("written", "quantity", "says"),
    [
        (10, Quantity.DURATION, "has no unit: expected a duration like `10s`"),
        ("55", Quantity.TEMPERATURE, "has no unit: expected a temperature like `55C`"),
        ("10S", Quantity.DURATION, "`S` is not a unit of duration; did you mean `s`?"),
        ("5m", Quantity.DURATION, "did you mean `min`?"),
        ("700M", Quantity.MEMORY, "did you mean `MiB`?"),
        ("700mib", Quantity.MEMORY, "did you mean `MiB`?"),
        ("2Ghz", Quantity.FREQUENCY, "did you mean `GHz`?"),
        ("10s", Quantity.TEMPERATURE, "`s` is not a unit of temperature"),
        ("-5s", Quantity.DURATION, "is negative"),
        ("1GiB2MiB", Quantity.MEMORY, "expected an amount of memory like `700MiB`, found `1GiB2MiB`"),
        ("soon", Quantity.DURATION, "expected a duration like `10s`, found `soon`"),
        ("", Quantity.DURATION, "found nothing"),
        (None, Quantity.DURATION, "found nothing"),
        (True, Quantity.DURATION, "found `true`"),
        (["10s"], Quantity.DURATION, "found a list"),
        (-0.1, Quantity.RATIO, "expected a ratio"),
        (math.nan, Quantity.RATIO, "expected a ratio"),
        ("9" * 5000 + "s", Quantity.DURATION, "found 5001 characters"),
        ("1e999999999s", Quantity.DURATION, "expected a duration|not a unit"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_expected(written: object, quantity: Quantity, says: str) -> None:
    with pytest.raises(ExpressionError, match=says if "|" in says else re.escape(says)):
        parse(written, quantity)


@given(
    st.sampled_from([quantity for quantity in Quantity if quantity is not Quantity.TEMPERATURE]),
    st.just(0.0) | st.floats(min_value=1e-60, max_value=1e15),
)
def test_every_value_that_is_written_reads_back_exactly(quantity: Quantity, value: float) -> None:
    text = write(value, quantity)
    assert parse(text, quantity) == value
    assert re.search(pattern(quantity), text), "what is written also satisfies the JSON Schema"


@pytest.mark.parametrize(
    ("value", "quantity", "text"),
    [
        (900.0, Quantity.DURATION, "15min"),
        (86400.0, Quantity.DURATION, "1d"),
        (0.5, Quantity.DURATION, "500ms"),
        (0.0, Quantity.DURATION, "0s"),
        (734003200.0, Quantity.MEMORY, "700MiB"),
        (2e9, Quantity.FREQUENCY, "2GHz"),
        (0.07, Quantity.RATIO, "7%"),
        (-5.0, Quantity.TEMPERATURE, "-5C"),
    ],
)
def test_a_value_is_written_as_a_person_would(value: float, quantity: Quantity, text: str) -> None:
    assert write(value, quantity) == text


@pytest.mark.parametrize("quantity", list(Quantity))
def test_the_pattern_accepts_every_unit_and_refuses_a_bare_number(quantity: Quantity) -> None:
    for unit in units_of(quantity):
        assert re.search(pattern(quantity), f"3{unit}")
    assert not re.search(pattern(quantity), "3")
