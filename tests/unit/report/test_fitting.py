"""A table never is wider than the terminal, and says what it left out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from farm.report.fitting import Column, fitted

COLUMNS = [
    Column("model", ("digits", "cnn")),
    Column("threads", ("1", "1"), rank=1, right=True, short_head="thr."),
    Column("inputs/s", ("24 000", "269"), right=True),
    Column("p90", ("17 us", "12 ms"), rank=3, right=True),
    Column("memory", ("63 MiB", "70 MiB"), rank=6, right=True),
    Column("temp", ("-", "-"), rank=7),
    Column("p99", ("-", ""), rank=7, why_unknown="too few samples"),
    Column("note", ("", ""), rank=7),
    Column("verdict", ("valid", "unconverged (the median is known to +-8% only)"), prose=True),
]


def lines(width: int | None) -> list[str]:
    console = Console(width=width or 500, file=io.StringIO())
    with console.capture() as captured:
        console.print(fitted(COLUMNS, width))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_with_room_for_all_everything_known_is_shown() -> None:
    heads, _, cnn, *notes = lines(None)
    assert heads.split() == ["model", "threads", "inputs/s", "p90", "memory", "verdict"]
    assert cnn.endswith("unconverged (the median is known to +-8% only)")
    assert notes == ["cannot be read there: temp", "too few samples: p99"]


def test_what_is_the_same_everywhere_goes_first_and_is_told_once() -> None:
    (
        heads,
        *_,
    ) = lines(48)
    assert heads.split() == ["model", "inputs/s", "p90", "memory", "verdict"]
    assert "everywhere: thr. 1" in lines(48)


def test_then_the_least_important_goes_and_is_named() -> None:
    told = lines(40)
    assert told[0].split() == ["model", "inputs/s", "p90", "verdict"]
    assert " ".join(told[3:]).startswith("everywhere: thr. 1 no room for memory: widen the terminal")


@pytest.mark.parametrize("width", range(20, 90, 5))
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(width: int) -> None:
    told = lines(width)
    assert max(map(len, told)) <= width
    assert any("24 000" in line for line in told)
    assert any("valid" in line for line in told)


def test_prose_is_cut_with_a_sign() -> None:
    assert any(line.endswith("…") for line in lines(60))
