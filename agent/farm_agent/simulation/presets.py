"""The boards that can be simulated: `simulated:pi4`, and the numbers behind each.

The numbers are assumptions. They are chosen so that the model does what boards of that kind were seen doing in public
reports (how hot they idle, where they throttle, how long they take), and none of them was measured here; a simulated
board stands for "a board like this one", never for the one that you own. docs/simulated-board.md names each source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRESETS", "Compute", "Preset", "Thermal", "Throttling"]

_MHZ = 1e6
_GIB = 1024**3


@dataclass(frozen=True)
class Thermal:
    """Two bodies in a row, die and heat sink (or bare board), and the air around them."""

    die_capacity_j_per_k: float
    sink_capacity_j_per_k: float
    die_to_sink_k_per_w: float
    sink_to_air_k_per_w: float
    fan_to_air_k_per_w: float
    """Instead of `sink_to_air_k_per_w` while a fan blows."""
    idle_w: float
    busy_w: float
    """On top of `idle_w`, with all cores busy at the highest clock."""

    @property
    def die_time_constant_s(self) -> float:
        return self.die_capacity_j_per_k * self.die_to_sink_k_per_w

    @property
    def sink_time_constant_s(self) -> float:
        return self.sink_capacity_j_per_k * self.sink_to_air_k_per_w


@dataclass(frozen=True)
class Throttling:
    """One clock step down at each trip that is passed, one up again `hysteresis_k` below it.

    With a single trip every further step down is taken there too, one each `period_s`, until it is cool enough.
    """

    trips_c: tuple[float, ...]
    hysteresis_k: float
    period_s: float
    reason: str


@dataclass(frozen=True)
class Compute:
    """How fast it computes."""

    macs_per_cycle: float
    """Multiply-accumulates in float32 of one core and one cycle, as an inference runtime reaches them."""
    memory_share: float
    """Part of a latency that does not follow the clock."""
    parallel_share: float
    """Amdahl's: the part of a latency that more threads shorten."""
    int8_speedup: float
    """Of int8 over float32."""
    float32: bool = True
    """False: it runs int8 models only, as an Edge TPU does."""


@dataclass(frozen=True)
class Preset:
    """One kind of simulated board."""

    name: str
    device_model: str
    cpu_model: str
    cores: int
    memory_bytes: int
    clocks_hz: tuple[float, ...]
    """Steps from the highest, which is the stock clock, down."""
    thermal: Thermal
    throttling: Throttling
    compute: Compute
    fan: str = "off"
    """How the fan stands when nobody set it: `on`, `off`, or `auto` (on from 60 C, off below 50 C)."""
    boot_s: float = 25.0
    measures: bool = True
    """False: jobs pass at once, without load, sensors or physics."""
    zones: Mapping[str, float] = field(default_factory=lambda: {"cpu-thermal": 0.0})
    """Temperature quantities, and what each reads above the die."""


PI4 = Preset(
    name="pi4",
    device_model="Simulated board like a Raspberry Pi 4 without heat sink",
    cpu_model="Cortex-A72 (simulated)",
    cores=4,
    memory_bytes=4 * _GIB,
    clocks_hz=(1500 * _MHZ, 1400 * _MHZ, 1300 * _MHZ, 1200 * _MHZ, 1000 * _MHZ, 800 * _MHZ, 600 * _MHZ),
    thermal=Thermal(
        die_capacity_j_per_k=1.5,
        sink_capacity_j_per_k=14.0,
        die_to_sink_k_per_w=3.0,
        sink_to_air_k_per_w=10.0,
        fan_to_air_k_per_w=4.0,
        idle_w=1.9,
        busy_w=3.3,
    ),
    throttling=Throttling(trips_c=(80.0,), hysteresis_k=2.0, period_s=1.0, reason="soft temperature limit"),
    compute=Compute(macs_per_cycle=3.0, memory_share=0.25, parallel_share=0.9, int8_speedup=1.9),
)

