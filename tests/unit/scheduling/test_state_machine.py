"""Any sequence of events, sensible or not: what the core asks for always fits what the store would say.

The store of this test is the rule of `farm.store.leases` said in a few lines; commits are answered late and in order.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import Board, BoardIntent
from farm.scheduling.commands import (
    Ack,
    Claim,
    Command,
    Disposition,
    Expire,
    Finish,
    FinishQueued,
    SendAssign,
    SendCancel,
    SetHealth,
    Settle,
)
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
    RecordArrived,
    RunSubmitted,
    SettleCommitted,
    Tick,
)
from tests.unit.scheduling.scene import make_job

BOARDS = ("b1", "b2", "b3")
boards = strategies.sampled_from(BOARDS)
picks = strategies.randoms(use_true_random=False)


@dataclass
class Stored:
    """What a store that has applied every write so far holds of a job."""

    state: str = "queued"
    fence: int = 0
    board_id: str = ""


class CoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.core = Core(policy=Policy(lease_s=30.0), rng=random.Random(0))
        self.now = 0.0
        self.jobs: dict[str, Stored] = {}
        self.cancelled: set[str] = set()
        self.unanswered: list[Event] = []
        self.credits: Counter[str] = Counter()
        self.attached: set[str] = set()
        self.wanted = dict.fromkeys(BOARDS, True)
        self.trusted = dict.fromkeys(BOARDS, True)
        self.doing: dict[str, list[Lease]] = {board: [] for board in BOARDS}
        self.owed: Counter[Lease] = Counter()
        self.session: Counter[str] = Counter()
        self.claimed_in: dict[Lease, int] = {}

    # What the core is told.

    @initialize(jobs=strategies.integers(1, 6), pick=picks)
    def open_the_farm(self, jobs: int, pick: random.Random) -> None:
        for board in BOARDS:
            self.attach(board, keep=True, foreign=False)
            self.ready(board)
        self.submit(jobs, pick)

    @rule(count=strategies.integers(1, 3), pick=picks)
    def submit(self, count: int, pick: random.Random) -> None:
        made = []
        for _ in range(count):
            job_id = f"j{len(self.jobs)}"
            eligible = " ".join(sorted(pick.sample(BOARDS, pick.randint(1, 3))))
            made.append(make_job(job_id, eligible, runtime=pick.choice("ab"), priority=pick.randint(0, 1)))
            self.jobs[job_id] = Stored()
        self.tell(RunSubmitted(self.now, tuple(made)))

    @rule(board=boards, keep=strategies.booleans(), foreign=strategies.booleans())
    def attach(self, board: str, keep: bool, foreign: bool) -> None:
        lost = [] if keep else self.doing[board]
        if not keep:
            self.doing[board] = []
        running = (*self.doing[board], *((Lease("unheard-of", 3),) if foreign else ()))
        self.attached.add(board)
        self.session[board] += 1
        self.credits[board] = 0
        self.wanted[board] = True
        self.tell(BoardAttached(self.now, Board(board, "model", board), running=running))
        for lease in lost:
            job = self.jobs[lease.job_id]
            assert (job.state, job.fence) != ("leased", lease.fence), "what an agent lost is not waited for"

    @rule(board=boards)
    def detach(self, board: str) -> None:
        self.attached.discard(board)
        self.session[board] += 1
        self.credits[board] = 0
        self.tell(BoardDetached(self.now, board))

    @rule(board=boards)
    def ready(self, board: str) -> None:
        if board in self.attached:
            self.credits[board] = 1
        self.tell(BoardReady(self.now, board))

    @rule(board=boards)
    def beat(self, board: str) -> None:
        self.tell(Heartbeat(self.now, board, tuple(self.doing[board])))

    @precondition(lambda self: self.unanswered)
    @rule(count=strategies.integers(1, 4))
    def commit(self, count: int) -> None:
        for _ in range(min(count, len(self.unanswered))):
            self.tell(self.unanswered.pop(0))

    @precondition(lambda self: any(self.doing.values()))
    @rule(pick=picks, outcome=strategies.sampled_from([Outcome.PASSED, Outcome.PASSED, Outcome.ERROR]))
    def finish_and_ask_for_more(self, pick: random.Random, outcome: Outcome) -> None:
        board = pick.choice([board for board in BOARDS if self.doing[board]])
        kind = pick.choice(list(ErrorKind)) if outcome is Outcome.ERROR else None
        self.tell(RecordArrived(self.now, self.doing[board].pop(0), board, outcome, kind, "why"))
        self.ready(board)

    @precondition(lambda self: any(self.doing.values()))
    @rule(
        pick=picks,
        outcome=strategies.sampled_from(list(Outcome)),
        kind=strategies.sampled_from([None, *ErrorKind]),
        again=strategies.booleans(),
    )
    def record(self, pick: random.Random, outcome: Outcome, kind: ErrorKind | None, again: bool) -> None:
        board = pick.choice([board for board in BOARDS if self.doing[board]])
        lease = self.doing[board][0] if again else self.doing[board].pop(0)
        self.tell(RecordArrived(self.now, lease, board, outcome, kind, "why"))

    @rule(pick=picks)
    def record_out_of_the_blue(self, pick: random.Random) -> None:
        if self.jobs:
            lease = Lease(pick.choice(sorted(self.jobs)), pick.randint(1, 4))
            self.tell(RecordArrived(self.now, lease, pick.choice(BOARDS), Outcome.PASSED))

    @precondition(lambda self: self.jobs)
    @rule(pick=picks)
    def cancel(self, pick: random.Random) -> None:
        job_id = pick.choice(sorted(self.jobs))
        self.cancelled.add(job_id)
        self.tell(CancelRequested(self.now, (job_id,), "not wanted"))

    @rule(board=boards, intent=strategies.sampled_from(list(BoardIntent)))
    def intend(self, board: str, intent: BoardIntent) -> None:
        self.wanted[board] = intent is BoardIntent.ENABLED
        self.tell(IntentChanged(self.now, board, intent))

    @rule(passes_s=strategies.floats(0.1, 40.0))
    def tick(self, passes_s: float) -> None:
        self.now += passes_s
        self.tell(Tick(self.now))

    @rule(lease=strategies.builds(Lease, strategies.sampled_from(["j0", "j1", "j9"]), strategies.integers(0, 5)))
    def answer_what_was_never_asked(self, lease: Lease) -> None:
        asked = {event.lease for event in self.unanswered if isinstance(event, (ClaimCommitted, SettleCommitted))}
        if lease not in asked:
            assert self.core.handle(ClaimCommitted(self.now, lease, accepted=True)) == []
            assert self.core.handle(SettleCommitted(self.now, lease, accepted=True)) == []

    # What it asks for.

    def tell(self, event: Event) -> None:
        for command in self.core.handle(event):
            assert command.cause is event
            self.carry_out(command)

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Claim):
            self.claim(command)
        elif isinstance(command, SendAssign):
            job = self.jobs[command.lease.job_id]
            assert (job.state, job.fence, job.board_id) == ("leased", command.lease.fence, command.board_id)
            assert command.board_id in self.attached
            assert command.lease.job_id not in self.cancelled
            assert self.claimed_in[command.lease] == self.session[command.board_id]
            self.doing[command.board_id].append(command.lease)
        elif isinstance(command, SendCancel):
            assert command.board_id in self.attached
        elif isinstance(command, Settle):
            self.settle(command)
        elif isinstance(command, Expire):
            job = self.jobs[command.lease.job_id]
            assert (job.state, job.fence, job.board_id) == ("leased", command.lease.fence, command.board_id)
            self.dispose(command.lease.job_id, command.disposition)
            unsent = isinstance(command.cause, ClaimCommitted) and command.cause.lease == command.lease
            if unsent and self.claimed_in[command.lease] == self.session[command.board_id]:
                self.credits[command.board_id] = 1
        elif isinstance(command, FinishQueued):
            assert self.jobs[command.job_id].state == "queued"
            self.jobs[command.job_id].state = "finished"
        elif isinstance(command, SetHealth):
            self.trusted[command.board_id] = command.health.value != "quarantined"
        elif isinstance(command, Ack):
            if command.recorded or not isinstance(command.cause, RecordArrived):
                self.owed[command.lease] -= 1
            assert self.owed[command.lease] == 0, "acked twice, or unasked"

    def claim(self, claim: Claim) -> None:
        job, board = self.jobs[claim.lease.job_id], claim.board_id
        assert (job.state, job.fence) == ("queued", claim.lease.fence - 1)
        assert claim.lease.job_id not in self.cancelled
        assert board in self.attached
        assert self.credits[board] == 1
        assert self.wanted[board]
        assert self.trusted[board]
        self.credits[board] = 0
        self.claimed_in[claim.lease] = self.session[board]
        job.state, job.fence, job.board_id = "leased", claim.lease.fence, board
        self.unanswered.append(ClaimCommitted(self.now, claim.lease, accepted=True))

    def settle(self, settle: Settle) -> None:
        job, lease = self.jobs[settle.lease.job_id], settle.lease
        accepted = (job.state, job.fence, job.board_id) == ("leased", lease.fence, settle.board_id)
        if accepted:
            self.dispose(lease.job_id, settle.disposition)
        self.owed[lease] += 1
        self.unanswered.append(SettleCommitted(self.now, lease, accepted))

    def dispose(self, job_id: str, disposition: Disposition) -> None:
        self.jobs[job_id].state = "finished" if isinstance(disposition, Finish) else "queued"

    # What holds at any time.

    @invariant()
    def the_core_knows_every_unfinished_job_when_all_is_answered(self) -> None:
        if not self.unanswered:
            states = Counter(job.state for job in self.jobs.values())
            assert (self.core.queued, self.core.leased) == (states["queued"], states["leased"])

    @invariant()
    def everything_can_be_explained(self) -> None:
        assert self.core.remaining_s() >= 0.0
        assert all(self.core.why(job_id) for job_id in self.jobs)
        assert all(self.core.board_view(board).board_id == board for board in BOARDS)


TestCore = CoreMachine.TestCase
TestCore.settings = settings(max_examples=80, stateful_step_count=40, deadline=None, derandomize=True)
