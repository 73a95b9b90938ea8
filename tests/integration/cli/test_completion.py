"""What Tab offers, through the very script that a shell gets."""

from __future__ import annotations

import pytest

from farm.model.job import Run
from farm.store.store import Store
from tests.integration.cli.conftest import Home


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(home: Home, shell: str) -> None:
    done = home.look(_FARM_COMPLETE=f"source_{shell}")
    assert done.returncode == 0, done.stderr
    assert f"_FARM_COMPLETE=complete_{shell}" in done.stdout


def test_runs_are_offered_by_the_beginning_of_their_ids(home: Home) -> None:
    home.path.mkdir()
    with Store.open(f"sqlite:///{home.path / 'farm.sqlite'}") as store:
        epoch = store.hold("main", host="bench")
        for number, name in enumerate(["digits-1", "digits-2", "faces-1"]):
            store.create_run(epoch, Run(name, name, "{}", "ada", created_unix_s=1000.0 + number), [])
    for command in ("results", "watch", "cancel", "jobs"):
        assert offered(home, command, "dig") == ["digits-2", "digits-1"]
    assert offered(home, "results", "x") == []


def test_where_nothing_was_run_nothing_is_offered_and_nothing_is_said(home: Home) -> None:
    assert offered(home, "results", "") == []
    assert not home.path.exists()


def offered(home: Home, *words: str) -> list[str]:
    """Complete the last of the words as bash asks for it."""
    line = " ".join(["farm", *words])
    done = home.look(_FARM_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words)))
    assert done.stderr == ""
    return done.stdout.split()
