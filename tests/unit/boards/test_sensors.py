from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import pytest

from farm_agent.sensors import cooling_device, cpufreq, load, memory, thermal_zone
from farm_agent.sensors.base import Sensor

Tree = Callable[[Mapping[str, str]], Path]

CPUFREQ = "sys/devices/system/cpu/cpufreq"


def readings(sensors: list[Sensor]) -> dict[str, float | None]:
    return {quantity.name: value for sensor in sensors for quantity, value in zip(sensor.quantities, sensor.read())}


def test_zones_are_named_by_their_type_and_counted_when_there_are_more(tree: Tree) -> None:
    zones = "sys/class/thermal/thermal_zone"
    root = tree(
        {
            f"{zones}0/type": "acpitz\n",
            f"{zones}0/temp": "27800\n",
            f"{zones}1/type": "acpitz\n",
            f"{zones}1/temp": "29800\n",
            f"{zones}2/type": "CPU-therm\n",
            f"{zones}2/temp": "48312\n",
            f"{zones}10/type": "acpitz\n",
            f"{zones}10/temp": "16800\n",
        }
    )
    assert readings(list(thermal_zone.discover(root))) == {
        "temperature.acpitz": 27.8,
        "temperature.acpitz-2": 29.8,
        "temperature.cpu-therm": 48.312,
        "temperature.acpitz-3": 16.8,
    }


@pytest.mark.parametrize("nonsense", ["-89700", "-256000", "-40001", "150001", "not a number", ""])
def test_what_no_board_at_work_can_be_is_unknown(tree: Tree, nonsense: str) -> None:
    root = tree(
        {
            "sys/class/thermal/thermal_zone0/type": "apex\n",
            "sys/class/thermal/thermal_zone0/temp": nonsense + "\n",
        }
    )
    assert readings(list(thermal_zone.discover(root))) == {"temperature.apex": None}


def test_a_zone_that_vanishes_and_comes_back_is_read_anew(tree: Tree) -> None:
    root = tree(
        {"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n", "sys/class/thermal/thermal_zone0/temp": "50000\n"}
    )
    (sensor,) = thermal_zone.discover(root)
    assert sensor.read() == (50.0,)
    (root / "sys/class/thermal/thermal_zone0/temp").unlink()
    assert sensor.read() == (None,)
    tree({"sys/class/thermal/thermal_zone0/temp": "51000\n"})
    assert sensor.read() == (51.0,)


def test_a_value_that_changes_in_place_is_seen(tree: Tree) -> None:
    name = "sys/class/thermal/thermal_zone0/temp"
    root = tree({"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n", name: "50000\n"})
    (sensor,) = thermal_zone.discover(root)
    sensor.read()
    with (root / name).open("r+") as file:
        file.write("61250\n")
    assert sensor.read() == (61.25,)


def test_the_clock_that_was_asked_for_and_the_true_one_have_different_names(tree: Tree) -> None:
    root = tree(
        {
            f"{CPUFREQ}/policy0/scaling_driver": "cpufreq-dt\n",
            f"{CPUFREQ}/policy0/scaling_cur_freq": "1200000\n",
            f"{CPUFREQ}/policy0/cpuinfo_cur_freq": "657000\n",
        }
    )
    assert readings(list(cpufreq.discover(root))) == {"clock_asked.policy0": 1.2e9, "clock.policy0": 6.57e8}


def test_a_clock_that_only_root_may_read_is_no_quantity(tree: Tree) -> None:
    root = tree(
        {f"{CPUFREQ}/policy0/scaling_driver": "cpufreq-dt\n", f"{CPUFREQ}/policy0/scaling_cur_freq": "1200000\n"}
    )
    assert list(readings(list(cpufreq.discover(root)))) == ["clock_asked.policy0"]


def test_on_x86_the_kernel_counts_cycles_and_the_cores_are_not_interrupted(tree: Tree) -> None:
    root = tree(
        {
            f"{CPUFREQ}/policy0/scaling_driver": "intel_pstate\n",
            f"{CPUFREQ}/policy0/scaling_cur_freq": "3592101\n",
            f"{CPUFREQ}/policy0/cpuinfo_cur_freq": "3600000\n",
        }
    )
    assert readings(list(cpufreq.discover(root))) == {"clock.policy0": 3.592101e9}


