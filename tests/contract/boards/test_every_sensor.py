"""What telemetry may rely on, whatever sensor it reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Callable

from farm_agent.sensors.base import UNITS, Sensor

Discover = Callable[[Path], Sequence[Sensor]]


def test_it_finds_itself_on_a_machine_that_has_it(discover_sensors: Discover, machine: Path) -> None:
    assert discover_sensors(machine)


def test_it_invents_nothing_on_a_machine_that_has_not(discover_sensors: Discover, tmp_path: Path) -> None:
    assert list(discover_sensors(tmp_path / "nothing")) == []


def test_its_quantities_are_fixed_named_once_and_have_a_known_unit(discover_sensors: Discover, machine: Path) -> None:
    sensors = discover_sensors(machine)
    quantities = [quantity for sensor in sensors for quantity in sensor.quantities]
    assert len({quantity.name for quantity in quantities}) == len(quantities)
    assert {quantity.unit for quantity in quantities} <= UNITS
    assert all("." in quantity.name for quantity in quantities)
    for sensor in sensors:
        assert sensor.source
        before = list(sensor.quantities)
        sensor.read()
        assert list(sensor.quantities) == before


def test_each_read_answers_every_quantity(discover_sensors: Discover, machine: Path) -> None:
    for sensor in discover_sensors(machine):
        for _ in range(3):
            assert len(sensor.read()) == len(sensor.quantities)


def test_what_vanished_is_unknown_and_no_error(discover_sensors: Discover, machine: Path) -> None:
    sensors = discover_sensors(machine)
    for sensor in sensors:
        sensor.read()
    shutil.rmtree(machine)
    for sensor in sensors:
        assert set(sensor.read()) == {None}
        assert sensor.throttle_reason() is None


def test_what_is_damaged_is_unknown_and_no_error(discover_sensors: Discover, machine: Path) -> None:
    sensors = discover_sensors(machine)
    for path in machine.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\x00 no number")
    for sensor in sensors:
        assert set(sensor.read()) == {None}


def test_it_reads_again_after_its_files_were_closed(discover_sensors: Discover, machine: Path) -> None:
    for sensor in discover_sensors(machine):
        before = [value is None for value in sensor.read()]
        sensor.close()
        assert [value is None for value in sensor.read()] == before


def test_every_sensor_of_the_agent_is_in_this_suite(sensor_kinds: set[str]) -> None:
    assert {entry.name for entry in metadata.entry_points(group="farm_agent.sensors")} == sensor_kinds
