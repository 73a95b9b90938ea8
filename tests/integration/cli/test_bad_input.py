"""Whatever is wrong with what a person gave: one paragraph that says so, the documented exit code, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.cli.conftest import FARM, ROOT, Home

MODEL = ROOT / "models" / "digits-float32.onnx"
GOOD: dict[str, Any] = {"models": {"digits": str(MODEL)}}


def says(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One paragraph on standard error with these words, and that exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    first, *rest = done.stderr.strip().splitlines()
    assert first.startswith("farm: ")
    assert all(line.startswith("      ") for line in rest)
    assert done.stdout == ""
    flat = " ".join(done.stderr.split())
    assert [word for word in words if word not in flat] == [], done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("name: [x\nmodels: {a: b}\n", [":2:", "this is not YAML"], id="malformed"),
        pytest.param(
            "models: {d: m.onnx}\nscenaro: {}\n", [":2:1:", "no key `scenaro`", "did you mean `scenario`?"], id="key"
        ),
        pytest.param("models: {d: m.onnx}\naxes: {thread: [1]}\n", [":2:8:", "did you mean `threads`?"], id="axis"),
        pytest.param("- a\n- b\n", [":1:", "a mapping with"], id="a list"),
        pytest.param("", ["the file is empty"], id="empty"),
        pytest.param("models: {d: m.onnx}\naxes: {threads: [many]}\n", [":2:", "many"], id="value"),
        pytest.param("models: {d: m.onnx}\nmodels: {e: m.onnx}\n", [":2:1:", "models"], id="twice"),
        pytest.param("models: {d: m.onnx}\nboards: 'ram>=lots'\n", [":2:", "lots"], id="selector"),
    ],
)
def test_a_sweep_that_is_wrong(home: Home, text: str, words: list[str]) -> None:
    path = home.folder / "wrong.yaml"
    path.write_text(text)
    says(home.look("submit", str(path)), 2, f"{path}", *words)
    # Found before anything was begun.
    assert not home.path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit"], ["No sweep file was named", "examples/quickstart.yaml"]),
        (["submit", "nowhere.yaml"], ["nowhere.yaml: there is no such file"]),
        (["submit", "."], ["cannot be read as text"]),
        (["submit", str(MODEL)], ["cannot be read as text", "UTF-8"]),
        (["submit", "a.yaml", "b.yaml"], ["unexpected extra argument", "b.yaml", "farm submit --help"]),
        (["submit", "a.yaml", "--fast"], ["No such option: --fast"]),
        (["submit", "a.yaml", "--resume", "--dry-run"], ["--dry-run", "does not go together with --resume"]),
        (["submit", "a.yaml", "--detach", "--board", "linux"], ["--detach", "does not go together with --board"]),
        (["submit", "a.yaml", "--board-wait", "soon"], ["--board-wait", "soon"]),
        (["sumbit", "a.yaml"], ["No such command 'sumbit'", "submit"]),
        (["jobs", "--state", "running"], ["'running' is none of: queued, leased, finished"]),
        (["boards", "enable"], ["Missing argument"]),
        (["runs", "-n", "0"], ["0 is not in the range"]),
    ],
)
def test_words_that_make_no_sense(home: Home, arguments: list[str], words: list[str]) -> None:
    says(home.look(*arguments), 2, *words)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: path.write_text("no model\n"), ["should be an ONNX model", "a text file"], id="text"),
        pytest.param(lambda path: path.write_bytes(MODEL.read_bytes()[:9000]), ["truncated"], id="truncated"),
        pytest.param(lambda path: path.write_bytes(b""), ["an empty file"], id="empty"),
        pytest.param(lambda path: None, ["there is no file model.onnx"], id="missing"),
        pytest.param(lambda path: path.mkdir(), ["model.onnx"], id="folder"),
    ],
)
def test_a_model_that_is_none(home: Home, make: Callable[[Path], object], words: list[str]) -> None:
    make(home.folder / "model.onnx")
    says(home.look("submit", home.sweep(models={"m": "model.onnx"})), 3, "model `m`", *words)
    assert not home.path.exists()


def test_a_model_of_another_digest(home: Home) -> None:
    sweep = home.sweep(models={"m": {"file": str(MODEL), "sha256": "0" * 64}})
    says(home.look("submit", sweep), 3, "has the sha256", "0" * 64)


def test_no_board_that_matches(home: Home) -> None:
    sweep = home.sweep(**GOOD, boards="type=raspberry-pi-4,ram>=64GiB")
    done = home.farm("submit", sweep, "--board", "simulated:pi5")
    says(done, 4, "no board matches", "simulated-pi5", "`type=raspberry-pi-4`: its type is `simulated-pi5`")
    assert home.answer("runs") == []


def test_a_board_that_cannot_be(home: Home) -> None:
    done = home.farm("submit", home.sweep(**GOOD), "--board", "simulated:pi9")
    says(done, 2, "--board", "simulated:pi9: no such preset", "pi4")


@pytest.mark.slow
@pytest.mark.network
def test_versions_that_do_not_exist_fail_alone(home: Home) -> None:
    runtimes = ["onnxruntime", "onnxruntime==99.*", "tensorrt"]
    scenario = {"duration": "50ms", "max_duration": "100ms", "max_warmup": "0s"}
    sweep = home.sweep(**GOOD, axes={"runtime": runtimes}, scenario=scenario, launches=1)
    done = home.farm("submit", sweep)
    assert done.returncode == 8, done.stderr
    assert "1 passed, 1 failed, 1 unsupported" in done.stderr
    assert "onnxruntime==99.* does not exist" in done.stderr
    assert "the newest that fits this board is onnxruntime==" in done.stderr
    outcomes = {row["requirement"] or row["runtime"]: row for row in home.answer("results")["results"]}
    assert {name: row["outcome"] for name, row in outcomes.items()} == dict(
        zip(runtimes, ["passed", "failed", "unsupported"])
    )
    assert "has no runtime `tensorrt` (it offers command, litert, onnxruntime)" in outcomes["tensorrt"]["error"]


def test_two_at_once_on_one_farm(home: Home) -> None:
    first = home.start("submit", home.shell_sweep(1, body=f"while ! test -e {home.folder}/go; do sleep 0.05; done"))
    home.wait_for_executions(1)
    second = home.farm("submit", home.sweep(**GOOD))
    says(second, 5, "Another coordinator holds", f"process {first.pid}", "farm submit", "farm up")
    # Nor is there a standing one to ask; but what is recorded can be read meanwhile.
    says(home.look("status"), 5, "No coordinator is up")
    (job,) = home.answer("jobs")
    assert job["state"] == "leased"
    assert home.answer("jobs", "--job", job["spec"]["job_id"])["waits_for"].startswith("It is being worked on")
    second_agent = home.farm("agent", "--join", "127.0.0.1:1", "--state", str(home.path / "agent"))
    assert second_agent.returncode == 3
    assert f"Another agent (process {home.agent_pid()}) is using" in second_agent.stderr
    (home.folder / "go").touch()
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err


def test_what_waits_says_for_what(home: Home) -> None:
    run = home.start("submit", home.shell_sweep(2, body="sleep 60"))
    home.wait_for_executions(1)
    run.kill()
    run.communicate()
    (queued,) = home.answer("jobs", "--state", "queued")
    waits = home.answer("jobs", "--job", queued["spec"]["job_id"])["waits_for"]
    assert f"farm submit --resume {home.run_id()}" in waits
    cancelled = home.farm("cancel", "latest", "--json")
    assert cancelled.returncode == 0, cancelled.stderr
    assert home.ask("SELECT count(*) FROM job WHERE outcome = 'cancelled'") >= [(1,)]


def test_a_folder_that_may_not_be_written(home: Home) -> None:
    home.path.write_text("a file where a folder should be")
    says(home.look("submit", home.sweep(**GOOD)), 6, str(home.path), "FARM_HOME")


def test_a_database_of_a_newer_farm(home: Home) -> None:
    _make_database(home)
    with closing(sqlite3.connect(home.path / "farm.sqlite")) as connection:
        connection.execute("UPDATE farm_schema SET version_num = '0999'")
        connection.commit()
    before = (home.path / "farm.sqlite").read_bytes()
    for arguments in (["runs"], ["submit", home.sweep(**GOOD)]):
        says(home.look(*arguments), 6, "was made by a newer farm", "0999", "Upgrade")
    assert (home.path / "farm.sqlite").read_bytes() == before


def test_a_database_that_is_none(home: Home) -> None:
    home.path.mkdir()
    (home.path / "farm.sqlite").write_text("certainly no database, but long enough to have a header" * 100)
    for arguments in (["runs"], ["submit", home.sweep(**GOOD)]):
        says(home.look(*arguments), 6, "is not an SQLite database")


def test_a_damaged_service_file(home: Home) -> None:
    _make_database(home)
    (home.path / "service.json").write_text('{"address": ')
    for arguments in (["status"], ["submit", home.sweep(**GOOD)]):
        says(home.look(*arguments), 5, "service.json is damaged", "Remove it")


def test_nothing_was_ever_run_here(home: Home) -> None:
    for arguments in (["jobs"], ["results", "x"], ["cancel", "x"], ["watch"], ["submit", "--resume"]):
        says(home.look(*arguments), 7, "nothing was ever run here", "farm submit")
    assert home.answer("runs") == []
    assert home.answer("boards") == []
    assert not home.path.exists()


def test_names_that_nothing_has(home: Home) -> None:
    _make_database(home)
    says(home.look("results", "quickstart"), 7, "quickstart", "farm runs")
    says(home.look("jobs", "--job", "beef"), 7, "beef")
    says(home.look("boards", "drain", "pi"), 7, "pi", "farm boards")


def test_a_reader_that_goes_away_is_no_mistake(home: Home) -> None:
    _make_database(home)
    with subprocess.Popen([*FARM, "runs", "--json"], env=home.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0


def test_a_defect_is_written_down(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _make_database(home)

    def broken(*arguments: object, **options: object) -> object:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("farm.store.queries.list_runs", broken)
    done = home.look("runs")
    says(done, 1, "this is a defect of the farm: ZeroDivisionError: division by zero")
    (written,) = (home.path / "logs").glob("crash-*.txt")
    assert str(written) in done.stderr
    assert "Traceback (most recent call last)" in written.read_text()


@pytest.fixture
def fill_disk(home: Home) -> Iterator[Callable[[int], Callable[[], None]]]:
    """Lets the disk under the farm fill up, and says how to make room again.

    A small disk of its own where that can be mounted, else a limit on the size of the coordinator's files.
    """
    home.path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home.path)]
    mounted = (
        os.geteuid() == 0 and shutil.which("mount") and subprocess.run(command, capture_output=True).returncode == 0
    )

    def fill(pid: int) -> Callable[[], None]:
        if not mounted:
            psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (4096, 4096))
            return lambda: None
        filler = home.path / "filler"
        with filler.open("wb", buffering=0) as stream, suppress(OSError):
            while True:
                stream.write(bytes(4096))
        return filler.unlink

    yield fill
    if mounted:
        subprocess.run(["umount", "-l", str(home.path)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up(home: Home, fill_disk: Callable[[int], Callable[[], None]]) -> None:
    run = home.start("submit", home.shell_sweep(5, body="sleep 0.4"))
    home.wait_for_executions(3)
    make_room = fill_disk(run.pid)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 6, err
    assert "could not" in err
    assert "What was recorded before is intact." in err
    assert f"farm submit --resume {home.run_id()}" in err
    assert "Traceback" not in err
    ((kept,),) = home.ask("SELECT count(*) FROM result")
    assert kept >= 1
    make_room()
    again = home.farm("submit", "--resume")
    assert again.returncode == 0, again.stderr
    # What the agent measured meanwhile is not measured again.
    assert home.ask("SELECT count(*), count(DISTINCT job_no) FROM result") == [(5, 5)]
    assert home.executions().total() <= 6


def _make_database(home: Home) -> None:
    from farm.store.store import Store

    home.path.mkdir(exist_ok=True)
    Store.open(f"sqlite:///{home.path / 'farm.sqlite'}").close()
