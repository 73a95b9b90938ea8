"""The executor of this machine: jobs are prepared in environments and launched as watched subprocesses.

prepare   the model, the reference outputs, the environment (built once for each lock)
launch    the runner's own process group, limits, events, result; once per launch
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from devicefarm.v1 import attempt_pb2, board_pb2, job_pb2
from farm_agent.boards.base import Executor, LaunchRequest, LaunchResult, PreparedJob, RunnerEvent
from farm_agent.environments.endings import failure_of
from farm_agent.environments.installer import Installer, NoWheelError, run_installer
from farm_agent.environments.interpreter import Interpreter, own_interpreter, probe
from farm_agent.environments.launching import (
    Conversation,
    command_result,
    harness_result,
    request_of,
    runner_environment,
    scenario_name,
)
from farm_agent.environments.locks import Locks, check_requirement
from farm_agent.environments.pip import Pip
from farm_agent.environments.process import Bounds, End, Ended, supervise
from farm_agent.environments.store import Environment, EnvironmentStore
from farm_agent.environments.uv import Uv, find_uv
from farm_agent.errors import AttemptError, CancelledError
from farm_agent.runners.catalog import RunnerKind, load_catalog
from farm_agent.runners.command import CommandLines, command_of, fill

__all__ = ["HostExecutor"]

SCENARIOS = (job_pb2.SCENARIO_KIND_SINGLE_STREAM, job_pb2.SCENARIO_KIND_OFFLINE)
SMALLEST_ROOM_BYTES = 2 << 30


@dataclass(frozen=True)
class _Ready:
    """What `launch` needs to know of a prepared job: the start of the command line, and which kind of runner it is."""

    kind: RunnerKind
    argv: tuple[str, ...]


class HostExecutor(Executor):
    """Runs jobs on this machine. Everything that it keeps lies below `state_dir / "environments"`.

    `catalog` are the runners; the installed ones unless a test brings its own.
    """

    def __init__(self, state_dir: Path, catalog: Mapping[str, RunnerKind] | None = None) -> None:
        folder = state_dir / "environments"
        (folder / "resolutions").mkdir(parents=True, exist_ok=True)
        self._catalog = load_catalog() if catalog is None else catalog
        self._uv = find_uv()
        installer: Installer = Uv(self._uv, folder) if self._uv else Pip()
        self._folder = folder
        self._locks = Locks(folder / "resolutions", installer, time.time)
        self._store = EnvironmentStore(folder, installer)

    def offers(self) -> Sequence[board_pb2.RuntimeOffer]:
        machine = platform.machine()
        return [
            board_pb2.RuntimeOffer(
                runtime=kind.name, formats=kind.formats, unavailable_reason=kind.unavailable_on(machine)
            )
            for kind in self._catalog.values()
        ]

    def isolation(self) -> str:
        return "rlimits"

    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        kind = self._kind_for(spec)
        command = command_of(spec.config.options) if kind.file is None else ()
        if spec.config.requirement and kind.requirements:
            check_requirement(spec.config.requirement)
        model = fetch(spec.model.artifact) if spec.HasField("model") and spec.model.HasField("artifact") else None
        golden = fetch(spec.model.golden) if spec.model.HasField("golden") else None
        if kind.file is None:
            return PreparedJob(spec, model, golden, "", {"command": " ".join(command)}, _Ready(kind, command))
        if cancel.is_set():
            raise CancelledError("cancelled before the environment was prepared")
        environment, interpreter = self._environment(kind, spec.config.requirement, note, cancel)
        facts = {f"wheel.{name}": version for name, version in environment.wheels.items()}
        facts["runner.python"] = interpreter.identity
        argv = (str(environment.python), "-I", "-u", "-X", "faulthandler", str(kind.file))
        return PreparedJob(spec, model, golden, environment.digest, facts, _Ready(kind, argv))

    def lock_text(self, environment: str) -> str:
        """The lock of an environment that `prepare` named."""
        return (self._folder / environment / "lock.txt").read_text(encoding="utf-8")

    def _kind_for(self, spec: job_pb2.JobSpec) -> RunnerKind:
        kind = self._catalog.get(spec.config.runtime)
        if kind is None:
            raise _unsupported(
                f"this board has no runner for {spec.config.runtime}", f"it has {', '.join(sorted(self._catalog))}"
            )
        if kind.unavailable_on(platform.machine()):
            raise _unsupported(kind.unavailable_on(platform.machine()))
        if kind.formats and spec.model.format not in kind.formats:
            raise _unsupported(
                f"{kind.name} cannot read a model of format {spec.model.format or 'unknown'}",
                f"it reads {', '.join(kind.formats)}",
            )
        if spec.scenario.kind not in SCENARIOS:
            raise _unsupported(
                f"the scenario {scenario_name(spec.scenario.kind)} cannot be run yet",
                f"these can: {', '.join(scenario_name(known) for known in SCENARIOS)}",
            )
        if kind.file is not None and spec.config.build:
            raise _unsupported(f"{kind.name} comes as wheels; it has no build variant {spec.config.build}")
        return kind

    def _environment(
        self, kind: RunnerKind, requirement: str, note: Callable[[str], None], cancel: threading.Event
    ) -> tuple[Environment, Interpreter]:
        """The environment of the first set of requirements that has wheels for this board."""
        interpreter = self._interpreter(kind, cancel)
        missing: NoWheelError | None = None
        for wanted in kind.alternatives(requirement):
            try:
                lock = self._locks.lock(wanted, interpreter, note, cancel)
            except NoWheelError as error:
                missing = missing or error
                continue
            environment = self._store.get(lock, wanted[0], interpreter, kind.imports, note, cancel)
            room = max(SMALLEST_ROOM_BYTES, shutil.disk_usage(self._folder).total // 10)
            self._store.clean(room, keep=[environment.digest])
            return environment, interpreter
        raise missing or _unsupported(f"{kind.name} names nothing to install")

    def _interpreter(self, kind: RunnerKind, cancel: threading.Event) -> Interpreter:
        if not kind.python:
            return own_interpreter()
        found = [shutil.which(f"python{kind.python}")]
        if self._uv:
            try:
                asked = f"Python {kind.python}"
                found.append(run_installer([*self._uv, "python", "find", kind.python], self._folder, asked, cancel))
            except CancelledError:
                raise
            except AttemptError:
                pass  # said below, in words that fit both ways of looking
        for path in found:
            try:
                if path:
                    return probe(Path(path))
            except (OSError, subprocess.SubprocessError, ValueError):
                continue
        raise _unsupported(
            f"{kind.name} needs Python {kind.python} and this board has none",
            f"`uv python install {kind.python}` brings one",
        )

    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        ready = request.job.handle
        assert isinstance(ready, _Ready)
        if ready.kind.file is None:
            return self._launch_command(ready, request, on_event, cancel)
        return self._launch_file(ready, request, on_event, cancel)

    def _launch_file(
        self,
        ready: _Ready,
        request: LaunchRequest,
        on_event: Callable[[RunnerEvent], None],
        cancel: threading.Event,
    ) -> LaunchResult:
        job = request.job
        asked = request_of(job.spec, job.model_path, job.golden_path, request.verify)
        (request.work_dir / "request.json").write_text(json.dumps(asked), encoding="utf-8")
        conversation = Conversation(on_event)
        ended = self._watch([*ready.argv, "request.json"], ready.kind, request, conversation, cancel)
        if ended.end is End.EXITED:
            if conversation.failure is not None:
                conversation.failure.log_tail = ended.log_tail
                raise conversation.failure
            if conversation.result is not None:
                return harness_result(conversation.result, request.work_dir, ended)
        raise _failure(ended, ready.kind, request, conversation) or AttemptError(
            "the runner ended without a result", kind=attempt_pb2.ERROR_KIND_AGENT, log_tail=ended.log_tail
        )

    def _launch_command(
        self,
        ready: _Ready,
        request: LaunchRequest,
        on_event: Callable[[RunnerEvent], None],
        cancel: threading.Event,
    ) -> LaunchResult:
        job = request.job
        said = CommandLines()
        conversation = Conversation(on_event, said)
        started = time.monotonic()
        conversation.hear('{"event": "phase", "phase": "measure"}')
        ended = self._watch(fill(ready.argv, _placeholders(request)), ready.kind, request, conversation, cancel)
        if ended.end is End.EXITED and conversation.failure is not None:
            conversation.failure.log_tail = ended.log_tail
            raise conversation.failure
        failure = _failure(ended, ready.kind, request, conversation)
        if failure is not None:
            raise failure
        assert job.handle is ready
        return command_result(said, conversation, started, ended)

    def _watch(
        self,
        argv: Sequence[str],
        kind: RunnerKind,
        request: LaunchRequest,
        conversation: Conversation,
        cancel: threading.Event,
    ) -> Ended:
        spec = request.job.spec
        try:
            return supervise(
                argv,
                cwd=request.work_dir,
                env=runner_environment(max(1, spec.config.threads), request.work_dir),
                on_line=conversation.hear,
                cancel=cancel,
                bounds=_bounds(kind, request),
                on_process=request.on_process,
                watch_memory=kind.file is None,
            )
        except OSError as error:
            raise AttemptError(
                f"the runner cannot be started: {argv[0]}: {error.strerror or error}",
                outcome=attempt_pb2.OUTCOME_FAILED if kind.file is None else attempt_pb2.OUTCOME_ERROR,
                kind=attempt_pb2.ERROR_KIND_JOB if kind.file is None else attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
                hint="is it executable, and built for this architecture?" if kind.file is None else "",
            ) from error


def _bounds(kind: RunnerKind, request: LaunchRequest) -> Bounds:
    return Bounds(silence_s=kind.silence_s, memory_bytes=request.job.spec.limits.memory_bytes)


def _failure(ended: Ended, kind: RunnerKind, request: LaunchRequest, conversation: Conversation) -> AttemptError | None:
    what = "the command" if kind.file is None else f"the {kind.name} runner"
    during = "while it ran" if kind.file is None else f"in the phase {conversation.phase}"
    return failure_of(ended, what, during, _bounds(kind, request))


def _placeholders(request: LaunchRequest) -> dict[str, str]:
    spec = request.job.spec
    return {
        "model": str(request.job.model_path or ""),
        "golden": str(request.job.golden_path or ""),
        "threads": str(max(1, spec.config.threads)),
        "batch": str(max(1, spec.config.batch)),
        "precision": spec.config.precision,
        "seed": str(spec.scenario.seed),
        "min_duration_s": f"{spec.scenario.min_duration_s:g}",
        "min_count": str(spec.scenario.min_count),
        "work_dir": str(request.work_dir),
    }


def _unsupported(message: str, hint: str = "") -> AttemptError:
    return AttemptError(message, outcome=attempt_pb2.OUTCOME_UNSUPPORTED, hint=hint)
