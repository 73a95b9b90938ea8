"""A child process is watched from its start until nothing of it is left."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from farm_agent.environments.process import Bounds, End, Ended, supervise

Run = Callable[..., Ended]


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def cancel() -> threading.Event:
    return threading.Event()


@pytest.fixture
def groups() -> list[int]:
    return []


@pytest.fixture
def run(tmp_path: Path, lines: list[str], cancel: threading.Event, groups: list[int]) -> Run:
    """Run a Python program, whose lines that begin with `{` are known."""

    def on_line(line: str) -> bool:
        if not line.startswith("{"):
            return False
        lines.append(line)
        if "cancel" in line:
            cancel.set()
        return True

    def run(program: str, **others: object) -> Ended:
        return supervise(
            [sys.executable, "-I", "-u", "-c", program],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            on_line=on_line,
            cancel=cancel,
            on_process=groups.append,
            **others,  # type: ignore[arg-type]
        )

    return run


def members(group: int) -> list[str]:
    """Processes of a group that live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def test_known_lines_are_heard_and_all_else_is_the_log(run: Run, lines: list[str]) -> None:
    ended = run("import sys; print('{1}'); print('noise'); print('{2}', end=''); sys.stderr.write('trouble\\n')")

    assert (ended.end, ended.returncode) == (End.EXITED, 0)
    assert lines == ["{1}", "{2}"]
    assert sorted(ended.log_tail.splitlines()) == ["noise", "trouble"]


def test_it_has_no_input_a_folder_of_its_own_and_only_the_environment_it_was_given(run: Run, tmp_path: Path) -> None:
    ended = run(
        "import os, sys; print(repr(sys.stdin.read()), os.getcwd(), sorted(os.environ), os.getsid(0) == os.getpid())"
    )

    words = ended.log_tail.strip()
    assert words.startswith(f"'' {tmp_path} [")
    assert words.endswith(" True")
    assert "HOME" not in words


def test_only_the_end_of_a_huge_log_is_kept(run: Run, lines: list[str]) -> None:
    ended = run("for i in range(400_000): print('line', i)\nprint('{done}')")

    assert lines == ["{done}"]
    assert len(ended.log_tail) <= 8192
    assert ended.log_tail.endswith("line 399999\n")


def test_a_line_without_an_end_does_not_fill_the_memory(run: Run) -> None:
    ended = run("import sys\nfor i in range(40): sys.stdout.write('x' * (1 << 20))")

    assert (ended.end, ended.returncode) == (End.EXITED, 0)
    assert "xxx" in ended.log_tail


def test_bytes_that_are_no_text_do_no_harm(run: Run, lines: list[str]) -> None:
    ended = run("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\x00\\n{ok}\\n')")

    assert lines == ["{ok}"]
    assert ended.returncode == 0


def test_an_exit_status_and_a_signal_are_told(run: Run) -> None:
    assert run("raise SystemExit(3)").returncode == 3
    assert run("import os; os.abort()").returncode == -6


def test_no_core_file_is_left(run: Run, tmp_path: Path) -> None:
    ended = run("import os, resource; print(resource.getrlimit(resource.RLIMIT_CORE)); os.abort()")

    assert "(0, 0)" in ended.log_tail
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_asks_first(run: Run) -> None:
    ended = run(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('{bye}'), sys.exit(0)))\n"
        "print('{cancel}')\ntime.sleep(60)"
    )

    assert (ended.end, ended.returncode) == (End.CANCELLED, 0)


def test_what_does_not_listen_is_killed_after_the_grace(run: Run) -> None:
    ended = run(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('{cancel}')\ntime.sleep(60)",
        grace_s=0.3,
    )

    assert (ended.end, ended.returncode) == (End.CANCELLED, -9)


def test_silence_is_a_hang(run: Run) -> None:
    ended = run("import time\nprint('{1}')\nwhile True: print('busy'); time.sleep(0.01)", bounds=Bounds(silence_s=0.5))

    assert ended.end is End.SILENT
    assert ended.duration_s >= 0.5


def test_a_child_that_was_left_behind_is_killed_with_its_parent(run: Run, groups: list[int]) -> None:
    began = time.monotonic()
    ended = run(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\nprint('{started}')"
    )

    assert (ended.end, ended.returncode) == (End.EXITED, 0)
    assert members(groups[0]) == []
    assert time.monotonic() - began < 30  # It holds the pipes open: nobody waited for it.


def test_what_left_the_group_is_not_waited_for(run: Run, lines: list[str]) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print('{%d}' % child.pid)"
    )
    began = time.monotonic()
    ended = run(program)

    os.kill(int(lines[0][1:-1]), 9)
    assert ended.end is End.EXITED
    assert time.monotonic() - began < 30


def test_resident_memory_is_limited_children_included(run: Run, groups: list[int]) -> None:
    program = (
        "import subprocess, sys, time\n"
        "subprocess.run([sys.executable, '-c', 'import time; held = bytearray(300 << 20); time.sleep(60)'])"
    )
    ended = run(program, bounds=Bounds(memory_bytes=200 << 20))

    assert (ended.end, ended.returncode) == (End.MEMORY, -9)
    assert ended.peak_rss_bytes > 200 << 20
    assert members(groups[0]) == []


def test_reserving_much_and_touching_little_is_allowed(run: Run) -> None:
    program = "import mmap; held = mmap.mmap(-1, 4 << 30, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS); print('fine')"

    assert run(program, bounds=Bounds(memory_bytes=200 << 20)).log_tail == "fine\n"


def test_one_large_allocation_fails_inside(run: Run) -> None:
    ended = run("held = bytearray(8 << 30)", bounds=Bounds(memory_bytes=200 << 20))

    assert (ended.end, ended.returncode) == (End.EXITED, 1)
    assert "MemoryError" in ended.log_tail


def test_a_program_that_is_not_there_cannot_be_started(tmp_path: Path, cancel: threading.Event) -> None:
    with pytest.raises(FileNotFoundError):
        supervise(["/no/such/program"], cwd=tmp_path, env={}, on_line=lambda line: True, cancel=cancel)


def test_an_error_of_the_listener_ends_the_process(tmp_path: Path, cancel: threading.Event) -> None:
    groups: list[int] = []

    def refuse(line: str) -> bool:
        raise ValueError(line)

    with pytest.raises(ValueError, match="hello"):
        supervise(
            [sys.executable, "-u", "-c", "print('hello'); import time; time.sleep(60)"],
            cwd=tmp_path,
            env={},
            on_line=refuse,
            cancel=cancel,
            on_process=groups.append,
        )
    assert members(groups[0]) == []


def test_no_descriptor_is_left_open(run: Run) -> None:
    run("pass")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run("import os; os.abort()")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
