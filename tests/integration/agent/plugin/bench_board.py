"""A kind of board for these tests: real processes, a knob that outlives the agent, and a place to stop at.

`--board bench:FOLDER` keeps everything in that folder: `knob` is the value in force, `temperature` (if there) is what
the gate reads. A job's options say what happens: `stop_in` names the phase in which nothing goes on any more,
`samples` how many latencies a launch leaves, `fail` how a launch ends instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable

from devicefarm.columns import pack_integers
from devicefarm.v1 import attempt_pb2, board_pb2, job_pb2
from farm_agent.boards.base import (
    Board,
    BoardOptions,
    Executor,
    LaunchRequest,
    LaunchResult,
    PreparedJob,
    RunnerEvent,
)
from farm_agent.clock import Clock, RealClock
from farm_agent.errors import AttemptError, CancelledError
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import Sensor

BEFORE = '"as-it-was"'


def open_board(options: BoardOptions) -> Board:
    return BenchBoard(Path(options.argument), options)


class BenchBoard(Board):
    def __init__(self, folder: Path, options: BoardOptions) -> None:
        self.folder = folder
        self.wanted = ""
        self._options = options
        self._clock = RealClock()
        self._executor = BenchExecutor(self)
        self._knobs = {"level": LevelKnob(self)}

    @property
    def clock(self) -> Clock:
        return self._clock

    def describe(self) -> board_pb2.Board:
        return board_pb2.Board(
            board_id=f"bench-{self.folder.name}",
            board_type="bench",
            name=self._options.name or self.folder.name,
            provenance=board_pb2.PROVENANCE_SIMULATED,
            tags=self._options.tags,
            runtimes=self._executor.offers(),
            knobs=sorted(self._knobs),
        )

    def sensors(self) -> Sequence[Sensor]:
        return ()

    def knobs(self) -> Mapping[str, Knob]:
        return self._knobs

    @property
    def executor(self) -> Executor:
        return self._executor

    def context(self) -> dict[str, str]:
        return {"level": self._knobs["level"].read()}

    def temperature_c(self) -> float | None:
        with contextlib.suppress(FileNotFoundError):
            return float((self.folder / "temperature").read_text())
        return None

    def stop_here(self, phase: str, stop: threading.Event | None = None) -> None:
        """Nothing goes on any more, once, if the job says that it is here."""
        if self.wanted == phase:
            self.wanted = ""
            (stop or threading.Event()).wait()


class LevelKnob(Knob):
    name = "level"

    def __init__(self, board: BenchBoard) -> None:
        self._board = board
        self._file = board.folder / "knob"

    def read(self) -> str:
        return self._file.read_text() if self._file.exists() else BEFORE

    def apply(self, value: str) -> None:
        self._file.write_text(value)
        self._board.stop_here("apply")

    def restore(self, before: str) -> None:
        self._board.stop_here("restore")
        if (self._board.folder / "stuck").exists():
            raise OSError(5, "the knob is stuck")
        self._file.write_text(before)


class BenchExecutor(Executor):
    def __init__(self, board: BenchBoard) -> None:
        self._board = board

    def offers(self) -> Sequence[board_pb2.RuntimeOffer]:
        return [board_pb2.RuntimeOffer(runtime="bench")]

    def isolation(self) -> str:
        return "none"

    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        options = {name: json.loads(value) for name, value in spec.config.options.items()}
        self._board.wanted = options.get("stop_in", "")
        note("looking for the model")
        path = fetch(spec.model.artifact) if spec.model.HasField("artifact") else None
        self._board.stop_here("prepare", cancel)
        if cancel.is_set():
            raise CancelledError("stopped while preparing")
        return PreparedJob(spec, path, None, "lock-of-bench", {"bench.version": "1"}, options)

    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        options = request.job.handle
        assert isinstance(options, dict)
        started = self._board.clock.monotonic()
        runner = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, cwd=request.work_dir
        )
        (self._board.folder / "runner").write_text(str(runner.pid))
        request.on_process(runner.pid)
        try:
            for phase in ("load", "warmup", "measure", "verify"):
                on_event(RunnerEvent(phase, 0.5))
                self._board.stop_here(phase, cancel)
                if cancel.is_set():
                    raise CancelledError("the runner was stopped", log_tail="runner: SIGTERM")
                if options.get("fail") == phase:
                    raise AttemptError(
                        "The runner died of signal 11 (segmentation fault).",
                        kind=attempt_pb2.ERROR_KIND_JOB,
                        log_tail="runner: about to crash",
                    )
                if options.get("fail") == f"defect in {phase}":
                    raise ZeroDivisionError("a defect of the executor")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(runner.pid, signal.SIGKILL)
            runner.wait()
        rng = random.Random(options.get("seed", 0))
        latencies = [rng.randrange(1 << 40) for _ in range(options.get("samples", 10))]
        return LaunchResult(
            load_s=0.1,
            first_inference_s=0.01,
            warmup_count=5,
            warmup_s=0.05,
            measure_started=started,
            measure_s=1.0,
            latency_ns=pack_integers(latencies),
            count=len(latencies),
            peak_rss_bytes=1 << 20,
            conversion_s=0.0,
            overhead_s=1e-6,
            runtime_facts={"version": "1"},
            matches=True if request.verify else None,
            output_sha256="0" * 64 if request.verify else "",
            log_tail=f"runner: launch {request.index} done",
        )