def test_many_policies_are_told_by_their_lowest_and_highest(tree: Tree) -> None:
    files = {}
    for policy in range(12):
        files[f"{CPUFREQ}/policy{policy}/scaling_driver"] = "amd-pstate\n"
        files[f"{CPUFREQ}/policy{policy}/scaling_cur_freq"] = f"{2_000_000 + policy * 100_000}\n"
    assert readings(list(cpufreq.discover(tree(files)))) == {"clock.min": 2.0e9, "clock.max": 3.1e9}


def test_only_cooling_devices_that_throttle_are_read_and_they_say_why(tree: Tree) -> None:
    devices = "sys/class/thermal/cooling_device"
    root = tree(
        {
            f"{devices}0/type": "pwm-fan\n",
            f"{devices}0/cur_state": "3\n",
            f"{devices}1/type": "cpu-throttle-alert\n",
            f"{devices}1/cur_state": "0\n",
            f"{devices}2/type": "cpufreq-cpu0\n",
            f"{devices}2/cur_state": "2\n",
            f"{devices}3/type": "Processor\n",
            f"{devices}3/cur_state": "0\n",
            f"{devices}4/type": "Processor\n",
            f"{devices}4/cur_state": "1\n",
            f"{devices}5/type": "intel_powerclamp\n",
            f"{devices}5/cur_state": "-1\n",
        }
    )
    sensors = list(cooling_device.discover(root))
    assert readings(sensors) == {
        "throttle.Processor": 1.0,
        "throttle.cpu-throttle-alert": 0.0,
        "throttle.cpufreq-cpu0": 2.0,
        "throttle.intel_powerclamp": 0.0,
    }
    assert [sensor.throttle_reason() for sensor in sensors] == ["Processor", None, "cpufreq-cpu0", None]


def test_a_cooling_device_that_cannot_be_read_does_not_say_that_nothing_throttles(tree: Tree) -> None:
    root = tree({"sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n"})
    (sensor,) = cooling_device.discover(root)
    assert sensor.read() == (None,)


def stat(user: int, system: int, idle: int, iowait: int, steal: int) -> dict[str, str]:
    return {"proc/stat": f"cpu  {user} 0 {system} {idle} {iowait} 0 0 {steal} 0 0\ncpu0 1 2 3 4\n"}


def test_shares_are_those_of_the_time_between_two_reads(tree: Tree) -> None:
    root = tree({"proc/loadavg": "1.06 0.90 0.70 2/180 1234\n", **stat(1000, 500, 8000, 100, 50)})
    (sensor,) = load.discover(root)
    assert list(sensor.read()) == [1.06, None, None, None, None]
    tree(stat(1060, 510, 8025, 103, 52))
    assert list(sensor.read()) == [
        1.06,
        pytest.approx(0.7),
        pytest.approx(0.1),
        pytest.approx(0.03),
        pytest.approx(0.02),
    ]


def test_too_few_ticks_give_no_share_and_are_counted_in_the_next(tree: Tree) -> None:
    root = tree({"proc/loadavg": "0.00 0.00 0.00 1/1 1\n", **stat(1000, 0, 1000, 0, 0)})
    (sensor,) = load.discover(root)
    sensor.read()
    tree(stat(1002, 0, 1000, 0, 0))
    assert list(sensor.read())[1:] == [None] * 4
    tree(stat(1005, 0, 1005, 0, 0))
    assert sensor.read()[1] == pytest.approx(0.5)


def test_memory_and_swap_are_bytes(tree: Tree) -> None:
    root = tree(
        {
            "proc/meminfo": (
                "MemTotal: 3884364 kB\nMemAvailable:    3300000 kB\nSwapTotal: 102396 kB\nSwapFree: 100000 kB\n"
            )
        }
    )
    assert readings(list(memory.discover(root))) == {
        "memory.available": 3_300_000 * 1024.0,
        "swap.used": 2396 * 1024.0,
    }


def test_an_old_kernel_that_does_not_estimate_memory_says_unknown(tree: Tree) -> None:
    root = tree({"proc/meminfo": "MemTotal: 1000 kB\nMemFree: 10 kB\n"})
    assert readings(list(memory.discover(root))) == {"memory.available": None, "swap.used": None}


def test_a_machine_without_sensors_has_none(tmp_path: Path) -> None:
    for kind in (thermal_zone, cpufreq, cooling_device, load, memory):
        assert not kind.discover(tmp_path)
