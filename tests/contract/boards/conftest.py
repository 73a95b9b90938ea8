"""Every kind of board, sensor and knob that comes with the agent, each on something that it can find itself on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.v1 import job_pb2
from farm_agent.boards import linux, simulated
from farm_agent.boards.base import Board, BoardOptions
from farm_agent.environments.host import HostExecutor
from farm_agent.knobs import cpu_frequency, governor
from farm_agent.knobs.base import Knob
from farm_agent.sensors import cooling_device, cpufreq, load, memory, thermal_zone
from farm_agent.sensors.base import Sensor

CPUFREQ = "sys/devices/system/cpu/cpufreq"
THERMAL = "sys/class/thermal"

MACHINE: Mapping[str, str] = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "proc/sys/kernel/hostname": "bench\n",
    "proc/sys/kernel/osrelease": "6.6.31\n",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: A core\n",
    "proc/loadavg": "0.10 0.20 0.30 1/100 4242\n",
    "proc/stat": "cpu  100 0 50 800 10 0 0 0 0 0\n",
    "proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 700000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "48300\n",
    f"{THERMAL}/thermal_zone1/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone1/temp": "51200\n",
    f"{THERMAL}/cooling_device0/type": "cpufreq-cpu0\n",
    f"{THERMAL}/cooling_device0/cur_state": "0\n",
    f"{CPUFREQ}/policy0/scaling_driver": "cpufreq-dt\n",
    f"{CPUFREQ}/policy0/scaling_cur_freq": "1500000\n",
    f"{CPUFREQ}/policy0/cpuinfo_cur_freq": "1500000\n",
    f"{CPUFREQ}/policy0/scaling_governor": "ondemand\n",
    f"{CPUFREQ}/policy0/scaling_available_governors": "ondemand performance\n",
    f"{CPUFREQ}/policy0/scaling_min_freq": "600000\n",
    f"{CPUFREQ}/policy0/scaling_max_freq": "1500000\n",
    f"{CPUFREQ}/policy0/cpuinfo_min_freq": "600000\n",
    f"{CPUFREQ}/policy0/cpuinfo_max_freq": "1500000\n",
}

SENSOR_KINDS: Mapping[str, Callable[[Path], Sequence[Sensor]]] = {
    "thermal_zone": thermal_zone.discover,
    "cpufreq": cpufreq.discover,
    "cooling_device": cooling_device.discover,
    "load": load.discover,
    "memory": memory.discover,
}
KNOB_KINDS: Mapping[str, Callable[[Path], Sequence[Knob]]] = {
    "governor": governor.discover,
    "cpu_frequency": cpu_frequency.discover,
}

BOARDS = (
    "linux on a tree",
    "linux on this machine",
    *(f"simulated:{preset}?seed=5" for preset in ("pi4", "pi5", "jetson-nano", "coral", "noop")),
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a small machine with everything that the kinds look for."""
    root = tmp_path / "root"
    for name, text in MACHINE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(params=BOARDS)
def open_again(request: pytest.FixtureRequest, machine: Path, tmp_path: Path) -> Iterator[Callable[[], Board]]:
    """Open one and the same board, as each start of its agent does."""
    opened: list[Board] = []
    kind, _, argument = str(request.param).partition(":")
    root = machine if kind == "linux on a tree" else Path("/")

    def open_board() -> Board:
        common = BoardOptions(argument=argument, root=root, state_dir=tmp_path / "state")
        if kind == "simulated":
            board = simulated.open_board(common)
        else:
            board = linux.open_board(
                BoardOptions(
                    root=root,
                    state_dir=common.state_dir,
                    sensors=[sensor for discover in SENSOR_KINDS.values() for sensor in discover(root)],
                    knobs=[knob for discover in KNOB_KINDS.values() for knob in discover(root)],
                    executor=HostExecutor(tmp_path / "host"),
                )
            )
        opened.append(board)
        return board

    yield open_board
    for board in opened:
        board.close()


@pytest.fixture
def board(open_again: Callable[[], Board]) -> Board:
    return open_again()


@pytest.fixture
def job() -> job_pb2.JobSpec:
    """What every board can run: a command that says that it measures, and then takes its time."""
    program = 'import json, time; print(json.dumps({"event": "phase", "phase": "measure"}), flush=True); time.sleep(60)'
    return job_pb2.JobSpec(
        job_id="a-job",
        config=job_pb2.Config(
            runtime="command",
            precision="float32",
            threads=1,
            batch=1,
            options={"command": json.dumps([sys.executable, "-c", program])},
        ),
        scenario=job_pb2.Scenario(kind=job_pb2.SCENARIO_KIND_SINGLE_STREAM, min_duration_s=30.0, max_duration_s=60.0),
        limits=job_pb2.Limits(attempt_s=120.0),
        launches=1,
    )


@pytest.fixture(params=list(SENSOR_KINDS))
def discover_sensors(request: pytest.FixtureRequest) -> Callable[[Path], Sequence[Sensor]]:
    return SENSOR_KINDS[str(request.param)]


@pytest.fixture
def sensor_kinds() -> set[str]:
    return set(SENSOR_KINDS)


@dataclass(frozen=True)
class KnobCase:
    """A knob, how to get a fresh object of it, and a value that is not the one in force."""

    fresh: Callable[[], Knob]
    value: str


@pytest.fixture(params=["governor", "cpu_frequency", "simulated clock", "simulated governor", "simulated fan"])
def knob(request: pytest.FixtureRequest, machine: Path, tmp_path: Path) -> KnobCase:
    """Each fresh object is what a process that knows nothing of the one before would make."""
    name = str(request.param)
    if name.startswith("simulated "):
        values = {"clock": '{"arm_freq":1200}', "governor": '"performance"', "fan": '"on"'}
        options = BoardOptions(argument="pi4?seed=5", state_dir=tmp_path / "state")
        short = name.partition(" ")[2]
        return KnobCase(lambda: simulated.open_board(options).knobs()[short], values[short])
    values = {"governor": '"performance"', "cpu_frequency": '{"max_hz":1000000000,"min_hz":800000000}'}
    return KnobCase(lambda: KNOB_KINDS[name](machine)[0], values[name])
