"""One attempt: a job is tried on a board, and whatever happens, a record of it comes out and the board is put back.

    prepare   the model and the environment
    apply     the knobs, each noted in the journal before it is touched, then read back
    cool      until the board is below the gate's temperature
    load, warmup, measure, verify     one launch of the runner; again after a cool-down, as often as asked
    restore   the knobs, in reverse        } always
    cleanup   left-over processes, files   }

An error of any kind becomes the record's outcome and says whose fault it is. Nothing but the record leaves here, and
no error of an attempt ends the agent.
"""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import traceback
from pathlib import Path
from typing import Callable, Protocol

from devicefarm import columns
from devicefarm.v1 import attempt_pb2, gateway_pb2, job_pb2
from farm_agent.boards.base import Board, LaunchRequest, LaunchResult, PreparedJob, RunnerEvent
from farm_agent.errors import ArtifactError, AttemptError, KnobError
from farm_agent.gate import GateOutcome, await_gate
from farm_agent.journal import Entry, Journal, put_back
from farm_agent.lease import Lease
from farm_agent.phase_log import PhaseLog
from farm_agent.stop import StopCause, StopSignal
from farm_agent.telemetry import TelemetrySampler

__all__ = ["Attempt", "Listener"]

logger = logging.getLogger(__name__)

_TELEMETRY_INTERVAL_S = 1.0
_LOG_TAIL_CHARACTERS = 16_000
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_RUNNER_PHASES = {
    "load": attempt_pb2.PHASE_LOAD,
    "warmup": attempt_pb2.PHASE_WARMUP,
    "measure": attempt_pb2.PHASE_MEASURE,
    "verify": attempt_pb2.PHASE_VERIFY,
}


class Listener(Protocol):
    """Who wants to know how an attempt goes on."""

    def phase_changed(self, phase: attempt_pb2.Phase, note: str) -> None: ...

    def progressed(self, fraction: float, note: str) -> None: ...


