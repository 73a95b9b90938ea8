from __future__ import annotations

import math
from dataclasses import replace

import pytest

from farm_agent.simulation.physics import CAPPED, SOFT_LIMIT, UNDER_VOLTAGE, Physics
from farm_agent.simulation.presets import CORAL, JETSON_NANO, NOOP, PI4, PI5, PRESETS, Preset

PHYSICAL = [PI4, PI5, JETSON_NANO, CORAL]


@pytest.mark.parametrize("preset", PHYSICAL, ids=lambda preset: preset.name)
def test_an_idle_board_rests_at_ambient_plus_power_times_resistance(preset: Preset) -> None:
    physics = Physics(replace(preset, fan="off"), ambient_c=21.0)
    physics.advance(3600.0)
    thermal = preset.thermal
    expected_c = 21.0 + thermal.idle_w * (thermal.die_to_sink_k_per_w + thermal.sink_to_air_k_per_w)
    assert physics.die_c == pytest.approx(expected_c, abs=0.05)
    assert physics.sink_c == pytest.approx(21.0 + thermal.idle_w * thermal.sink_to_air_k_per_w, abs=0.05)


def test_a_busy_board_settles_at_ambient_plus_power_times_resistance() -> None:
    physics = Physics(JETSON_NANO, ambient_c=25.0)
    physics.set_busy(4)
    physics.advance(5 * 3600.0)
    thermal = JETSON_NANO.thermal
    power_w = thermal.idle_w + thermal.busy_w
    assert physics.power_w == pytest.approx(power_w)
    assert physics.die_c == pytest.approx(
        25.0 + power_w * (thermal.die_to_sink_k_per_w + thermal.sink_to_air_k_per_w), abs=0.1
    )


def test_the_heat_sink_warms_with_its_time_constant() -> None:
    physics = Physics(JETSON_NANO)
    cold_c = physics.sink_c
    physics.set_busy(4)
    hot_c = physics.steady_state_c()[1]
    tau_s = JETSON_NANO.thermal.sink_time_constant_s
    physics.advance(tau_s)
    # The die's own seconds delay it a little.
    assert (physics.sink_c - cold_c) / (hot_c - cold_c) == pytest.approx(1.0 - math.exp(-1.0), abs=0.02)


def test_the_die_leads_the_heat_sink_by_its_own_time_constant() -> None:
    physics = Physics(JETSON_NANO)
    cold_c = physics.die_c - physics.sink_c
    physics.set_busy(4)
    hot_c = physics.power_w * JETSON_NANO.thermal.die_to_sink_k_per_w
    physics.advance(JETSON_NANO.thermal.die_time_constant_s)
    led_c = physics.die_c - physics.sink_c
    assert (led_c - cold_c) / (hot_c - cold_c) == pytest.approx(1.0 - math.exp(-1.0), abs=0.03)


def test_a_bare_board_throttles_at_its_trip_and_recovers() -> None:
    physics = Physics(PI4)
    physics.set_busy(4)
    while not physics.throttle_bits & SOFT_LIMIT:
        assert physics.clock_hz == 1.5e9
        assert physics.throttle_reason() is None
        physics.advance(physics.now_s + 1.0)
        assert physics.now_s < 1200.0
    assert physics.die_c == pytest.approx(80.0, abs=1.0)
    assert physics.clock_hz < 1.5e9
    assert physics.throttle_reason() == "soft temperature limit"
    hottest_c = 0.0
    for _ in range(1200):
        physics.advance(physics.now_s + 1.0)
        hottest_c = max(hottest_c, physics.die_c)
    assert hottest_c < 83.0
    physics.set_busy(0)
    physics.advance(physics.now_s + 600.0)
    assert physics.throttle_reason() is None
    assert not physics.throttle_bits & CAPPED
    # It has occurred since boot, and stays so until the next.
    assert physics.throttle_bits & SOFT_LIMIT << 16
    physics.boot()
    assert physics.throttle_bits == 0


def test_one_core_does_not_heat_it_that_far() -> None:
    physics = Physics(PI4)
    physics.set_busy(1)
    physics.advance(3600.0)
    assert physics.throttle_bits == 0
    assert physics.die_c < 70.0


def test_a_fan_keeps_the_clock_up() -> None:
    physics = Physics(replace(PI4, fan="auto"))
    physics.set_busy(4)
    physics.advance(3600.0)
    assert physics.throttle_bits == 0
    assert physics.clock_hz == 1.5e9


def test_warmer_air_throttles_sooner() -> None:
    def throttles_at_s(ambient_c: float) -> float:
        physics = Physics(PI4, ambient_c)
        physics.set_busy(4)
        while not physics.throttle_bits:
            physics.advance(physics.now_s + 1.0)
        return physics.now_s

    assert throttles_at_s(35.0) < throttles_at_s(25.0) / 2


def test_an_edge_tpu_halves_its_clock_at_each_trip() -> None:
    physics = Physics(CORAL, ambient_c=45.0)
    physics.set_busy(1)
    clocks = []
    for _ in range(2400):
        physics.advance(physics.now_s + 1.0)
        if physics.clock_hz not in clocks:
            clocks.append(physics.clock_hz)
    assert clocks[:2] == [500e6, 250e6]
    assert set(clocks) <= {500e6, 250e6, 125e6, 62.5e6}


def test_the_governor_and_an_overclock_choose_the_clock() -> None:
    physics = Physics(PI4)
    assert physics.clock_hz == 600e6
    physics.set_busy(1)
    assert physics.clock_hz == 1500e6
    physics.governor = "powersave"
    assert physics.clock_hz == 600e6
    physics.governor = "performance"
    physics.set_busy(0)
    assert physics.clock_hz == 1500e6
    stock_w = physics.power_w
    physics.set_busy(4)
    busy_stock_w = physics.power_w
    physics.set_clock(2000e6, over_voltage=6)
    assert physics.clock_hz == 2000e6
    assert physics.power_w > busy_stock_w * 1.2 > stock_w


def test_under_voltage_takes_the_lowest_clock_while_it_lasts() -> None:
    physics = Physics(PI4)
    physics.set_busy(4)
    physics.advance(5.0)
    physics.start_under_voltage(2.0)
    physics.advance(6.0)
    assert physics.clock_hz == 600e6
    assert physics.throttle_reason() == "under-voltage"
    assert physics.throttle_bits == 0x50005
    physics.advance(7.1)
    assert physics.clock_hz == 1500e6
    assert physics.throttle_bits == UNDER_VOLTAGE << 16 | 0x40000


def test_it_does_not_matter_how_often_somebody_looks() -> None:
    seldom, often = Physics(PI4), Physics(PI4)
    for physics in (seldom, often):
        physics.set_busy(4)
    seldom.advance(700.0)
    for tick in range(1, 7001):
        often.advance(tick / 10)
    assert (seldom.die_c, seldom.sink_c, seldom.clock_hz) == (often.die_c, often.sink_c, often.clock_hz)


def test_the_load_average_is_one_of_a_minute() -> None:
    physics = Physics(PI4)
    physics.set_busy(4)
    physics.advance(60.0)
    assert physics.load_average == pytest.approx(4 * (1.0 - math.exp(-1.0)), abs=0.01)


def test_every_preset_is_its_own_name_and_runs_down_from_its_stock_clock() -> None:
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert list(preset.clocks_hz) == sorted(preset.clocks_hz, reverse=True)
        assert "imulated" in preset.device_model
    assert not NOOP.measures