PI5 = Preset(
    name="pi5",
    device_model="Simulated board like a Raspberry Pi 5 with its fan",
    cpu_model="Cortex-A76 (simulated)",
    cores=4,
    memory_bytes=8 * _GIB,
    clocks_hz=(2400 * _MHZ, 2200 * _MHZ, 2000 * _MHZ, 1800 * _MHZ, 1500 * _MHZ),
    thermal=Thermal(
        die_capacity_j_per_k=2.0,
        sink_capacity_j_per_k=25.0,
        die_to_sink_k_per_w=1.8,
        sink_to_air_k_per_w=9.0,
        fan_to_air_k_per_w=4.2,
        idle_w=2.6,
        busy_w=3.2,
    ),
    throttling=Throttling(
        trips_c=(80.0, 82.0, 84.0, 85.0), hysteresis_k=3.0, period_s=1.0, reason="soft temperature limit"
    ),
    compute=Compute(macs_per_cycle=8.0, memory_share=0.2, parallel_share=0.9, int8_speedup=2.6),
    fan="auto",
    boot_s=18.0,
)

JETSON_NANO = Preset(
    name="jetson-nano",
    device_model="Simulated board like a Jetson Nano on its heat sink",
    cpu_model="Cortex-A57 (simulated)",
    cores=4,
    memory_bytes=4 * _GIB,
    clocks_hz=(1479 * _MHZ, 1326 * _MHZ, 1224 * _MHZ, 1036 * _MHZ, 825 * _MHZ, 614 * _MHZ),
    thermal=Thermal(
        die_capacity_j_per_k=3.0,
        sink_capacity_j_per_k=110.0,
        die_to_sink_k_per_w=1.4,
        sink_to_air_k_per_w=4.6,
        fan_to_air_k_per_w=1.6,
        idle_w=1.6,
        busy_w=6.5,
    ),
    throttling=Throttling(trips_c=(97.0,), hysteresis_k=3.0, period_s=1.0, reason="cpu-throttle-alert"),
    compute=Compute(macs_per_cycle=3.2, memory_share=0.25, parallel_share=0.9, int8_speedup=1.5),
    boot_s=40.0,
    zones={"cpu-therm": 0.0, "gpu-therm": -1.5},
)

CORAL = Preset(
    name="coral",
    device_model="Simulated board like a Coral Dev Board without its fan",
    cpu_model="Edge TPU and Cortex-A53 (simulated)",
    cores=1,
    memory_bytes=1 * _GIB,
    clocks_hz=(500 * _MHZ, 250 * _MHZ, 125 * _MHZ, 62.5 * _MHZ),
    thermal=Thermal(
        die_capacity_j_per_k=2.0,
        sink_capacity_j_per_k=30.0,
        die_to_sink_k_per_w=4.0,
        sink_to_air_k_per_w=13.0,
        fan_to_air_k_per_w=5.0,
        idle_w=1.8,
        busy_w=2.0,
    ),
    throttling=Throttling(trips_c=(85.0, 90.0, 95.0), hysteresis_k=5.0, period_s=5.0, reason="apex trip point"),
    compute=Compute(macs_per_cycle=900.0, memory_share=0.4, parallel_share=0.0, int8_speedup=1.0, float32=False),
    boot_s=35.0,
    zones={"apex": 0.0},
)

NOOP = Preset(
    name="noop",
    device_model="Simulated board that measures nothing",
    cpu_model="none (simulated)",
    cores=1,
    memory_bytes=1 * _GIB,
    clocks_hz=(1000 * _MHZ,),
    thermal=Thermal(1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0),
    throttling=Throttling(trips_c=(1000.0,), hysteresis_k=1.0, period_s=1.0, reason="never"),
    compute=Compute(macs_per_cycle=1.0, memory_share=0.0, parallel_share=0.0, int8_speedup=1.0),
    boot_s=0.0,
    measures=False,
    zones={},
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (PI4, PI5, JETSON_NANO, CORAL, NOOP)}
