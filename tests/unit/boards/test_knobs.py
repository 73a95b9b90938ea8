from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import KnobError
from farm_agent.knobs import cpu_frequency, governor
from farm_agent.knobs.base import Knob

Tree = Callable[[Mapping[str, str]], Path]

CPUFREQ = "sys/devices/system/cpu/cpufreq"


def policy(number: int, chosen: str = "ondemand", low: int = 600_000, high: int = 1_500_000) -> dict[str, str]:
    folder = f"{CPUFREQ}/policy{number}"
    return {
        f"{folder}/scaling_governor": f"{chosen}\n",
        f"{folder}/scaling_available_governors": "ondemand performance powersave\n",
        f"{folder}/scaling_min_freq": f"{low}\n",
        f"{folder}/scaling_max_freq": f"{high}\n",
        f"{folder}/cpuinfo_min_freq": "600000\n",
        f"{folder}/cpuinfo_max_freq": "1800000\n",
    }


def only(knobs: Sequence[Knob]) -> Knob:
    (knob,) = knobs
    return knob


def test_the_governor_is_set_on_every_policy_and_put_back_by_another_process(tree: Tree) -> None:
    root = tree({**policy(0), **policy(4, "powersave")})
    knob = only(governor.discover(root))
    before = knob.read()
    assert json.loads(before) == {"policy0": "ondemand", "policy4": "powersave"}
    knob.apply('"performance"')
    assert knob.read() == '"performance"'
    only(governor.discover(root)).restore(before)
    assert (root / CPUFREQ / "policy0/scaling_governor").read_text() == "ondemand"
    assert (root / CPUFREQ / "policy4/scaling_governor").read_text() == "powersave"


@pytest.mark.parametrize("value", ['"turbo"', "3", "[]", "{}", '{"policy9":"performance"}', '{"policy0":"turbo"}'])
def test_a_governor_that_the_board_does_not_have_is_the_jobs_fault(tree: Tree, value: str) -> None:
    root = tree(policy(0))
    with pytest.raises(KnobError, match="governor") as raised:
        only(governor.discover(root)).apply(value)
    assert raised.value.kind == attempt_pb2.ERROR_KIND_JOB
    assert (root / CPUFREQ / "policy0/scaling_governor").read_text() == "ondemand\n"


def test_a_file_that_may_not_be_written_is_the_boards_fault_and_says_what_is_missing(tree: Tree) -> None:
    root = tree(policy(0))
    path = root / CPUFREQ / "policy0/scaling_governor"
    path.unlink()
    # The kernel refuses this one to root as well.
    path.symlink_to("/proc/sys/kernel/osrelease")
    with pytest.raises(KnobError, match="may not write") as raised:
        only(governor.discover(root)).apply('"performance"')
    assert raised.value.kind == attempt_pb2.ERROR_KIND_BOARD
    assert "as root" in raised.value.hint


def test_a_write_that_does_not_hold_is_the_boards_fault(tree: Tree) -> None:
    root = tree(policy(0))
    path = root / CPUFREQ / "policy0/scaling_governor"
    path.unlink()
    path.symlink_to("/dev/null")
    with pytest.raises(KnobError, match="reads back nothing") as raised:
        only(governor.discover(root)).apply('"performance"')
    assert raised.value.kind == attempt_pb2.ERROR_KIND_BOARD


def test_a_governor_that_cannot_be_read_is_unknown(tree: Tree) -> None:
    root = tree(policy(0))
    knob = only(governor.discover(root))
    (root / CPUFREQ / "policy0/scaling_governor").unlink()
    assert knob.read() == '"unknown"'


def test_a_frequency_range_is_set_and_put_back(tree: Tree) -> None:
    root = tree({**policy(0), **policy(4, low=800_000)})
    knob = only(cpu_frequency.discover(root))
    before = knob.read()
    knob.apply('{"max_hz":1200000000,"min_hz":1000000000}')
    assert json.loads(knob.read()) == {"max_hz": 1_200_000_000, "min_hz": 1_000_000_000}
    only(cpu_frequency.discover(root)).restore(before)
    assert json.loads(knob.read()) == {
        "policy0": {"max_hz": 1_500_000_000, "min_hz": 600_000_000},
        "policy4": {"max_hz": 1_500_000_000, "min_hz": 800_000_000},
    }


def test_a_bare_number_pins_the_clock(tree: Tree) -> None:
    knob = only(cpu_frequency.discover(tree(policy(0))))
    knob.apply("1800000000")
    assert json.loads(knob.read()) == {"max_hz": 1_800_000_000, "min_hz": 1_800_000_000}


def test_the_upper_end_moves_first_when_the_lower_one_would_pass_it(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(policy(0, high=1_000_000))
    written: list[str] = []
    write = Path.write_text

    def noted(path: Path, text: str) -> int:
        written.append(f"{path.name} {text}")
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", noted)
    only(cpu_frequency.discover(root)).apply('{"max_hz":1800000000,"min_hz":1500000000}')
    assert written == ["scaling_max_freq 1800000", "scaling_min_freq 1500000"]


@pytest.mark.parametrize(
    "value",
    [
        '"fast"',
        "true",
        "{}",
        '{"min_hz":"1"}',
        '{"min":600000000}',
        "2500000000",
        "300000000",
        '{"max_hz":700000000,"min_hz":900000000}',
    ],
)
def test_a_frequency_that_the_board_does_not_have_is_the_jobs_fault(tree: Tree, value: str) -> None:
    root = tree(policy(0))
    with pytest.raises(KnobError, match="cpu_frequency") as raised:
        only(cpu_frequency.discover(root)).apply(value)
    assert raised.value.kind == attempt_pb2.ERROR_KIND_JOB
    assert (root / CPUFREQ / "policy0/scaling_max_freq").read_text() == "1500000\n"


def test_a_machine_without_cpufreq_has_no_such_knobs(tmp_path: Path) -> None:
    assert not governor.discover(tmp_path)
    assert not cpu_frequency.discover(tmp_path)
