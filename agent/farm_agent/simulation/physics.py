"""The physics of a simulated board: heat, clocks, and how the one limits the other.

    load x clock x volts^2  ->  power  ->  die  ->  heat sink  ->  air
             ^                              |
             └── one clock step less ───────┘  above a trip; one more again below it

Heat flows through two bodies in a row (an RC ladder), which gives the two time constants that real boards show:
seconds for the die, minutes for the heat sink. Everything is a function of the virtual time alone: the state moves on
in steps of a fixed grid, so it does not matter when or how often somebody looks.
"""

from __future__ import annotations

import math

from farm_agent.simulation.presets import Preset

__all__ = ["CAPPED", "SOFT_LIMIT", "THROTTLED", "UNDER_VOLTAGE", "Physics"]

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 0x1, 0x2, 0x4, 0x8
"""Bits of the throttle word, those of `vcgencmd get_throttled`; shifted left by 16: has occurred since boot."""

_STEP_S = 0.05
_LOAD_AVERAGE_S = 60.0
_FAN_ON_C, _FAN_OFF_C = 60.0, 50.0
_NOMINAL_V, _LOWEST_V_SHARE, _OVER_VOLTAGE_STEP_V = 0.85, 0.7, 0.025


class Physics:
    """Temperatures, clock, power and throttle bits at a time; times are seconds on the board's clock and never fall."""

    def __init__(self, preset: Preset, ambient_c: float = 25.0) -> None:
        self._thermal = preset.thermal
        self._throttling = preset.throttling
        self._cores = preset.cores
        self._stock_clocks_hz = preset.clocks_hz
        self._clocks_hz = preset.clocks_hz
        self._step_count = 0
        self._volts_share = 1.0
        self._level = 0
        self._controlled_at_s = 0.0
        self._under_voltage_until_s = -math.inf
        self._fan_blows = False
        self.ambient_c = ambient_c
        self.governor = "ondemand"
        self.fan = preset.fan
        self.busy_cores = 0.0
        self.load_average = 0.0
        self.throttle_bits = 0
        self.die_c, self.sink_c = self.steady_state_c()

    # What is asked of the board.

    def set_busy(self, cores: float) -> None:
        """From now on this many cores work."""
        self.busy_cores = min(float(self._cores), max(0.0, cores))

    def set_clock(self, top_hz: float | None, over_voltage: int = 0) -> None:
        """Overclock or underclock: the highest step becomes `top_hz` (None: stock), each voltage step adds 25 mV."""
        stock = self._stock_clocks_hz
        self._clocks_hz = stock if top_hz is None else (top_hz, *(clock for clock in stock if clock < top_hz))
        self._volts_share = 1.0 + over_voltage * _OVER_VOLTAGE_STEP_V / _NOMINAL_V
        self._level = 0

    def start_under_voltage(self, duration_s: float) -> None:
        """The supply sags, from now on."""
        self._under_voltage_until_s = max(self._under_voltage_until_s, self.now_s + duration_s)
        self._note_bits()

    def boot(self) -> None:
        """What a reboot resets: the cores rest, the sticky bits are cleared."""
        self.set_busy(0.0)
        self._level = 0
        self.throttle_bits = 0

    # What can be read.

    @property
    def now_s(self) -> float:
        """The last point of the grid that was reached."""
        return self._step_count * _STEP_S

    @property
    def clock_hz(self) -> float:
        """What the cores run at: asked for by the governor, capped by heat or by under-voltage."""
        if self._under_voltage_until_s > self.now_s:
            return self._clocks_hz[-1]
        capped_hz = self._clocks_hz[min(self._level, len(self._clocks_hz) - 1)]
        return min(self._asked_hz(), capped_hz)

    @property
    def top_hz(self) -> float:
        """The highest step of the clock that is set."""
        return self._clocks_hz[0]

    @property
    def power_w(self) -> float:
        """Of the whole board, as heat."""
        top_hz = self._stock_clocks_hz[0]
        clock_share = self.clock_hz / top_hz
        # Volts follow the clock linearly from 70 % at a standstill; the dynamic power goes with f V^2.
        volts = (_LOWEST_V_SHARE + (1.0 - _LOWEST_V_SHARE) * clock_share) * self._volts_share
        return self._thermal.idle_w + self._thermal.busy_w * (self.busy_cores / self._cores) * clock_share * volts**2

    def throttle_reason(self) -> str | None:
        """Why it runs slower than asked, now."""
        if self.throttle_bits & UNDER_VOLTAGE:
            return "under-voltage"
        return self._throttling.reason if self.throttle_bits & SOFT_LIMIT else None

    def steady_state_c(self) -> tuple[float, float]:
        """Die and heat sink if power and fan stayed as they are for ever."""
        sink_c = self.ambient_c + self.power_w * self._to_air_k_per_w()
        return sink_c + self.power_w * self._thermal.die_to_sink_k_per_w, sink_c

    def advance(self, to_s: float) -> None:
        """Go on to the last point of the grid that is not after `to_s`."""
        target = math.floor(to_s / _STEP_S + 1e-6)
        while self._step_count < target:
            self._step()

    # How it moves.

    def _asked_hz(self) -> float:
        lowest_hz, top_hz = self._clocks_hz[-1], self._clocks_hz[0]
        if self.governor == "powersave":
            return lowest_hz
        return top_hz if self.governor == "performance" or self.busy_cores > 0.0 else lowest_hz

    def _to_air_k_per_w(self) -> float:
        return self._thermal.fan_to_air_k_per_w if self._fan_blows else self._thermal.sink_to_air_k_per_w

    def _step(self) -> None:
        thermal = self._thermal
        into_sink_w = (self.die_c - self.sink_c) / thermal.die_to_sink_k_per_w
        into_air_w = (self.sink_c - self.ambient_c) / self._to_air_k_per_w()
        self.die_c += _STEP_S * (self.power_w - into_sink_w) / thermal.die_capacity_j_per_k
        self.sink_c += _STEP_S * (into_sink_w - into_air_w) / thermal.sink_capacity_j_per_k
        self.load_average += (self.busy_cores - self.load_average) * _STEP_S / _LOAD_AVERAGE_S
        self._step_count += 1
        if self.now_s - self._controlled_at_s >= self._throttling.period_s - _STEP_S / 2:
            self._controlled_at_s = self.now_s
            self._control()
        self._note_bits()

    def _control(self) -> None:
        """The firmware's turn: clock steps by trips with hysteresis, the fan by its two temperatures."""
        trips = self._throttling.trips_c
        last_trip = len(trips) - 1
        if self._level < len(self._clocks_hz) - 1 and self.die_c >= trips[min(self._level, last_trip)]:
            self._level += 1
        elif self._level and self.die_c < trips[min(self._level - 1, last_trip)] - self._throttling.hysteresis_k:
            self._level -= 1
        if self.fan == "auto":
            self._fan_blows = self.die_c >= (_FAN_OFF_C if self._fan_blows else _FAN_ON_C)
        else:
            self._fan_blows = self.fan == "on"

    def _note_bits(self) -> None:
        live = 0
        if self._under_voltage_until_s > self.now_s:
            live |= UNDER_VOLTAGE | THROTTLED
        if self._level:
            live |= CAPPED | SOFT_LIMIT
        self.throttle_bits = (self.throttle_bits & ~0xF) | live | live << 16
