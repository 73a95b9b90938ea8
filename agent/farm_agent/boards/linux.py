"""Any machine that runs Linux: `farm-agent --board linux`, which is what an agent serves when nothing else is said.

A Raspberry Pi, a Jetson, a Coral Dev Board and a PC are all this kind until a kind of their own adds what only they
have; their board type comes from the device tree all the same. A virtual machine counts as hardware: its numbers are
measured, and `extra.virtualization` and `cpu.steal` say what to think of them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from devicefarm.v1 import board_pb2
from farm_agent import facts
from farm_agent.boards.base import Board, BoardOptions, Executor
from farm_agent.clock import Clock, RealClock
from farm_agent.errors import UsageError
from farm_agent.knobs.base import Knob
from farm_agent.pseudo_file import read_line
from farm_agent.sensors.base import Sensor

__all__ = ["LinuxHost", "open_board"]

# What the hottest of decides when a run may start; the zones of disks, radios and power supplies do not.
_CPU_LIKE = ("cpu", "soc", "pkg", "core", "k10temp", "gpu", "tj", "npu", "apex", "thermal", "acpitz")


def open_board(options: BoardOptions) -> Board:
    """The machine below `options.root`. It takes no argument."""
    if options.argument:
        raise UsageError(f"--board linux takes no argument, but got {options.argument!r}", hint="Try: --board linux")
    if options.executor is None:
        raise UsageError("--board linux needs an executor to launch runners with, and none was given")
    return LinuxHost(options, options.executor)


class LinuxHost(Board):
    """One Linux machine."""

    def __init__(self, options: BoardOptions, executor: Executor) -> None:
        self._options = options
        self._executor = executor
        self._clock = RealClock()
        self._knobs = {knob.name: knob for knob in options.knobs}
        self._board_id = options.board_id or facts.board_id_of(options.root) or _kept_id(options.state_dir)

    @property
    def clock(self) -> Clock:
        return self._clock

    def describe(self) -> board_pb2.Board:
        detected = facts.detect(self._options.root)
        return board_pb2.Board(
            board_id=self._board_id,
            board_type=facts.board_type_of(detected.device_model, detected.architecture),
            name=self._options.name or detected.hostname or self._board_id,
            provenance=board_pb2.PROVENANCE_HARDWARE,
            facts=detected,
            tags=self._options.tags,
            runtimes=self._executor.offers(),
            knobs=sorted(self._knobs),
            sensors=[quantity.name for sensor in self._options.sensors for quantity in sensor.quantities],
        )

    def sensors(self) -> Sequence[Sensor]:
        return self._options.sensors

    def knobs(self) -> Mapping[str, Knob]:
        return self._knobs

    @property
    def executor(self) -> Executor:
        return self._executor

    def context(self) -> dict[str, str]:
        """Settings by their file, then the readings of this moment by their sensor's name.

        A setting that the machine does not have, or does not let be read, is left out.
        """
        root = self._options.root
        settings = {name: read_line(root / path) for name, path in _SETTINGS.items()}
        settings["cpu.turbo"] = _turbo(root)
        settings["memory.huge_pages"] = _chosen(root / "sys/kernel/mm/transparent_hugepage/enabled")
        settings["cpu.mitigations"] = _mitigations(root)
        settings["cpu.microcode"] = facts.detect(root).extra.get("cpu.microcode")
        context = {name: value for name, value in settings.items() if value}
        for knob in self._options.knobs:
            context[f"knob.{knob.name}"] = _plain(knob.read())
        for sensor in self._options.sensors:
            for quantity, value in zip(sensor.quantities, sensor.read()):
                if value is not None:
                    context[quantity.name] = f"{value:.10g}"
        return context

    def temperature_c(self) -> float | None:
        """The hottest zone of the processor or an accelerator; where none is named so, the hottest of all."""
        readings = {
            quantity.name.partition(".")[2]: value
            for sensor in self._options.sensors
            for quantity, value in zip(sensor.quantities, sensor.read())
            if quantity.unit == "C" and value is not None
        }
        of_cpu = [value for name, value in readings.items() if any(word in name for word in _CPU_LIKE)]
        return max(of_cpu or readings.values(), default=None)

    def close(self) -> None:
        for sensor in self._options.sensors:
            sensor.close()


_SETTINGS = {
    "kernel": "proc/sys/kernel/osrelease",
    "kernel.build": "proc/sys/kernel/version",
    "kernel.clocksource": "sys/devices/system/clocksource/clocksource0/current_clocksource",
    "kernel.aslr": "proc/sys/kernel/randomize_va_space",
    "memory.swappiness": "proc/sys/vm/swappiness",
    "cpu.governor": "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
    "cpu.scaling_driver": "sys/devices/system/cpu/cpufreq/policy0/scaling_driver",
    "cpu.energy_preference": "sys/devices/system/cpu/cpufreq/policy0/energy_performance_preference",
    "cpu.smt": "sys/devices/system/cpu/smt/control",
    "cpu.online": "sys/devices/system/cpu/online",
    "cpu.isolated": "sys/devices/system/cpu/isolated",
    "cpu.idle_driver": "sys/devices/system/cpu/cpuidle/current_driver",
    "cpu.quota": "sys/fs/cgroup/cpu.max",
    "numa.nodes": "sys/devices/system/node/online",
    "firmware": "sys/class/dmi/id/bios_version",
    "l4t": "etc/nv_tegra_release",
}


def _turbo(root: Path) -> str | None:
    """`on` or `off`: Intel says it upside down (`no_turbo`), all others as `boost`."""
    no_turbo = read_line(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo:
        return "off" if no_turbo == "1" else "on"
    boost = read_line(root / "sys/devices/system/cpu/cpufreq/boost")
    return {"0": "off", "1": "on"}.get(boost or "")


def _chosen(path: Path) -> str | None:
    """The word in brackets of a file that lists all choices: `always [madvise] never`."""
    for word in (read_line(path) or "").split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return None


def _mitigations(root: Path) -> str | None:
    """`off` where the kernel was told so; they cost up to tens of percent in system calls."""
    words = (read_line(root / "proc/cmdline") or "").split()
    return next((word.partition("=")[2] for word in words if word.startswith("mitigations=")), None)


def _plain(value: str) -> str:
    """A knob's value as people write it: a bare word without its quotes."""
    parsed = json.loads(value)
    return parsed if isinstance(parsed, str) else value


def _kept_id(state_dir: Path | None) -> str:
    """For a machine that has neither a serial number nor a machine id: made once, and kept."""
    if state_dir is None:
        raise UsageError(
            "this machine has neither a serial number nor /etc/machine-id, so it cannot be told from others",
            hint="Give it an id: farm-agent --board-id NAME …",
        )
    path = state_dir / "board-id"
    kept = read_line(path)
    if not kept:
        kept = uuid.uuid4().hex[:16]
        state_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(kept + "\n")
    return kept
