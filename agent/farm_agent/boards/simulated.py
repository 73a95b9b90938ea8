"""A board whose physics are a model: `farm-agent --board 'simulated:pi4?seed=7&speed=100&faults=crash@measure:0.02'`.

| part | meaning | default |
|---|---|---|
| `pi4` | which board it is like: `pi4` `pi5` `jetson-nano` `coral`, or `noop`, which measures nothing | `pi4` |
| `seed` | whole number; the same seed gives the same board, noise and faults | 0 |
| `speed` | virtual seconds to each real one, or `max` | `max` |
| `ambient` | air temperature in Celsius | 25 |
| `faults` | see farm_agent/simulation/faults.py | none |

It is marked as simulated wherever it shows: provenance, board type, name, the source of every reading, what the runtime
says of itself. docs/simulated-board.md says what is modelled and what is not.
"""

from __future__ import annotations

import difflib
import json
import math
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from devicefarm.v1 import board_pb2
from farm_agent.boards.base import Board, BoardOptions, Executor
from farm_agent.clock import Clock
from farm_agent.errors import UsageError
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import Sensor
from farm_agent.simulation.clock import VirtualClock
from farm_agent.simulation.executor import NoopExecutor, SimulatedExecutor
from farm_agent.simulation.faults import FaultPlan, parse_faults
from farm_agent.simulation.knobs import knobs_of
from farm_agent.simulation.machine import Machine
from farm_agent.simulation.presets import PRESETS, Preset
from farm_agent.simulation.sensors import sensors_of

__all__ = ["SimulatedBoard", "Simulation", "open_board", "parse_simulation"]


def open_board(options: BoardOptions) -> Board:
    """The simulated board that `options.argument` describes; sensors, knobs and the executor are its own."""
    return SimulatedBoard(parse_simulation(options.argument), options)


@dataclass(frozen=True)
class Simulation:
    """What is simulated."""

    preset: Preset
    seed: int = 0
    speed: float = math.inf
    ambient_c: float = 25.0
    faults: FaultPlan = field(default_factory=FaultPlan)


def parse_simulation(argument: str) -> Simulation:
    """Read `pi4?seed=7&speed=100`. Raises `UsageError` naming what is wrong.

    >>> parse_simulation("pi5?seed=3&ambient=31").ambient_c
    31.0
    """
    name, _, query = argument.partition("?")
    preset = PRESETS.get(name or "pi4")
    if preset is None:
        raise UsageError(
            f"--board simulated:{name}: no such preset", hint=f"Known: {', '.join(PRESETS)}.{_near(name, PRESETS)}"
        )
    words = dict(parse_qsl(query, keep_blank_values=True))
    unknown = set(words) - set(_KEYS)
    if unknown:
        key = min(unknown)
        raise UsageError(
            f"--board simulated:{argument}: unknown {key!r}", hint=f"Known: {', '.join(_KEYS)}.{_near(key, _KEYS)}"
        )
    seed = _seed(argument, words.get("seed", "0"))
    return Simulation(
        preset=preset,
        seed=seed,
        speed=math.inf if words.get("speed", "max") == "max" else _number(argument, words, "speed", 1.0, above=0.0),
        ambient_c=_number(argument, words, "ambient", 25.0),
        faults=FaultPlan(parse_faults(words.get("faults", "")), seed),
    )


class SimulatedBoard(Board):
    """The real agent's view of a modelled machine."""

    def __init__(self, simulation: Simulation, options: BoardOptions) -> None:
        self._simulation = simulation
        self._options = options
        preset = simulation.preset
        self._board_type = f"simulated-{preset.name}"
        self._board_id = options.board_id or f"{self._board_type}-{simulation.seed}"
        self._clock = VirtualClock(simulation.speed)
        self.machine = Machine(
            preset,
            self._clock,
            seed=simulation.seed,
            ambient_c=simulation.ambient_c,
            faults=simulation.faults,
            state_file=None if options.state_dir is None else options.state_dir / f"{_file_name(self._board_id)}.json",
        )
        self._sensors = sensors_of(self.machine)
        self._knobs = {knob.name: knob for knob in knobs_of(self.machine)}
        self._executor = SimulatedExecutor(self.machine) if preset.measures else NoopExecutor(self.machine)

    @property
    def clock(self) -> Clock:
        return self._clock

    def describe(self) -> board_pb2.Board:
        preset = self._simulation.preset
        name = self._options.name or self._board_id
        return board_pb2.Board(
            board_id=self._board_id,
            board_type=self._board_type,
            name=name if "simulated" in name else f"{name} (simulated)",
            provenance=board_pb2.PROVENANCE_SIMULATED,
            facts=board_pb2.BoardFacts(
                hostname=self._board_id,
                architecture="aarch64",
                device_model=preset.device_model,
                cpu_model=preset.cpu_model,
                cpu_count=preset.cores,
                memory_bytes=preset.memory_bytes,
                kernel="simulated",
                os="simulated",
                python=platform.python_version(),
                boot_id=self.machine.boot_id,
                extra=self._marks(),
            ),
            tags=self._options.tags,
            runtimes=self._executor.offers(),
            knobs=sorted(self._knobs),
            sensors=[quantity.name for sensor in self._sensors for quantity in sensor.quantities],
        )

    def sensors(self) -> Sequence[Sensor]:
        return self._sensors

    def knobs(self) -> Mapping[str, Knob]:
        return self._knobs

    @property
    def executor(self) -> Executor:
        return self._executor

    def context(self) -> dict[str, str]:
        """What explains its numbers: the simulation's own parameters, the knobs, the readings of this moment."""
        context = {name if name == "simulated" else f"simulation.{name}": mark for name, mark in self._marks().items()}
        if not self._simulation.preset.measures:
            return context
        for name, knob in self._knobs.items():
            value = json.loads(knob.read())
            context[f"knob.{name}"] = value if isinstance(value, str) else knob.read()
        for sensor in self._sensors:
            for quantity, reading in zip(sensor.quantities, sensor.read()):
                if reading is not None:
                    context[quantity.name] = f"{reading:.10g}"
        return context

    def temperature_c(self) -> float | None:
        """Of the die; None where nothing is measured."""
        return round(self.machine.view().die_c, 1) if self._simulation.preset.measures else None

    def _marks(self) -> dict[str, str]:
        simulation = self._simulation
        return {
            "simulated": "true",
            "preset": simulation.preset.name,
            "seed": str(simulation.seed),
            "ambient_c": f"{simulation.ambient_c:g}",
        }


_KEYS = ("seed", "speed", "ambient", "faults")


def _number(
    argument: str,
    words: Mapping[str, str],
    key: str,
    default: float,
    *,
    above: float = -math.inf,
) -> float:
    text = words.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > above):
        expected = "a number" + (f" above {above:g}" if math.isfinite(above) else "")
        raise UsageError(f"--board simulated:{argument}: {key} is {text!r}, expected {expected}")
    return value


def _seed(argument: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--board simulated:{argument}: seed is {text!r}, expected a whole number") from None


def _file_name(board_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", board_id)


def _near(word: str, known: Mapping[str, object] | Sequence[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""
