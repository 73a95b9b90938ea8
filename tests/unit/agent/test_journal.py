"""What a killed agent left is put back by the next one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from farm_agent.journal import Entry, Journal
from farm_agent.lease import Lease
from farm_agent.processes import end_group, identify

LEASE = Lease("job", 1)
StartRunner = Callable[[str], "subprocess.Popen[bytes]"]

# Starts a child, says which, and ends when it is told to; the child does not.
FORKS = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start_runner(tmp_path: Path) -> Iterator[StartRunner]:
    started: list[subprocess.Popen[bytes]] = []

    def start(script: str) -> subprocess.Popen[bytes]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script],
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=tmp_path,
            )
        )
        return started[-1]

    yield start
    for runner in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(runner.pid, signal.SIGKILL)
        with runner:
            pass


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return _journal(tmp_path)


def _journal(folder: Path) -> Journal:
    for name in ("journal", "work"):
        (folder / name).mkdir(exist_ok=True)
    return Journal(folder / "journal", folder / "work")


def _file(folder: Path) -> Path:
    (path,) = (folder / "journal").iterdir()
    return path


def test_knobs_are_put_back_in_the_reverse_order_and_the_work_folder_is_emptied(
    tmp_path: Path, journal: Journal, board: Any
) -> None:
    _killed_after(journal.open("paper", LEASE), ("governor", '"ondemand"'), ("fan", "0"))
    (tmp_path / "work" / "job-1" / "launch-0").mkdir(parents=True)
    assert _journal(tmp_path).recover({"paper": board}) == {}
    assert board.trail == ["restore fan=0", 'restore governor="ondemand"']
    assert list((tmp_path / "journal").iterdir()) == []
    assert list((tmp_path / "work").iterdir()) == []


def test_of_two_journals_the_older_has_the_last_word(tmp_path: Path, journal: Journal, board: Any) -> None:
    _killed_after(journal.open("paper", LEASE), ("fan", '"as bought"'))
    _killed_after(journal.open("paper", Lease("job", 2)), ("fan", '"as the first left it"'))
    _journal(tmp_path).recover({"paper": board})
    assert board.paper_knobs["fan"].value == '"as bought"'


def test_a_torn_last_line_belongs_to_a_step_that_never_began(tmp_path: Path, journal: Journal, board: Any) -> None:
    _killed_after(journal.open("paper", LEASE), ("fan", "0"))
    with _file(tmp_path).open("a") as file:
        file.write('{"board": "paper", "knob": "gov')
    assert _journal(tmp_path).recover({"paper": board}) == {}
    assert board.trail == ["restore fan=0"]


def test_a_spoilt_first_line_does_not_hide_the_knobs(tmp_path: Path, journal: Journal, board: Any) -> None:
    _killed_after(journal.open("paper", LEASE), ("fan", "0"))
    lines = _file(tmp_path).read_text().splitlines(keepends=True)
    _file(tmp_path).write_text("\x00\xff garbage\n" + lines[1])
    _journal(tmp_path).recover({"paper": board})
    assert board.trail == ["restore fan=0"]


@pytest.mark.parametrize("content", ["", "\x00" * 50, "[]\n", '{"process": {"odd": 1}}\n', "17\n"])
def test_a_journal_without_sense_is_removed(content: str, tmp_path: Path, journal: Journal, board: Any) -> None:
    (tmp_path / "journal" / "000000.journal").write_text(content)
    assert journal.recover({"paper": board}) == {}
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_board_that_cannot_be_put_back_is_unfit_until_it_can(tmp_path: Path, journal: Journal, board: Any) -> None:
    _killed_after(journal.open("paper", LEASE), ("fan", "0"))
    board.paper_knobs["fan"].is_stuck = OSError(5, "Input/output error")
    again = _journal(tmp_path)
    assert "knob fan could not be put back to 0" in again.recover({"paper": board})["paper"]
    assert "Input/output error" in again.retry(board, "paper")
    board.paper_knobs["fan"].is_stuck = None
    assert again.retry(board, "paper") == ""
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_board_that_is_not_served_now_keeps_its_journal(tmp_path: Path, journal: Journal, board: Any) -> None:
    _killed_after(journal.open("elsewhere", LEASE), ("fan", "0"))
    assert journal.recover({"paper": board}) == {}
    assert _file(tmp_path).exists()
    # A new journal does not overwrite it.
    _killed_after(_journal(tmp_path).open("paper", LEASE))
    assert len(list((tmp_path / "journal").iterdir())) == 2


def test_a_left_over_runner_is_ended_with_everything_in_its_group(
    tmp_path: Path, journal: Journal, board: Any, start_runner: StartRunner
) -> None:
    runner = start_runner(FORKS)
    assert runner.stdout is not None
    child = int(runner.stdout.readline())
    entry = journal.open("paper", LEASE)
    entry.process(runner.pid, tmp_path)
    _killed_after(entry)
    _journal(tmp_path).recover({"paper": board})
    assert runner.wait(10) == -9
    assert _is_gone(child)


def test_what_the_leader_left_behind_is_ended_where_it_works_in_the_attempt_s_folder(
    tmp_path: Path, start_runner: StartRunner
) -> None:
    runner = start_runner(FORKS)
    assert runner.stdout is not None
    child = int(runner.stdout.readline())
    group = identify(runner.pid, tmp_path)
    assert group is not None
    runner.communicate(b"\n", timeout=10)
    assert not _is_gone(child)
    elsewhere = dataclasses.replace(group, work_dir="/some/other/folder")
    assert not end_group(elsewhere)
    assert not _is_gone(child)
    assert end_group(group)
    assert _is_gone(child)


def test_a_process_that_is_gone_already_is_not_noted(tmp_path: Path, start_runner: StartRunner) -> None:
    done = start_runner("")
    done.communicate(timeout=10)
    assert identify(done.pid, tmp_path) is None


def _killed_after(entry: Entry, *knobs: tuple[str, str]) -> None:
    for name, before in knobs:
        entry.knob(name, before)
    entry.leave()


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
