"""What a person can ask for or meet on a board stands in the docs."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Callable

import pytest

from farm_agent.boards.base import Board
from farm_agent.boards.simulated import parse_simulation
from farm_agent.errors import UsageError
from farm_agent.simulation.faults import parse_faults
from farm_agent.simulation.presets import PRESETS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def adding() -> str:
    return (DOCS / "adding-a-board.md").read_text()


@pytest.fixture
def simulated() -> str:
    return (DOCS / "simulated-board.md").read_text()


@pytest.mark.parametrize("group", ["boards", "sensors", "knobs"])
def test_each_kind_has_a_row(group: str, adding: str) -> None:
    for entry in metadata.entry_points(group=f"farm_agent.{group}"):
        assert f"| `{entry.name}` |" in adding


def test_each_quantity_is_named(open_again: Callable[[], Board], adding: str, simulated: str) -> None:
    board = open_again()
    text = simulated if board.describe().board_type.startswith("simulated") else adding
    for name in board.describe().sensors:
        family = name.partition(".")[0]
        assert f"`{name}`" in text or f"`{family}.<type>`" in text or f"`{family}.*`" in text, name


def test_each_knob_of_a_simulated_board_is_named(open_again: Callable[[], Board], simulated: str) -> None:
    for name in open_again().knobs():
        if open_again().describe().board_type.startswith("simulated"):
            assert f"`{name}`" in simulated


def test_each_preset_and_its_numbers_stand_there(simulated: str) -> None:
    for name, preset in PRESETS.items():
        assert f"`{name}`" in simulated
        if preset.measures:
            (row,) = re.findall(rf"^\| `{name}` \|.*$", simulated, re.MULTILINE)
            thermal = preset.thermal
            assert f"{thermal.idle_w:g} + {thermal.busy_w:g}" in row
            assert (
                f"{thermal.die_to_sink_k_per_w:g}, {thermal.sink_to_air_k_per_w:g}, {thermal.fan_to_air_k_per_w:g}"
            ) in row
            assert f"{thermal.die_capacity_j_per_k:g}, {thermal.sink_capacity_j_per_k:g}" in row
            assert row.endswith(f"| {preset.boot_s:g} |")
            assert f"{preset.throttling.trips_c[0]:g}" in row


def test_each_fault_has_a_row_and_each_row_is_a_fault(simulated: str) -> None:
    section = simulated.split("## Scripted faults")[1]
    kinds = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)
    with pytest.raises(UsageError) as raised:
        parse_faults("nothing-like-it")
    assert raised.value.hint == f"Known: {', '.join(kinds)}."


def test_the_examples_of_faults_can_be_read(simulated: str) -> None:
    section = simulated.split("## Scripted faults")[1]
    examples = [line.split()[0] for line in section.splitlines() if line.startswith("    ") and "KIND" not in line]
    assert len(examples) == 4
    for example in examples:
        assert parse_simulation(f"pi4?faults={example}").faults.faults


def test_the_sensor_on_the_page_works(adding: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", adding, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "sys/class/hwmon/hwmon3"
    folder.mkdir(parents=True)
    (folder / "power1_input").write_text("5250000\n")
    (folder / "power1_label").write_text("VDD_IN\n")
    module: dict[str, object] = {}
    exec(compile(code, "adding-a-board.md", "exec"), module)
    discover = module["discover"]
    assert callable(discover)
    (sensor,) = discover(tmp_path)
    assert [(quantity.name, quantity.unit) for quantity in sensor.quantities] == [("power.VDD_IN", "W")]
    assert sensor.read() == (5.25,)
