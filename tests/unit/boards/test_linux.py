from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.v1 import board_pb2
from farm_agent.boards.base import BoardOptions
from farm_agent.boards.linux import open_board
from farm_agent.environments.host import HostExecutor
from farm_agent.errors import UsageError
from farm_agent.knobs import governor
from farm_agent.sensors import load, thermal_zone

Tree = Callable[[Mapping[str, str]], Path]

CPU = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"


@pytest.fixture
def options(tmp_path: Path) -> BoardOptions:
    return BoardOptions(root=tmp_path, state_dir=tmp_path / "state", executor=HostExecutor(tmp_path / "host"))


def test_the_context_holds_what_could_explain_another_number(tree: Tree, options: BoardOptions) -> None:
    root = tree(
        {
            "proc/sys/kernel/osrelease": "6.6.31\n",
            "proc/cmdline": "console=tty1 mitigations=off quiet\n",
            "proc/loadavg": "0.25 0.10 0.05 1/99 777\n",
            "proc/stat": "cpu 1 2 3 4 5\n",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            f"{CPU}/cpufreq/policy0/scaling_governor": "schedutil\n",
            f"{CPU}/cpufreq/policy0/scaling_driver": "cpufreq-dt\n",
            f"{CPU}/cpufreq/boost": "0\n",
            f"{CPU}/smt/control": "off\n",
            f"{CPU}/online": "0-3\n",
        }
    )
    board = open_board(replace(options, sensors=load.discover(root), knobs=governor.discover(root)))
    assert board.context() == {
        "kernel": "6.6.31",
        "kernel.clocksource": "arch_sys_counter",
        "cpu.governor": "schedutil",
        "cpu.scaling_driver": "cpufreq-dt",
        "cpu.smt": "off",
        "cpu.online": "0-3",
        "cpu.turbo": "off",
        "cpu.mitigations": "off",
        "memory.huge_pages": "madvise",
        "knob.governor": "schedutil",
        "load.1min": "0.25",
    }


@pytest.mark.parametrize(("no_turbo", "turbo"), [("0\n", "on"), ("1\n", "off")])
def test_intel_says_turbo_upside_down(tree: Tree, options: BoardOptions, no_turbo: str, turbo: str) -> None:
    tree({f"{CPU}/intel_pstate/no_turbo": no_turbo, "etc/machine-id": "5f2c7f4c0c8f4f0b9a4d7c1e2b3a4d5e\n"})
    assert open_board(options).context()["cpu.turbo"] == turbo


def zones(tree: Tree, **temperatures: str) -> Path:
    root = Path()
    for number, (kind, millidegrees) in enumerate(temperatures.items()):
        zone = f"{THERMAL}/thermal_zone{number}"
        root = tree({f"{zone}/type": kind.replace("_", "-") + "\n", f"{zone}/temp": millidegrees + "\n"})
    return root


def test_the_gate_judges_by_the_hottest_part_of_the_processor(tree: Tree, options: BoardOptions) -> None:
    root = zones(tree, iwlwifi_1="75000", cpu_thermal="51000", gpu_thermal="53500", nvme="64000")
    board = open_board(replace(options, sensors=thermal_zone.discover(root)))
    assert board.temperature_c() == 53.5


def test_where_no_zone_is_the_processors_the_hottest_of_all_counts(tree: Tree, options: BoardOptions) -> None:
    root = zones(tree, board="41000", ambient="30000")
    assert open_board(replace(options, sensors=thermal_zone.discover(root))).temperature_c() == 41.0


def test_a_sleeping_sensor_does_not_make_a_board_cool(tree: Tree, options: BoardOptions) -> None:
    root = zones(tree, apex="-89700")
    assert open_board(replace(options, sensors=thermal_zone.discover(root))).temperature_c() is None


def test_what_the_operator_says_is_taken(tree: Tree, options: BoardOptions) -> None:
    tree({"etc/machine-id": "5f2c7f4c0c8f4f0b9a4d7c1e2b3a4d5e\n", "proc/sys/kernel/hostname": "pi\n"})
    detected = open_board(options).describe()
    assert detected.name == "pi"
    assert detected.provenance == board_pb2.PROVENANCE_HARDWARE
    described = open_board(replace(options, board_id="mine", name="top shelf", tags={"shelf": "2"})).describe()
    assert (described.board_id, described.name, dict(described.tags)) == ("mine", "top shelf", {"shelf": "2"})
    assert detected.board_id not in ("", "mine")


def test_a_machine_that_nothing_tells_apart_gets_an_id_and_keeps_it(options: BoardOptions) -> None:
    first, second = open_board(options).describe(), open_board(options).describe()
    assert first.board_id == second.board_id != ""


def test_without_a_place_to_keep_one_it_says_what_to_do(options: BoardOptions) -> None:
    with pytest.raises(UsageError, match="neither a serial number") as raised:
        open_board(replace(options, state_dir=None))
    assert "--board-id" in raised.value.hint
