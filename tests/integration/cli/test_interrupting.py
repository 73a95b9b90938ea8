"""Ctrl-C, SIGTERM, SIGKILL and a lost agent: what was measured is kept, nothing is left behind, and the run goes on."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.integration.cli.conftest import Home, all_gone, descendants, to_group

JOBS = 3


@pytest.mark.slow
def test_a_run_can_be_interrupted_in_every_way_and_is_measured_once(home: Home) -> None:
    """More often than a job has attempts: an interrupt uses up none."""
    go = home.folder / "go"
    sweep = home.shell_sweep(JOBS, body=f"test {{batch}} -le 2 || test -e {go} || sleep 60")
    for turn, number in enumerate([signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGINT]):
        # Two jobs pass; the third is in the middle of something each time.
        run = home.start("submit", sweep) if turn == 0 else home.start("submit", "--resume")
        home.wait_for_executions(3 + turn)
        left = descendants(run)
        to_group(run, number)
        _, err = run.communicate(timeout=30)
        assert run.returncode == 130, err
        assert all_gone(left), left
        assert f"farm submit --resume {home.run_id()}" in err.splitlines()[-1]
        assert "Traceback" not in err
    go.touch()
    again = home.farm("submit", "--resume", home.run_id())
    assert again.returncode == 0, again.stderr
    assert f"going on with {JOBS - 2} of {JOBS} jobs" in again.stderr
    assert f"{JOBS} passed" in again.stderr

    assert home.ask("SELECT count(*), count(DISTINCT job_no) FROM result") == [(JOBS, JOBS)]
    ends = home.ask("SELECT job_no, count(*) FROM audit WHERE kind = 'finished' GROUP BY job_no")
    assert [count for _, count in ends] == [1] * JOBS
    assert home.ask("SELECT max(attempts) FROM job") == [(1,)]
    ((given_back,),) = home.ask("SELECT count(*) FROM audit WHERE kind = 'given-back'")
    assert given_back == 4
    assert home.executions().total() == JOBS + given_back

    over = home.farm("submit", "--resume", home.run_id())
    assert over.returncode == 0
    assert "is finished already" in over.stderr


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_runner_that_ignores_the_first(home: Home) -> None:
    sweep = home.shell_sweep(1, body="trap '' TERM; sleep 60 & wait; sleep 60")
    run = home.start("submit", sweep)
    home.wait_for_executions(1)
    left = descendants(run)
    to_group(run, signal.SIGINT)
    assert run.stderr is not None
    said = ""
    while "stopping:" not in said:
        said += run.stderr.readline()
    began = time.monotonic()
    to_group(run, signal.SIGINT)
    _, err = run.communicate(timeout=30)
    # Not a matter of speed: a runner that is only asked has ten seconds to end.
    assert time.monotonic() - began < 8.0
    assert run.returncode == 130
    assert "stopping at once" in err
    assert all_gone(left), left
    assert home.ask("SELECT attempts, state FROM job") == [(0, "queued")]


@pytest.mark.slow
def test_a_killed_submit_takes_its_agent_along_and_goes_on_later(home: Home) -> None:
    run = home.start("submit", home.shell_sweep(3, body="sleep 0.4"))
    home.wait_for_executions(2)
    left = descendants(run)
    run.kill()
    run.communicate()
    home.wait_until(lambda: all_gone(left), "the agent and its runner end by themselves")
    again = home.farm("submit", "--resume")
    assert again.returncode == 0, again.stderr
    assert home.ask("SELECT count(*), count(DISTINCT job_no) FROM result") == [(3, 3)]


@pytest.mark.slow
def test_an_agent_that_is_killed_is_started_again_but_not_for_ever(home: Home) -> None:
    sweep = home.shell_sweep(4, body="sleep 0.5")
    run = home.start("submit", sweep)
    seen: set[int] = set()
    for kill in range(3):
        home.wait_until(lambda: _runs_new_agent(home, seen), "an agent that works")
        begun = home.executions().total()
        home.wait_for_executions(begun + 1)
        seen.add(pid := home.agent_pid())
        os.kill(pid, signal.SIGKILL)
        if kill < 2:
            home.wait_until(lambda: _runs_new_agent(home, seen), "the agent is started again")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 5, err
    assert err.count("it was started again") == 2
    assert "was killed by SIGKILL 3 times" in err
    assert f"go on with the others: farm submit --resume {home.run_id()}" in err
    again = home.farm("submit", "--resume")
    assert again.returncode == 0, again.stderr
    assert home.ask("SELECT count(*), count(DISTINCT job_no) FROM result") == [(4, 4)]
    assert home.ask("SELECT count(*) FROM audit WHERE kind = 'finished'") == [(4,)]


def _runs_new_agent(home: Home, seen: set[int]) -> bool:
    if not (home.path / "agent" / "lock").exists():
        return False
    text = (home.path / "agent" / "lock").read_text().strip()
    return text.isdigit() and int(text) not in seen and psutil.pid_exists(int(text))


def test_ctrl_c_on_a_terminal(home: Home) -> None:
    terminal = home.on_terminal("submit", home.shell_sweep(3, body="sleep 30"))
    terminal.until("measure")
    left = psutil.Process(terminal.pid).children(recursive=True)
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert all_gone(left), left
    said = terminal.everything
    assert "Interrupted; 0 of 3 jobs are finished and kept." in said
    assert f"farm submit --resume {home.run_id()}" in said.replace("\n", "")
    # The picture is gone, and nothing of it stands between the lines.
    assert "━" not in terminal.screen
