"""A core on a stage: each method is one event, a tenth of a second after the last, and returns the commands."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import Board, BoardHealth, BoardIntent
from farm.model.job import Config, Job, JobSpec, Limits
from farm.scheduling.commands import Claim
from farm.scheduling.core import Core, Policy
from farm.scheduling.events import (
    BoardAttached,
    BoardDetached,
    BoardReady,
    CancelRequested,
    ClaimCommitted,
    Event,
    Heartbeat,
    IntentChanged,
    RebootAnnounced,
    RecordArrived,
    RunSubmitted,
    SettleCommitted,
    Tick,
)

Commands = list[Any]
"""Commands of whatever kind: a test says which it expects by comparing, or by asking for a field."""


class Scene:
    def __init__(self, policy: Policy) -> None:
        self.core = Core(policy=policy, rng=random.Random(0))
        self.now = 100.0
        self.event: Event = Tick(self.now)

    def tell(self, event: Event) -> Commands:
        self.event = event
        return self.core.handle(event)

    def _later(self) -> float:
        self.now = round(self.now + 0.1, 3)
        return self.now

    def submit(self, *jobs: Job) -> Commands:
        return self.tell(RunSubmitted(self._later(), jobs))

    def attach(
        self,
        board_id: str,
        *,
        running: Sequence[Lease] = (),
        spooled: Sequence[Lease] = (),
        health: BoardHealth = BoardHealth.UNKNOWN,
        intent: BoardIntent = BoardIntent.ENABLED,
    ) -> Commands:
        board = Board(board_id, "linux", board_id)
        return self.tell(BoardAttached(self._later(), board, health, intent, tuple(running), tuple(spooled)))

    def detach(self, board_id: str) -> Commands:
        return self.tell(BoardDetached(self._later(), board_id))

    def ready(self, board_id: str) -> Commands:
        return self.tell(BoardReady(self._later(), board_id))

    def beat(self, board_id: str, *running: Lease) -> Commands:
        return self.tell(Heartbeat(self._later(), board_id, running))

    def claimed(self, lease: Lease, *, accepted: bool = True) -> Commands:
        return self.tell(ClaimCommitted(self._later(), lease, accepted))

    def record(
        self,
        lease: Lease,
        board_id: str,
        outcome: Outcome = Outcome.PASSED,
        kind: ErrorKind | None = None,
        error: str = "",
    ) -> Commands:
        return self.tell(RecordArrived(self._later(), lease, board_id, outcome, kind, error))

    def settled(self, lease: Lease, *, accepted: bool = True, duplicate: bool = False) -> Commands:
        return self.tell(SettleCommitted(self._later(), lease, accepted, duplicate))

    def reboot(self, lease: Lease, board_id: str) -> Commands:
        return self.tell(RebootAnnounced(self._later(), lease, board_id))

    def cancel(self, *job_ids: str) -> Commands:
        return self.tell(CancelRequested(self._later(), job_ids, "not wanted"))

    def intent(self, board_id: str, intent: BoardIntent) -> Commands:
        return self.tell(IntentChanged(self._later(), board_id, intent))

    def after(self, seconds: float) -> Commands:
        self.now += seconds
        return self.tell(Tick(self.now))

    # Whole ways, for what is not the point of a test.

    def serve(self, board_id: str) -> Commands:
        """Attached, and with a credit."""
        return self.attach(board_id) + self.ready(board_id)

    def run(self, board_id: str) -> Lease:
        """Give the board a credit, and let it have the job that it gets for it."""
        [claim] = self.ready(board_id)
        assert isinstance(claim, Claim)
        self.claimed(claim.lease)
        return claim.lease

    def end(
        self, lease: Lease, board_id: str, outcome: Outcome, kind: ErrorKind | None = None, error: str = ""
    ) -> Commands:
        """A record that arrives and is settled."""
        return self.record(lease, board_id, outcome, kind, error) + self.settled(lease)


def make_job(
    job_id: str = "j1",
    boards: str = "b1",
    *,
    runtime: str = "onnxruntime",
    knobs: Mapping[str, str] | None = None,
    limit_s: float = 900.0,
    **fields: Any,
) -> Job:
    """A job without a model that may run on these boards."""
    spec = JobSpec(job_id, "r", None, Config(runtime, knobs=knobs or {}), limits=Limits(attempt_s=limit_s))
    return Job(spec, board_ids=tuple(boards.split()), **fields)