class Attempt:
    """One try of an assigned job. `carry_out` is called once, on a thread that may block."""

    def __init__(
        self,
        assign: gateway_pb2.Assign,
        board: Board,
        *,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        journal: Journal,
        work: Path,
        stop: StopSignal,
        listener: Listener,
    ) -> None:
        self._spec = assign.job
        self._lease = Lease(assign.job.job_id, assign.fence)
        self._board = board
        self._fetch = fetch
        self._journal = journal
        self._work = work
        self._stop = stop
        self._listener = listener
        self._started = board.clock.monotonic()
        self._phases = PhaseLog(lambda: board.clock.monotonic() - self._started, listener.phase_changed)
        self._entry: Entry | None = None
        self._applied: list[tuple[str, str]] = []
        self._launch_count = max(1, assign.job.launches)
        self.unrestored = ""
        """Why the board is not as it was before; empty when it is."""
        self._record = attempt_pb2.AttemptRecord(
            job_id=assign.job.job_id,
            fence=assign.fence,
            board_id=assign.board_id,
            attempt=assign.attempt,
            outcome=attempt_pb2.OUTCOME_PASSED,
            started_unix_s=board.clock.unix(),
        )

    def carry_out(self) -> attempt_pb2.AttemptRecord:
        """The whole ladder. Never raises an `Exception`."""
        limit_s = self._spec.limits.attempt_s
        timer = threading.Timer(limit_s, self._stop_at_limit) if 0.0 < limit_s <= threading.TIMEOUT_MAX else None
        try:
            if timer is not None:
                timer.daemon = True
                timer.start()
            board = self._board
            with TelemetrySampler(board.sensors(), board.clock, _TELEMETRY_INTERVAL_S, self._started) as sampler:
                try:
                    prepared = self._prepare()
                    self._apply()
                    self._cool(pause_s=0.0)
                    self._record.context_before.fields.update(self._context(prepared))
                    for index in range(self._launch_count):
                        if index > 0:
                            self._cool(pause_s=self._spec.cooldown_s)
                        self._launch(prepared, index)
                    self._record.context_after.fields.update(self._context(prepared))
                except Exception as error:
                    self._end_with(error)
                finally:
                    if timer is not None:
                        timer.cancel()
                    self._restore()
                    self._cleanup()
            self._record.telemetry.CopyFrom(sampler.finish())
        except Exception as error:
            # After the ladder: what it ended with already says more.
            if self._record.outcome == attempt_pb2.OUTCOME_PASSED:
                self._end_with(error)
        self._record.phases.extend(self._phases.finish())
        self._record.duration_s = self._board.clock.monotonic() - self._started
        return self._record

    def _prepare(self) -> PreparedJob:
        self._phases.enter(attempt_pb2.PHASE_PREPARE)
        self._entry = self._journal.open(self._record.board_id, self._lease)
        self._work.mkdir(parents=True)
        self._check()
        self._record.isolation = self._board.executor.isolation()
        prepared = self._board.executor.prepare(self._spec, self._fetch, self._phases.note, self._stop)
        self._record.environment = prepared.environment
        return prepared

    def _apply(self) -> None:
        wanted = sorted(self._spec.config.knobs.items())
        if not wanted:
            return
        self._check()
        self._phases.enter(attempt_pb2.PHASE_APPLY)
        offered = self._board.knobs()
        missing = [name for name, _ in wanted if name not in offered]
        if missing:
            raise AttemptError(
                f"This board has no knob {', '.join(missing)}; it has {', '.join(sorted(offered)) or 'none'}.",
                outcome=attempt_pb2.OUTCOME_UNSUPPORTED,
            )
        for name, value in wanted:
            before = offered[name].read()
            if before == '"unknown"':
                raise KnobError(
                    f"The knob {name} cannot be read, so it could not be put back; it was left alone.",
                    kind=attempt_pb2.ERROR_KIND_BOARD,
                )
            assert self._entry is not None
            self._entry.knob(name, before)
            self._applied.append((name, before))
            offered[name].apply(value)
        for name, _ in wanted:
            self._record.knobs_read_back[name] = offered[name].read()

    def _cool(self, pause_s: float) -> None:
        """Let the board rest, then hold the start back until it is below the gate's limit."""
        gate = self._spec.gate
        if pause_s <= 0.0 and not gate.HasField("start_below_c"):
            return
        self._check()
        self._phases.enter(attempt_pb2.PHASE_COOL)
        if pause_s > 0.0:
            self._phases.note(f"cool-down of {pause_s:g} s")
            self._board.clock.wait(pause_s, self._stop)
            self._check()
        if gate.HasField("start_below_c"):
            passed = await_gate(self._board, gate, self._stop, self._phases.note)
            self._check()
            fields = self._record.context_before.fields
            worst = max(passed.outcome, GateOutcome.of(fields.get("gate.outcome", "")))
            fields["gate.outcome"] = worst.word
            if passed.temperature_c is not None:
                fields.setdefault("gate.temperature_c", f"{passed.temperature_c:.1f}")

    def _context(self, prepared: PreparedJob) -> dict[str, str]:
        return {**self._board.context(), **prepared.facts}

    def _launch(self, prepared: PreparedJob, index: int) -> None:
        self._check()
        last = index == self._launch_count - 1
        work_dir = self._work / f"launch-{index}"
        work_dir.mkdir()
        assert self._entry is not None
        entry = self._entry
        self._phases.enter(attempt_pb2.PHASE_LOAD)
        result = self._board.executor.launch(
            LaunchRequest(
                job=prepared,
                index=index,
                verify=last,
                work_dir=work_dir,
                on_process=lambda group: entry.process(group, work_dir),
            ),
            lambda event: self._follow(event, index),
            self._stop,
        )
        self._record.launches.append(_launch_message(index, result, self._started))
        self._record.log_tail = result.log_tail[-_LOG_TAIL_CHARACTERS:]
        if last and (result.matches is not None or result.output_sha256 or result.verification_detail):
            self._record.verification.CopyFrom(_verification_message(result))

    def _follow(self, event: RunnerEvent, index: int) -> None:
        """What the runner does becomes the attempt's phase."""
        phase = _RUNNER_PHASES.get(event.phase)
        if phase is None:
            logger.warning("attempt %s: the runner speaks of an unknown phase %r", self._lease, event.phase)
            return
        if phase != self._phases.current:
            self._phases.enter(phase, event.note)
        within = {attempt_pb2.PHASE_MEASURE: event.fraction, attempt_pb2.PHASE_VERIFY: 1.0}.get(phase, 0.0)
        self._listener.progressed((index + min(1.0, max(0.0, within))) / self._launch_count, event.note)
        self._stop_beyond_limit()

    def _restore(self) -> None:
        if not self._applied:
            return
        self._phases.enter(attempt_pb2.PHASE_RESTORE)
        self.unrestored = put_back(self._board, tuple(self._applied))
        self._phases.note(self.unrestored)

    def _cleanup(self) -> None:
        self._phases.enter(attempt_pb2.PHASE_CLEANUP)
        if self._entry is not None:
            ended = self._entry.end_runners()
            if ended:
                self._phases.note(f"{ended} left-over runners had to be killed")
            if self.unrestored:
                self._entry.leave()
            else:
                self._entry.close()
        if self._work.exists():
            shutil.rmtree(self._work, ignore_errors=True)

    def _check(self) -> None:
        """Raise `CancelledError` when the attempt was asked to stop."""
        self._stop_beyond_limit()
        self._stop.raise_if_set()

    def _stop_beyond_limit(self) -> None:
        """On a board with its own time the limit holds in that time, which no timer of ours can see."""
        limit_s = self._spec.limits.attempt_s
        if 0.0 < limit_s < self._board.clock.monotonic() - self._started:
            self._stop_at_limit()

    def _stop_at_limit(self) -> None:
        self._stop.stop(
            StopCause.LIMIT,
            f"The attempt took longer than limits.attempt, {self._spec.limits.attempt_s:g} s; it was in the phase "
            f"{self._phases.current_name}. Allow it more, or measure for a shorter time.",
        )

    def _end_with(self, error: Exception) -> None:
        """What kind of end an error is: its outcome, whose fault, a sentence, and the end of the log."""
        record = self._record
        record.outcome = attempt_pb2.OUTCOME_ERROR
        record.error = str(error)
        if isinstance(error, AttemptError):
            record.outcome, record.error_kind = error.outcome, error.kind
            if error.log_tail:
                record.log_tail = error.log_tail[-_LOG_TAIL_CHARACTERS:]
            if self._stop.is_set():
                self._end_as_asked()
        elif isinstance(error, KnobError):
            record.error_kind = error.kind
        elif isinstance(error, ArtifactError):
            record.error_kind = attempt_pb2.ERROR_KIND_INFRASTRUCTURE
            if self._stop.is_set():
                self._end_as_asked()
        elif isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            record.error_kind = attempt_pb2.ERROR_KIND_INFRASTRUCTURE
            record.error = f"The agent's disk fails: {error}. Make room on the board, or replace its card."
        else:
            record.error_kind = attempt_pb2.ERROR_KIND_AGENT
            record.error = f"A defect of the agent: {type(error).__name__}: {error}. The log has the details."
            record.log_tail = traceback.format_exc()[-_LOG_TAIL_CHARACTERS:]
        logger.warning(
            "attempt %s ended in %s: %s",
            self._lease,
            self._phases.current_name,
            record.error.splitlines()[0] if record.error else type(error).__name__,
        )

    def _end_as_asked(self) -> None:
        """Whatever error a runner ended with when it was stopped: the reason is that it was stopped."""
        self._record.error = self._stop.reason
        if self._stop.cause is StopCause.LIMIT:
            self._record.outcome = attempt_pb2.OUTCOME_ERROR
            self._record.error_kind = attempt_pb2.ERROR_KIND_JOB
            return
        self._record.outcome = attempt_pb2.OUTCOME_CANCELLED
        # Cancelled by the agent itself: the job goes back to the queue, and the attempt does not count.
        by_agent = self._stop.cause is StopCause.SHUTDOWN
        self._record.error_kind = attempt_pb2.ERROR_KIND_AGENT if by_agent else attempt_pb2.ERROR_KIND_UNSPECIFIED


def _launch_message(index: int, result: LaunchResult, attempt_started: float) -> attempt_pb2.Launch:
    return attempt_pb2.Launch(
        index=index,
        load_s=result.load_s,
        first_inference_s=result.first_inference_s,
        warmup_count=result.warmup_count,
        warmup_s=result.warmup_s,
        measure_start_s=result.measure_started - attempt_started,
        measure_s=result.measure_s,
        latency_ns=attempt_pb2.Column(codec=columns.INTEGERS, count=result.count, inline=result.latency_ns),
        peak_rss_bytes=result.peak_rss_bytes,
        conversion_s=result.conversion_s,
        overhead_s=result.overhead_s,
        runtime_facts=dict(result.runtime_facts),
    )


def _verification_message(result: LaunchResult) -> attempt_pb2.Verification:
    message = attempt_pb2.Verification(
        max_abs_error=result.max_abs_error,
        detail=result.verification_detail,
        output_sha256=result.output_sha256,
    )
    if result.matches is not None:
        message.matches = result.matches
    if result.top1_agreement is not None:
        message.top1_agreement = result.top1_agreement
    return message
