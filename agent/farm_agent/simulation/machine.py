"""The simulated machine: its physics in virtual time, its settings, and what outlives its agent.

Settings, the count of boots and the count of attempts are kept in a file, as a card keeps them on a real board: an
agent that was killed in the middle of an attempt finds the overclock that it left behind, and puts it back.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Callable

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import CancelledError, KnobError
from farm_agent.simulation.clock import VirtualClock
from farm_agent.simulation.faults import Fault, FaultPlan
from farm_agent.simulation.physics import Physics
from farm_agent.simulation.presets import Preset

__all__ = ["Machine", "Settings", "View"]

_MHZ = 1e6


@dataclass(frozen=True)
class Settings:
    """What the knobs set. `clock` is canonical JSON, `"stock"` or what `config.txt` of a Raspberry Pi would say."""

    clock: str = '"stock"'
    governor: str = "ondemand"
    fan: str = "off"


@dataclass(frozen=True)
class View:
    """What the sensors see at one time."""

    die_c: float
    clock_hz: float
    power_w: float
    load_average: float
    throttle_bits: int
    throttle_reason: str | None


class Machine:
    """One simulated machine. Its methods may be called by any thread."""

    def __init__(
        self,
        preset: Preset,
        clock: VirtualClock,
        *,
        seed: int = 0,
        ambient_c: float = 25.0,
        faults: FaultPlan | None = None,
        state_file: Path | None = None,
    ) -> None:
        self.preset = preset
        self.clock = clock
        self.seed = seed
        self._physics = Physics(preset, ambient_c)
        self._plan = faults or FaultPlan()
        self._state_file = state_file
        self._lock = threading.RLock()
        self._boots = 1
        self._attempts = 0
        self._settings = Settings(fan=preset.fan)
        self._load()
        self._use_settings()

    @property
    def boot_id(self) -> str:
        """Another one after each boot."""
        digest = hashlib.sha256(f"{self.preset.name} {self.seed} boot {self._boots}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16]))

    @property
    def settings(self) -> Settings:
        return self._settings

    def view(self) -> View:
        """The machine now."""
        with self._lock:
            physics = self._now()
            return View(
                die_c=physics.die_c,
                clock_hz=physics.clock_hz,
                power_w=physics.power_w,
                load_average=physics.load_average,
                throttle_bits=physics.throttle_bits,
                throttle_reason=physics.throttle_reason(),
            )

    def work(self, seconds: float, busy_cores: float, cancel: threading.Event) -> None:
        """Let `seconds` pass with so many cores busy. Raises `CancelledError` as soon as `cancel` is set."""
        self._set_busy(busy_cores)
        if self.clock.wait(seconds, cancel):
            self.rest()
            raise CancelledError("the attempt was asked to stop", log_tail="[simulated] stopped\n")

    def rest(self) -> None:
        """No core is busy from now on."""
        self._set_busy(0.0)

    def sag(self, duration_s: float) -> None:
        """The supply falls below its limit for a while."""
        with self._lock:
            self._now().start_under_voltage(duration_s)

    def reboot(self) -> None:
        """Take the time that a boot takes; the boot id is another one after it.

        A real board's agent ends here and comes back. This one lives on: whoever announces reboots to the coordinator
        can tell by the boot id in `describe().facts` that there was one.
        """
        self.rest()
        self.clock.wait(self.preset.boot_s)
        with self._lock:
            self._boots += 1
            self._save()
            self._now().boot()

    def begin_attempt(self) -> int:
        """The number of the attempt that begins now, counted from 1 over the life of the board."""
        with self._lock:
            self._attempts += 1
            self._save()
            return self._attempts

    def faults_now(self) -> Mapping[str, Fault]:
        """From phase to the first fault that the attempt under way has in it."""
        faults: dict[str, Fault] = {}
        for fault in self._plan.of_attempt(self._attempts):
            faults.setdefault(fault.phase, fault)
        return faults

    def change(self, knob: str, phase: str, edit: Callable[[Settings], Settings]) -> None:
        """Set a knob; `phase` is `apply` or `restore`. Raises `KnobError` where a fault says that it is refused."""
        fault = self.faults_now().get(phase)
        if fault is not None:
            raise KnobError(f"{knob}: the simulated board refuses it in {phase}", kind=attempt_pb2.ERROR_KIND_BOARD)
        with self._lock:
            before = self._settings
            self._settings = edit(before)
            self._save()
        if self._settings.clock != before.clock:
            # Read at boot only, as config.txt is.
            self.reboot()
        with self._lock:
            self._now()
            self._use_settings()

    def _set_busy(self, cores: float) -> None:
        with self._lock:
            self._now().set_busy(cores)

    def _now(self) -> Physics:
        self._physics.advance(self.clock.monotonic())
        return self._physics

    def _use_settings(self) -> None:
        physics = self._physics
        physics.governor, physics.fan = self._settings.governor, self._settings.fan
        wanted = json.loads(self._settings.clock)
        if isinstance(wanted, dict):
            top_hz = wanted["arm_freq"] * _MHZ if "arm_freq" in wanted else None
            physics.set_clock(top_hz, wanted.get("over_voltage", 0))
        else:
            physics.set_clock(None)

    def _load(self) -> None:
        if self._state_file is None or not self._state_file.exists():
            return
        kept = json.loads(self._state_file.read_text())
        self._boots, self._attempts = kept["boots"], kept["attempts"]
        self._settings = replace(self._settings, **kept["settings"])

    def _save(self) -> None:
        if self._state_file is None:
            return
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        kept = {"boots": self._boots, "attempts": self._attempts, "settings": asdict(self._settings)}
        fresh = self._state_file.with_suffix(".new")
        fresh.write_text(json.dumps(kept))
        fresh.replace(self._state_file)
