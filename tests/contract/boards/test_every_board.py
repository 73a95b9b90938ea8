"""What an attempt may rely on, whatever board it is on."""

from __future__ import annotations

import threading
from importlib import metadata
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.columns import unpack_floats
from devicefarm.v1 import attempt_pb2, board_pb2, job_pb2
from farm_agent.boards.base import Board, BoardOptions, LaunchRequest, PreparedJob, RunnerEvent
from farm_agent.boards.linux import open_board
from farm_agent.errors import CancelledError, UsageError
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import UNITS, Sensor
from farm_agent.telemetry import TelemetrySampler


def test_it_is_the_same_board_each_time(open_again: Callable[[], Board]) -> None:
    first, second = open_again(), open_again()
    assert first.describe().board_id == first.describe().board_id == second.describe().board_id
    assert first.describe().board_id
    assert first.describe().facts.boot_id == second.describe().facts.boot_id


def test_it_says_who_it_is(board: Board) -> None:
    described = board.describe()
    assert described.board_type
    assert described.name
    assert described.provenance != board_pb2.PROVENANCE_UNSPECIFIED
    assert described.facts.cpu_count >= 1
    assert described.facts.memory_bytes > 0


def test_what_it_says_it_has_is_what_it_has(board: Board) -> None:
    described = board.describe()
    quantities = [quantity for sensor in board.sensors() for quantity in sensor.quantities]
    assert list(described.sensors) == [quantity.name for quantity in quantities]
    assert len({quantity.name for quantity in quantities}) == len(quantities)
    assert {quantity.unit for quantity in quantities} <= UNITS
    assert list(described.knobs) == sorted(board.knobs())
    assert all(knob.name == name for name, knob in board.knobs().items())


def test_its_runtimes_have_names_of_their_own(board: Board) -> None:
    runtimes = [offer.runtime for offer in board.executor.offers()]
    assert runtimes
    assert len(set(runtimes)) == len(runtimes)
    assert list(board.describe().runtimes) == list(board.executor.offers())


def test_its_context_is_flat_text_and_nothing_empty(board: Board) -> None:
    context = board.context()
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in context.items())
    assert all(value and "\n" not in value for value in context.values())


def test_its_temperature_is_one_or_unknown(board: Board) -> None:
    temperature_c = board.temperature_c()
    has_thermometer = any(quantity.unit == "C" for sensor in board.sensors() for quantity in sensor.quantities)
    assert (temperature_c is not None) == has_thermometer
    assert temperature_c is None or -40.0 <= temperature_c <= 150.0


def test_its_time_goes_forward(board: Board) -> None:
    before, unix_before = board.clock.monotonic(), board.clock.unix()
    assert board.clock.wait(0.01) is False
    assert board.clock.monotonic() >= before + 0.009
    assert board.clock.unix() >= unix_before


def test_a_wait_that_is_cancelled_says_so(board: Board) -> None:
    cancel = threading.Event()
    cancel.set()
    assert board.clock.wait(3600.0, cancel) is True


def test_telemetry_of_it_can_be_taken(board: Board) -> None:
    with TelemetrySampler(board.sensors(), board.clock) as sampler:
        pass
    for series in sampler.finish().series:
        assert series.values.count == len(unpack_floats(series.values.inline)) == series.at_ns.count > 0


def test_a_launch_that_was_cancelled_before_it_began_does_not_run(
    board: Board, job: job_pb2.JobSpec, tmp_path: Path
) -> None:
    cancel = threading.Event()
    prepared = board.executor.prepare(job, lambda ref: tmp_path / ref.name, lambda note: None, cancel)
    cancel.set()
    with pytest.raises(CancelledError) as raised:
        board.executor.launch(_request(prepared, tmp_path), lambda event: None, cancel)
    assert raised.value.outcome == attempt_pb2.OUTCOME_CANCELLED


def test_a_launch_that_is_under_way_ends_when_it_is_cancelled(
    board: Board, job: job_pb2.JobSpec, tmp_path: Path
) -> None:
    cancel = threading.Event()
    prepared = board.executor.prepare(job, lambda ref: tmp_path / ref.name, lambda note: None, cancel)

    def stop_it(event: RunnerEvent) -> None:
        if event.phase == "measure":
            cancel.set()

    if board.describe().board_type == "simulated-noop":
        # Nothing is under way at any time; it ends by itself.
        assert board.executor.launch(_request(prepared, tmp_path), stop_it, cancel).count == 1
        return
    with pytest.raises(CancelledError):
        board.executor.launch(_request(prepared, tmp_path), stop_it, cancel)


def test_each_kind_is_registered_and_opens() -> None:
    """Entry points are what an agent finds; a file without its line would never be used."""
    groups = {group: metadata.entry_points(group=f"farm_agent.{group}") for group in ("boards", "sensors", "knobs")}
    assert {entry.name for entry in groups["boards"]} >= {"linux", "simulated"}
    for kind, base in (("sensors", Sensor), ("knobs", Knob)):
        for entry in groups[kind]:
            assert all(isinstance(found, base) for found in entry.load()(Path("/")))


def test_a_kind_that_takes_no_argument_says_so() -> None:
    with pytest.raises(UsageError, match="no argument"):
        open_board(BoardOptions(argument="fast"))


def _request(prepared: PreparedJob, work: Path) -> LaunchRequest:
    return LaunchRequest(job=prepared, index=0, verify=False, work_dir=work)
