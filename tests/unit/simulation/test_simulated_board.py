from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.v1 import attempt_pb2, board_pb2, job_pb2
from farm_agent.boards.base import BoardOptions, LaunchResult
from farm_agent.boards.simulated import SimulatedBoard, open_board, parse_simulation
from farm_agent.errors import KnobError, UsageError

Opener = Callable[[str], SimulatedBoard]


def test_it_is_marked_as_simulated_wherever_it_shows() -> None:
    board = open_board(BoardOptions(argument="pi4?seed=7", name="shelf 2"))
    described = board.describe()
    assert described.provenance == board_pb2.PROVENANCE_SIMULATED
    assert described.board_type == "simulated-pi4"
    assert described.board_id == "simulated-pi4-7"
    assert described.name == "shelf 2 (simulated)"
    assert "imulated" in described.facts.device_model
    assert described.facts.extra["simulated"] == "true"
    assert {sensor.source for sensor in board.sensors()} == {"simulated"}
    assert board.context()["simulated"] == "true"
    assert board.context()["simulation.seed"] == "7"
    assert board.executor.isolation() == "simulated"


def test_the_argument_is_read() -> None:
    simulation = parse_simulation("pi5?seed=7&speed=100&ambient=31.5&faults=crash@measure:0.02,hang@load:#3")
    assert simulation.preset.name == "pi5"
    assert (simulation.seed, simulation.speed, simulation.ambient_c) == (7, 100.0, 31.5)
    assert [fault.kind for fault in simulation.faults.faults] == ["crash", "hang"]
    assert simulation.faults.seed == 7
    assert parse_simulation("").preset.name == "pi4"
    assert parse_simulation("pi4?speed=max").speed == math.inf


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("pi6", "Did you mean"),
        ("pi4?sede=3", "Did you mean seed"),
        ("pi4?seed=x", "seed is 'x', expected a whole number"),
        ("pi4?speed=0", "speed is '0', expected a number above 0"),
        ("pi4?ambient=nan", "ambient is 'nan', expected a number"),
        ("pi4?faults=boom", "no fault 'boom'"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_simulation(argument)


def test_a_clock_change_reboots_and_a_governor_does_not(board: Opener) -> None:
    pi = board("pi4")
    boot, before = pi.describe().facts.boot_id, pi.clock.monotonic()
    pi.knobs()["governor"].apply('"performance"')
    assert (pi.describe().facts.boot_id, pi.clock.monotonic()) == (boot, before)
    pi.knobs()["clock"].apply('{"arm_freq":2000,"over_voltage":6}')
    assert pi.describe().facts.boot_id != boot
    assert pi.clock.monotonic() - before == pytest.approx(25.0)
    assert pi.machine.view().clock_hz == 2e9
    booted = pi.describe().facts.boot_id
    pi.knobs()["clock"].apply('{"over_voltage":6,"arm_freq":2000}')
    assert pi.describe().facts.boot_id == booted, "the same settings need no boot"


def test_an_agent_that_was_killed_finds_the_overclock_and_puts_it_back(board: Opener) -> None:
    first = board("pi4?seed=1")
    before = first.knobs()["clock"].read()
    first.knobs()["clock"].apply('{"arm_freq":2000}')
    boot = first.describe().facts.boot_id
    fresh = board("pi4?seed=1")
    assert fresh.describe().facts.boot_id == boot, "a new agent is no new boot"
    assert json.loads(fresh.knobs()["clock"].read()) == {"arm_freq": 2000}
    fresh.knobs()["clock"].restore(before)
    assert board("pi4?seed=1").knobs()["clock"].read() == before == '"stock"'


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("clock", '"fast"'),
        ("clock", "{}"),
        ("clock", '{"gpu_freq":500}'),
        ("clock", '{"arm_freq":9000}'),
        ("clock", '{"arm_freq":true}'),
        ("clock", '{"arm_freq":1500,"over_voltage":9}'),
        ("governor", '"turbo"'),
        ("governor", '["performance"]'),
        ("fan", "1"),
    ],
)
def test_a_value_that_no_board_has_is_the_jobs_fault(board: Opener, knob: str, value: str) -> None:
    pi = board("pi4")
    before = pi.knobs()[knob].read()
    with pytest.raises(KnobError, match=knob) as raised:
        pi.knobs()[knob].apply(value)
    assert raised.value.kind == attempt_pb2.ERROR_KIND_JOB
    assert pi.knobs()[knob].read() == before


def test_a_refused_knob_is_the_boards_fault(board: Opener) -> None:
    pi = board("pi4?faults=refuse@apply:#1")
    pi.machine.begin_attempt()
    with pytest.raises(KnobError, match="refuses") as raised:
        pi.knobs()["fan"].apply('"on"')
    assert raised.value.kind == attempt_pb2.ERROR_KIND_BOARD
    pi.machine.begin_attempt()
    pi.knobs()["fan"].apply('"on"')
    assert pi.knobs()["fan"].read() == '"on"'


def test_the_number_of_an_attempt_outlives_the_agent(board: Opener) -> None:
    assert board("pi4?seed=3").machine.begin_attempt() == 1
    assert board("pi4?seed=3").machine.begin_attempt() == 2


def test_it_cools_while_the_gate_waits(board: Opener) -> None:
    pi = board("pi4")
    pi.machine.work(300.0, 4.0, threading.Event())
    pi.machine.rest()
    hot_c = pi.temperature_c()
    pi.clock.wait(300.0)
    cool_c = pi.temperature_c()
    assert hot_c is not None
    assert cool_c is not None
    assert hot_c > 75.0 > 60.0 > cool_c


def test_the_noop_board_takes_no_time_and_fetches_nothing(
    board: Opener, launch: Callable[..., LaunchResult], spec: job_pb2.JobSpec, tmp_path: Path
) -> None:
    noop = board("noop")
    result = launch(noop, spec)
    assert result.count == 1
    assert noop.clock.monotonic() == 0.0
    assert not noop.sensors()
    assert noop.temperature_c() is None


def test_an_operators_id_may_hold_anything(tmp_path: Path) -> None:
    board = SimulatedBoard(parse_simulation("noop"), BoardOptions(board_id="rack/1: a", state_dir=tmp_path))
    board.machine.begin_attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["rack-1--a.json"]
    assert board.describe().board_id == "rack/1: a"
