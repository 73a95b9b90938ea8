"""The present, kept in memory for those who watch: what each job and each board is doing right now.

A cache of what was committed and of what agents said last. It may be thrown away at any moment: the store knows the
truth, and whoever watches starts again from a snapshot.

Changes are gathered, not queued: a watcher remembers *which* jobs changed and reads their state when it gets round to
it, so a slow reader sees fewer steps, never old ones, and holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from farm.errors import UnknownRunError
from farm.model.attempt import ErrorKind, Lease, Outcome, Phase
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.job import Job, JobSpec, JobState
from farm.model.live import BoardStatus, JobChange, WatchUpdate
from farm.scheduling.commands import Finish, Requeue

__all__ = ["LiveBoard", "LiveFarm", "LiveJob", "Watcher"]

_FINISHED_RUNS_KEPT = 32


@dataclass
class _Waiting:
    """Estimated work of one run that waits for any of the same boards."""

    work_s: float = 0.0


@dataclass
class LiveJob:
    """One job now."""

    spec: JobSpec
    estimate_s: float
    waiting: _Waiting
    state: JobState
    outcome: Outcome | None = None
    error_kind: ErrorKind | None = None
    error: str = ""
    board_id: str = ""
    fence: int = 0
    attempt: int = 0
    phase: Phase | None = None
    fraction: float = 0.0
    note: str = ""

    def as_change(self, *, with_spec: bool = False) -> JobChange:
        """As it is told to people."""
        return JobChange(
            job_id=self.spec.job_id,
            state=self.state,
            outcome=self.outcome,
            error_kind=self.error_kind,
            error=self.error,
            board_id=self.board_id,
            attempt=self.attempt,
            phase=self.phase,
            fraction=self.fraction,
            note=self.note,
            spec=self.spec if with_spec else None,
        )


@dataclass
class LiveBoard:
    """One board that has been here since the coordinator started."""

    board: Board
    health: BoardHealth
    intent: BoardIntent
    attached: bool = True
    lease: Lease | None = None

    def as_status(self) -> BoardStatus:
        """As it is told to people."""
        if not self.attached:
            state = BoardState.OFFLINE
        else:
            state = BoardState.BUSY if self.lease is not None else BoardState.IDLE
        return BoardStatus(self.board, state, self.health, self.intent, self.lease)


@dataclass
class _LiveRun:
    whole: bool
    """Every job is here, also those that had finished when this process started."""
    jobs: dict[str, LiveJob] = field(default_factory=dict)
    unfinished: int = 0
    waiting: dict[tuple[str, ...], _Waiting] = field(default_factory=dict)
    """By the boards that may do it."""
    leased: dict[str, LiveJob] = field(default_factory=dict)
    passed_estimated_s: float = 0.0
    passed_took_s: float = 0.0
    watchers: set[Watcher] = field(default_factory=set)

    def move(self, job: LiveJob, state: JobState | None, before: JobState | None) -> None:
        """Keep the sums right while a job goes from one state to another."""
        if before is JobState.QUEUED:
            job.waiting.work_s -= job.estimate_s
        elif before is JobState.LEASED:
            del self.leased[job.spec.job_id]
        if state is JobState.QUEUED:
            job.waiting.work_s += job.estimate_s
        elif state is JobState.LEASED:
            self.leased[job.spec.job_id] = job
        self.unfinished += (state is not JobState.FINISHED) - (before is not None and before is not JobState.FINISHED)

    @property
    def pace(self) -> float:
        """How much longer jobs take than was estimated, by those that passed so far."""
        return self.passed_took_s / self.passed_estimated_s if self.passed_estimated_s > 0 else 1.0


class Watcher:
    """One reader of one run. `changed` is set when there is something to `take`."""

    def __init__(self, farm: LiveFarm, run_id: str, run: _LiveRun) -> None:
        self._farm = farm
        self._run = run
        self._run_id = run_id
        self._fresh = True
        self.jobs: set[str] = set()
        self.boards: set[str] = set()
        self.changed = asyncio.Event()
        self.changed.set()

    def take(self) -> WatchUpdate:
        """What changed since the last time, as it is now; everything the first time."""
        self.changed.clear()
        jobs = self._run.jobs if self._fresh else {job_id: self._run.jobs[job_id] for job_id in self.jobs}
        boards = self._farm.boards if self._fresh else {name: self._farm.boards[name] for name in self.boards}
        update = WatchUpdate(
            changes=tuple(job.as_change(with_spec=self._fresh) for job in jobs.values()),
            boards=tuple(board.as_status() for board in boards.values()),
            snapshot=self._fresh,
            finished=self._run.unfinished == 0,
            remaining_s=self._farm.remaining_s(self._run_id),
        )
        self._fresh = False
        self.jobs.clear()
        self.boards.clear()
        return update


class LiveFarm:
    """Every unfinished run, the last finished ones, and every board that attached."""

    def __init__(self, standing: Mapping[str, tuple[BoardHealth, BoardIntent]] | None = None) -> None:
        """`standing` is what the store knows of the health and intent of boards that came before."""
        self.boards: dict[str, LiveBoard] = {}
        self._standing = dict(standing or {})
        self._runs: dict[str, _LiveRun] = {}
        self._jobs: dict[str, tuple[LiveJob, _LiveRun]] = {}
        self._watchers: set[Watcher] = set()
        self._arrivals: set[asyncio.Event] = set()
        self.queued = 0
        self.leased = 0

    # jobs

    def add(self, jobs: Iterable[Job], *, whole: bool) -> None:
        """Jobs that are in the store; `whole` says that these are all of their runs."""
        for job in jobs:
            run = self._runs.get(job.spec.run_id)
            if run is None:
                run = self._runs[job.spec.run_id] = _LiveRun(whole)
            if job.job_id in run.jobs:
                continue
            live = LiveJob(
                spec=job.spec,
                estimate_s=job.estimate_s,
                waiting=run.waiting.setdefault(job.board_ids, _Waiting()),
                state=job.state,
                outcome=job.outcome,
                error=job.error,
                board_id=job.board_id if job.state is not JobState.QUEUED else "",
                fence=job.fence,
                attempt=job.attempts,
            )
            run.jobs[job.job_id] = live
            self._jobs[job.job_id] = live, run
            self._count(live.state, 1)
            run.move(live, live.state, None)
        self._forget_old_runs()

    def job(self, job_id: str) -> LiveJob | None:
        """None for what is not in memory (any more)."""
        entry = self._jobs.get(job_id)
        return None if entry is None else entry[0]

    def run_jobs(self, run_id: str) -> dict[str, LiveJob]:
        """Every job of a run; raises `UnknownRunError`."""
        return self._known(run_id).jobs

    def is_whole(self, run_id: str) -> bool:
        """Whether every job of the run is here, also those that had finished before this process started."""
        run = self._runs.get(run_id)
        return run is not None and run.whole

    def complete(self, run_id: str, stored: Sequence[Job]) -> None:
        """All jobs of a run as the store has them: those that finished before are added, the others known better."""
        self.add((job for job in stored if job.state is JobState.FINISHED), whole=False)
        run = self._runs.get(run_id)
        if run is not None:
            run.whole = True
            run.jobs = {job.job_id: run.jobs[job.job_id] for job in stored if job.job_id in run.jobs}

    def has_run(self, run_id: str) -> bool:
        return run_id in self._runs

    def claimed(self, lease: Lease, board_id: str, attempt: int) -> None:
        """queued -> leased, committed."""
        if (entry := self._jobs.get(lease.job_id)) is not None:
            job, run = entry
            self._move(job, run, JobState.LEASED)
            job.board_id, job.fence, job.attempt = board_id, lease.fence, attempt
            job.error_kind, job.error = None, ""
            self._show_no_progress(job)
            self._changed_job(job, run)
        if (board := self.boards.get(board_id)) is not None:
            board.lease = lease
            self._changed_board(board_id)

    def requeued(self, lease: Lease, board_id: str, why: Requeue) -> None:
        """leased -> queued, committed."""
        if (entry := self._jobs.get(lease.job_id)) is not None:
            job, run = entry
            self._move(job, run, JobState.QUEUED)
            job.board_id, job.error_kind, job.error = "", why.error_kind, why.error
            self._show_no_progress(job)
            self._changed_job(job, run)
        self._freed(board_id, lease)

    def finished(self, job_id: str, end: Finish, *, lease: Lease | None, board_id: str, took_s: float = 0.0) -> None:
        """Over, committed. `lease` and `board_id` say who did it; None and empty where nobody did."""
        if (entry := self._jobs.get(job_id)) is not None:
            job, run = entry
            self._move(job, run, JobState.FINISHED)
            job.outcome, job.error_kind, job.error = end.outcome, end.error_kind, end.error
            if end.outcome is Outcome.PASSED and job.estimate_s > 0:
                run.passed_estimated_s += job.estimate_s
                run.passed_took_s += took_s
            self._show_no_progress(job)
            job.fraction = 1.0
            self._changed_job(job, run)
        self._freed(board_id, lease)

    def progress(self, lease: Lease, *, phase: Phase | None = None, fraction: float | None = None, note: str) -> None:
        """What an agent says of its attempt; older leases than the job's own are not listened to."""
        entry = self._jobs.get(lease.job_id)
        if entry is None or entry[0].state is not JobState.LEASED or entry[0].fence != lease.fence:
            return
        job = entry[0]
        if phase is not None:
            job.phase = phase
        if fraction is not None:
            job.fraction = fraction
        job.note = note
        self._changed_job(*entry)

    # boards

    def attached(self, board: Board, lease: Lease | None) -> tuple[BoardHealth, BoardIntent]:
        """A board came; returns how it stands."""
        standing = self._standing.setdefault(board.board_id, (BoardHealth.UNKNOWN, BoardIntent.ENABLED))
        self.boards[board.board_id] = LiveBoard(board, *standing, lease=lease)
        self._changed_board(board.board_id)
        for arrival in self._arrivals:
            arrival.set()
        return standing

    def changed(self, board: Board) -> BoardStatus:
        """An attached board says something new of itself."""
        live = self.boards[board.board_id]
        live.board = board
        self._changed_board(board.board_id)
        return live.as_status()

    def detached(self, board_id: str) -> None:
        self.boards[board_id].attached = False
        self._changed_board(board_id)

    def judged(self, board_id: str, *, health: BoardHealth | None = None, intent: BoardIntent | None = None) -> None:
        """Health or intent changed, committed."""
        known_health, known_intent = self._standing.get(board_id, (BoardHealth.UNKNOWN, BoardIntent.ENABLED))
        standing = self._standing[board_id] = health or known_health, intent or known_intent
        if (board := self.boards.get(board_id)) is not None:
            board.health, board.intent = standing
            self._changed_board(board_id)

    def has_seen(self, board_id: str) -> bool:
        """Whether the board has ever attached, also to an earlier coordinator."""
        return board_id in self._standing

    def holds(self, board_id: str, lease: Lease) -> bool:
        """Whether the job is leased to this board under this fence."""
        job = self.job(lease.job_id)
        return job is not None and job.state is JobState.LEASED and (job.board_id, job.fence) == (board_id, lease.fence)

    def attached_boards(self) -> tuple[Board, ...]:
        """Those that can be given jobs now."""
        return tuple(live.board for live in self.boards.values() if live.attached)

    async def next_arrival(self, timeout_s: float) -> bool:
        """Wait until a board attaches; False when none did."""
        arrival = asyncio.Event()
        self._arrivals.add(arrival)
        try:
            await asyncio.wait_for(arrival.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        finally:
            self._arrivals.discard(arrival)
        return True

    # watching

    @contextmanager
    def watch(self, run_id: str) -> Iterator[Watcher]:
        """Raises `UnknownRunError`."""
        run = self._known(run_id)
        watcher = Watcher(self, run_id, run)
        run.watchers.add(watcher)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            run.watchers.discard(watcher)
            self._watchers.discard(watcher)

    def remaining_s(self, run_id: str) -> float:
        """How long the run will still take, by the jobs' estimates; 0 when nobody can say.

        Each unfinished job is spread evenly over the attached boards that it may run on; the fullest board decides.
        """
        run = self._known(run_id)
        load_s = {name: 0.0 for name, board in self.boards.items() if board.attached}
        for job in run.leased.values():
            if job.board_id in load_s:
                load_s[job.board_id] += job.estimate_s * (1.0 - job.fraction)
        for board_ids, waiting in run.waiting.items():
            boards = [board_id for board_id in board_ids if board_id in load_s]
            for board_id in boards:
                load_s[board_id] += waiting.work_s / len(boards)
        return max(0.0, run.pace * max(load_s.values(), default=0.0))

    def _known(self, run_id: str) -> _LiveRun:
        run = self._runs.get(run_id)
        if run is None:
            raise UnknownRunError(
                f"The coordinator knows no run {run_id!r} that is going on.",
                hint="`farm results` shows what finished runs left; `farm runs` lists them all.",
            )
        return run

    def _move(self, job: LiveJob, run: _LiveRun, state: JobState) -> None:
        self._count(job.state, -1)
        self._count(state, 1)
        run.move(job, state, job.state)
        job.state = state

    def _count(self, state: JobState, by: int) -> None:
        self.queued += by * (state is JobState.QUEUED)
        self.leased += by * (state is JobState.LEASED)

    @staticmethod
    def _show_no_progress(job: LiveJob) -> None:
        job.phase, job.fraction, job.note = None, 0.0, ""

    def _freed(self, board_id: str, lease: Lease | None) -> None:
        board = self.boards.get(board_id)
        if board is not None and lease is not None and board.lease == lease:
            board.lease = None
            self._changed_board(board_id)

    @staticmethod
    def _changed_job(job: LiveJob, run: _LiveRun) -> None:
        for watcher in run.watchers:
            watcher.jobs.add(job.spec.job_id)
            watcher.changed.set()

    def _changed_board(self, board_id: str) -> None:
        for watcher in self._watchers:
            watcher.boards.add(board_id)
            watcher.changed.set()

    def _forget_old_runs(self) -> None:
        over = [run_id for run_id, run in self._runs.items() if not run.unfinished and not run.watchers]
        for run_id in over[:-_FINISHED_RUNS_KEPT]:
            for job_id in self._runs.pop(run_id).jobs:
                del self._jobs[job_id]
