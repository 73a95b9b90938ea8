"""Environments by the digest of their lock, from the real package index, with small packages."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.environments.installer import NoWheelError
from farm_agent.environments.interpreter import own_interpreter
from farm_agent.environments.locks import Locks
from farm_agent.environments.pip import Pip
from farm_agent.environments.store import Environment, EnvironmentStore, digest_of
from farm_agent.environments.uv import Uv, find_uv
from farm_agent.errors import AttemptError, CancelledError

pytestmark = pytest.mark.network

DAY_S = 24 * 3600.0


class Environments:
    """Locks and environments in one folder, with a wall clock that can be set."""

    def __init__(self, folder: Path) -> None:
        (folder / "resolutions").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.now = 1_000_000.0
        self.notes: list[str] = []
        self.cancel = threading.Event()
        self.uv = Uv(find_uv(), folder)
        self.locks = Locks(folder / "resolutions", self.uv, lambda: self.now)
        self.store = EnvironmentStore(folder, self.uv)

    @property
    def built(self) -> int:
        return sum(note.startswith("building") for note in self.notes)

    def lock(self, *requirements: str) -> str:
        return self.locks.lock(requirements, own_interpreter(), self.notes.append, self.cancel)

    def get(self, lock: str, module: str = "iniconfig") -> Environment:
        return self.store.get(lock, "iniconfig", own_interpreter(), [module], self.notes.append, self.cancel)


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


@pytest.fixture
def without_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An index that cannot be reached, and an empty cache."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))
        yield


def test_a_lock_holds_pins_and_hashes_and_no_index(environments: Environments) -> None:
    lock = environments.lock("iniconfig==2.1.0")

    assert lock.startswith("# CPython ")
    assert "iniconfig==2.1.0 \\\n    --hash=sha256:" in lock
    assert "http" not in lock
    assert "index" not in lock


def test_an_environment_is_built_once_linked_and_compiled(environments: Environments) -> None:
    lock = environments.lock("iniconfig==2.1.0")
    environment = environments.get(lock)

    assert environment.digest == digest_of(lock)
    assert environment.wheels == {"iniconfig": "2.1.0"}
    assert environment.lock_path.read_text() == lock
    (source,) = environment.folder.glob("lib/python*/site-packages/iniconfig/__init__.py")
    assert source.stat().st_nlink > 1
    assert list(source.parent.glob("__pycache__/__init__*.pyc"))
    assert sorted(path.name for path in environments.folder.iterdir() if environment.digest in path.name) == [
        environment.digest,
        f"{environment.digest}.guard",
    ]

    assert environments.get(lock) == environment
    assert environments.built == 1


def test_another_version_is_another_environment(environments: Environments) -> None:
    digests = {environments.get(environments.lock(f"iniconfig=={version}")).digest for version in ("2.0.0", "2.1.0")}

    assert len(digests) == 2


def test_two_jobs_that_need_the_same_build_it_once(environments: Environments) -> None:
    lock = environments.lock("iniconfig==2.1.0")
    found: list[Environment] = []
    threads = [threading.Thread(target=lambda: found.append(environments.get(lock))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 3
    assert environments.built == 1


def test_what_a_killed_build_left_is_replaced(environments: Environments) -> None:
    lock = environments.lock("iniconfig==2.1.0")
    for name in (f"{digest_of(lock)}.building", digest_of(lock)):
        (environments.folder / name / "bin").mkdir(parents=True)

    assert environments.get(lock).python.exists()


def test_an_environment_whose_interpreter_is_gone_is_built_again(environments: Environments) -> None:
    environment = environments.get(environments.lock("iniconfig==2.1.0"))
    environment.python.unlink()
    environment.python.symlink_to("/gone/python")

    assert environments.get(environments.lock("iniconfig==2.1.0")).python.exists()


def test_the_one_not_used_for_longest_goes_first(environments: Environments) -> None:
    old, recent, current = (
        environments.get(environments.lock(f"iniconfig=={version}")) for version in ("1.1.1", "2.0.0", "2.1.0")
    )
    for age, environment in enumerate((current, recent, old)):
        os.utime(environment.folder / "complete.json", (1000 - age, 1000 - age))
    environments.get(environments.lock("iniconfig==1.1.1"))  # used again: now the most recent

    assert environments.store.clean(limit_bytes=1 << 40) == []
    room = json.loads((old.folder / "complete.json").read_text())["size_bytes"]
    assert environments.store.clean(limit_bytes=room, keep=[current.digest]) == [recent.digest]
    assert [environment.python.exists() for environment in (old, recent, current)] == [True, False, True]
    assert not recent.folder.exists()


@pytest.mark.parametrize(
    ("requirement", "outcome", "words"),
    [
        ("iniconfig==99.1", attempt_pb2.OUTCOME_FAILED, "iniconfig==99.1 does not exist"),
        ("no-such-package-of-anybody", attempt_pb2.OUTCOME_FAILED, "was not found in the package registry"),
        ("tflite-runtime==2.5.0", attempt_pb2.OUTCOME_UNSUPPORTED, "cannot be installed on this board"),
    ],
)
def test_what_cannot_be_had_says_why(
    environments: Environments, requirement: str, outcome: attempt_pb2.Outcome, words: str
) -> None:
    with pytest.raises(AttemptError, match=words) as caught:
        environments.lock(requirement)
    assert caught.value.outcome == outcome
    assert caught.value.kind == attempt_pb2.ERROR_KIND_JOB


def test_a_version_that_does_not_exist_comes_with_one_that_does(environments: Environments) -> None:
    with pytest.raises(AttemptError) as caught:
        environments.lock("iniconfig==99.1")
    assert "the newest that fits this board is iniconfig==2." in caught.value.hint


def test_a_package_without_what_it_is_for_is_the_jobs_fault(environments: Environments) -> None:
    with pytest.raises(AttemptError, match="No module named 'onnxruntime'") as caught:
        environments.get(environments.lock("iniconfig"), module="onnxruntime")
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED
    assert not list(environments.folder.glob("*.building"))


@pytest.mark.usefixtures("without_index")
def test_an_index_that_cannot_be_reached_is_not_the_jobs_fault(tmp_path: Path) -> None:
    with pytest.raises(AttemptError, match="the package index cannot be reached") as caught:
        Environments(tmp_path / "offline").lock("iniconfig")
    assert caught.value.kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert caught.value.outcome == attempt_pb2.OUTCOME_ERROR


def test_an_old_lock_serves_while_the_index_is_away(environments: Environments, request: pytest.FixtureRequest) -> None:
    lock = environments.lock("iniconfig")
    request.getfixturevalue("without_index")
    offline = Environments(environments.folder)

    offline.now += 0.9 * DAY_S
    assert offline.lock("iniconfig") == lock
    assert offline.notes == []  # still fresh, the index was not asked

    offline.now += 2 * DAY_S
    assert offline.lock("iniconfig") == lock
    assert offline.notes == [
        "looking up iniconfig with uv",
        "the package index cannot be reached: iniconfig as resolved 2.9 days ago",
    ]


def test_an_exact_version_is_never_resolved_again(environments: Environments, request: pytest.FixtureRequest) -> None:
    lock = environments.lock("iniconfig==2.0.0")
    request.getfixturevalue("without_index")
    offline = Environments(environments.folder)
    offline.now += 1000 * DAY_S

    assert offline.lock("iniconfig==2.0.0") == lock
    assert offline.notes == []


def test_that_there_is_no_wheel_is_remembered_for_a_day(
    environments: Environments, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(NoWheelError) as first:
        environments.lock("tflite-runtime==2.5.0")
    request.getfixturevalue("without_index")
    offline = Environments(environments.folder)

    with pytest.raises(NoWheelError) as again:
        offline.lock("tflite-runtime==2.5.0")
    assert again.value.message == first.value.message


@pytest.mark.usefixtures("silent_index")
def test_a_cancel_ends_the_installer(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    threading.Timer(0.5, environments.cancel.set).start()

    with pytest.raises(CancelledError):
        environments.lock("iniconfig")


def test_a_cancel_ends_the_wait_for_another_build(environments: Environments) -> None:
    lock = environments.lock("iniconfig==2.1.0")
    environments.cancel.set()
    with environments.store._guarded(digest_of(lock)), pytest.raises(CancelledError, match="another job"):
        environments.get(lock)


@pytest.mark.slow
def test_without_uv_pip_makes_the_same(environments: Environments) -> None:
    folder = environments.folder / "by-pip"
    (folder / "resolutions").mkdir(parents=True)
    locks = Locks(folder / "resolutions", Pip(), lambda: 0.0)
    lock = locks.lock(["iniconfig==2.1.0"], own_interpreter(), environments.notes.append, environments.cancel)
    store = EnvironmentStore(folder, Pip())
    environment = store.get(
        lock, "iniconfig", own_interpreter(), ["iniconfig"], environments.notes.append, environments.cancel
    )

    assert environment.wheels == {"iniconfig": "2.1.0"}
    assert set(lock.split()) <= set(environments.lock("iniconfig==2.1.0").split())
    assert environment.python.exists()
    assert environments.notes == [
        "looking up iniconfig==2.1.0 with pip",
        "building the environment for iniconfig with pip",
        "looking up iniconfig==2.1.0 with uv",
    ]
    with contextlib.suppress(StopIteration):
        next(folder.glob("*.building"))
        pytest.fail("a half-built environment was left")


@pytest.mark.slow
def test_without_uv_a_version_that_does_not_fit_says_so(environments: Environments) -> None:
    locks = Locks(environments.folder / "resolutions", Pip(), lambda: 0.0)
    with pytest.raises(NoWheelError, match=r"No matching distribution found for iniconfig==99\.1"):
        locks.lock(["iniconfig==99.1"], own_interpreter(), environments.notes.append, environments.cancel)
