"""One folder, one agent, one identity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from farm_agent.errors import StateFolderError
from farm_agent.state_folder import StateFolder, default_state_folder


def test_it_is_held_by_one_at_a_time_and_given_back(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "a" / "b") as held:
        with pytest.raises(StateFolderError, match=f"Another agent \\(process {os.getpid()}\\)"):
            StateFolder(tmp_path / "a" / "b")
        identity = held.agent_id
    with StateFolder(tmp_path / "a" / "b") as again:
        assert again.agent_id == identity


def test_only_its_owner_may_look_into_it(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [b"", b"\x00\x00\x00", b"not an id!\n", b"\xff\xfe"])
def test_a_damaged_identity_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    with StateFolder(tmp_path):
        pass
    (tmp_path / "agent-id").write_bytes(damage)
    with StateFolder(tmp_path) as state:
        assert len(state.agent_id) == 32


def test_a_file_in_the_way_is_one_paragraph(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(StateFolderError, match="cannot be used: File exists"):
        StateFolder(tmp_path)
    (tmp_path / "spool").unlink()
    with StateFolder(tmp_path):
        pass


@pytest.mark.parametrize(
    ("set_to", "expected"),
    [
        ("/var/state", "/var/state/farm-agent"),
        ("", "/home/ada/.local/state/farm-agent"),
        ("relative", "/home/ada/.local/state/farm-agent"),
    ],
)
def test_the_default_follows_xdg(set_to: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_STATE_HOME", set_to)
    assert default_state_folder() == Path(expected)
