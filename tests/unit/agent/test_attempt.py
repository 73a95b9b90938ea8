"""The ladder of one attempt: every way up, every way to fall, and always the same way down."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from devicefarm.v1 import attempt_pb2, gateway_pb2
from farm_agent.attempt import Attempt
from farm_agent.boards.base import RunnerEvent
from farm_agent.errors import ArtifactError, AttemptError, CancelledError, KnobError
from farm_agent.journal import Journal
from farm_agent.stop import StopCause, StopSignal


class Heard:
    def __init__(self) -> None:
        self.phases: list[tuple[str, str]] = []
        self.fractions: list[float] = []

    def phase_changed(self, phase: attempt_pb2.Phase, note: str) -> None:
        self.phases.append((attempt_pb2.Phase.Name(phase)[6:].lower(), note))

    def progressed(self, fraction: float, note: str) -> None:
        self.fractions.append(fraction)


class Bench:
    """Everything that an attempt needs, in one hand."""

    def __init__(self, folder: Path, board: Any, assign: gateway_pb2.Assign) -> None:
        (folder / "journal").mkdir()
        self.journal_folder = folder / "journal"
        self.work = folder / "work" / "attempt"
        self.board = board
        self.assign = assign
        self.stop = StopSignal()
        self.heard = Heard()
        self.unrestored = ""

    def run(self) -> attempt_pb2.AttemptRecord:
        attempt = Attempt(
            self.assign,
            self.board,
            fetch=lambda artifact: Path("/nothing"),
            journal=Journal(self.journal_folder, self.work.parent),
            work=self.work,
            stop=self.stop,
            listener=self.heard,
        )
        record = attempt.carry_out()
        self.unrestored = attempt.unrestored
        return record

    def left_over(self) -> list[Path]:
        return [*self.journal_folder.iterdir(), *([self.work] if self.work.exists() else [])]


@pytest.fixture
def bench(tmp_path: Path, board: Any, assign: gateway_pb2.Assign) -> Bench:
    return Bench(tmp_path, board, assign)


def _phases(record: attempt_pb2.AttemptRecord) -> list[str]:
    return [attempt_pb2.Phase.Name(span.phase)[6:].lower() for span in record.phases]


def test_a_good_attempt_says_everything(bench: Bench, board: Any) -> None:
    bench.assign.job.launches = 3
    bench.assign.job.cooldown_s = 7.0
    bench.assign.job.config.knobs.update({"governor": '"performance"', "fan": "3"})
    record = bench.run()
    launch = ["load", "warmup", "measure"]
    assert _phases(record) == ["prepare", "apply", *launch, "cool", *launch, "cool", *launch, "restore", "cleanup"]
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert (record.job_id, record.fence, record.board_id, record.attempt) == ("a-job", 2, "paper", 1)
    assert [launch.index for launch in record.launches] == [0, 1, 2]
    assert [launch.measure_start_s for launch in record.launches] == [2.0, 12.0, 22.0]
    assert record.duration_s == 23.0
    assert record.started_unix_s == 1e9 + 1000.0
    assert record.isolation == "paper"
    assert record.environment == "lock"
    assert dict(record.knobs_read_back) == {"governor": '"performance"', "fan": "3"}
    assert dict(record.context_before.fields) == {"governor": '"performance"', "wheel.paper": "1.0"}
    assert dict(record.context_after.fields) == {"governor": '"performance"', "wheel.paper": "1.0"}
    assert record.verification.matches
    assert record.verification.detail == "3 of 3 agree"
    assert record.log_tail == "log of launch 2"
    assert [request.verify for request in board.requests] == [False, False, True]
    assert len({request.work_dir for request in board.requests}) == 3
    assert board.trail == [
        "apply fan=3",
        'apply governor="performance"',
        'restore governor="governor-before"',
        'restore fan="fan-before"',
    ]
    assert bench.left_over() == []


def test_each_phase_ends_where_the_next_begins(bench: Bench) -> None:
    record = bench.run()
    assert all(a.end_s == b.start_s for a, b in zip(record.phases, record.phases[1:]))
    assert record.phases[0].start_s == 0.0


def test_a_wrong_output_is_a_result_with_a_verdict_and_not_an_error(bench: Bench, board: Any) -> None:
    board.matches = False
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert record.verification.HasField("matches")
    assert not record.verification.matches


def test_without_anything_to_compare_with_nothing_is_claimed(bench: Bench, board: Any) -> None:
    board.matches = None
    assert not bench.run().verification.HasField("matches")


def test_progress_counts_launches(bench: Bench, board: Any) -> None:
    bench.assign.job.launches = 2
    board.on_launch = lambda request, on_event, cancel: on_event(RunnerEvent("measure", 0.5))
    bench.run()
    assert bench.heard.fractions == [0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 0.5, 0.75]


def test_a_note_of_prepare_is_announced_and_recorded(bench: Bench, board: Any) -> None:
    board.on_prepare = lambda fetch, note, cancel: note("installing onnxruntime")
    record = bench.run()
    assert ("prepare", "installing onnxruntime") in bench.heard.phases
    assert record.phases[0].note == "installing onnxruntime"


@pytest.mark.parametrize("place", ["on_prepare", "on_launch"])
@pytest.mark.parametrize(
    ("error", "outcome", "kind", "says"),
    [
        (
            AttemptError("It segfaulted.", log_tail="the last words"),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_JOB,
            "It segfaulted.",
        ),
        (
            AttemptError("No float here.", outcome=attempt_pb2.OUTCOME_UNSUPPORTED),
            attempt_pb2.OUTCOME_UNSUPPORTED,
            attempt_pb2.ERROR_KIND_JOB,
            "No float here.",
        ),
        (
            ArtifactError("Gone.", hint="Put it again."),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
            "Gone.\nPut it again.",
        ),
        (
            KnobError("The fan does not turn.", kind=attempt_pb2.ERROR_KIND_BOARD),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_BOARD,
            "The fan does not turn.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
            "The agent's disk fails: [Errno 28] No space left on device. Make room on the board, or replace its card.",
        ),
        (
            ZeroDivisionError("by zero"),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_AGENT,
            "A defect of the agent: ZeroDivisionError: by zero. The log has the details.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            attempt_pb2.OUTCOME_ERROR,
            attempt_pb2.ERROR_KIND_AGENT,
            "A defect of the agent: PermissionError: [Errno 13] Permission denied. The log has the details.",
        ),
    ],
)
def test_every_error_says_whose_fault_it_is_and_the_board_is_put_back(
    place: str,
    error: Exception,
    outcome: attempt_pb2.Outcome,
    kind: attempt_pb2.ErrorKind,
    says: str,
    bench: Bench,
    board: Any,
) -> None:
    def fall(*_: object) -> None:
        raise error

    setattr(board, place, fall)
    bench.assign.job.config.knobs["fan"] = "1"
    record = bench.run()
    assert (record.outcome, record.error_kind, record.error) == (outcome, kind, says)
    assert _phases(record)[-1] == "cleanup"
    assert board.paper_knobs["fan"].value == '"fan-before"'
    assert bench.left_over() == []
    if isinstance(error, AttemptError) and error.log_tail:
        assert record.log_tail == "the last words"
    if kind == attempt_pb2.ERROR_KIND_AGENT:
        assert record.log_tail.startswith("Traceback")


def test_a_launch_that_fails_keeps_those_before_it(bench: Bench, board: Any) -> None:
    def fall_at_the_third(request: Any, on_event: Any, cancel: Any) -> None:
        if request.index == 2:
            raise AttemptError("The runner was killed for want of memory.")

    bench.assign.job.launches = 3
    board.on_launch = fall_at_the_third
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert len(record.launches) == 2


def test_a_knob_that_this_board_has_not_is_unsupported(bench: Bench) -> None:
    bench.assign.job.config.knobs["over_voltage"] = "6"
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
    assert record.error == "This board has no knob over_voltage; it has fan, governor."


def test_a_knob_that_cannot_be_read_is_left_alone(bench: Bench, board: Any) -> None:
    board.paper_knobs["fan"].value = '"unknown"'
    bench.assign.job.config.knobs["fan"] = "1"
    record = bench.run()
    assert record.error_kind == attempt_pb2.ERROR_KIND_BOARD
    assert board.trail == []


def test_a_knob_that_refuses_half_way_is_put_back_with_those_before_it(bench: Bench, board: Any) -> None:
    board.paper_knobs["governor"].refuses = KnobError("no such governor", kind=attempt_pb2.ERROR_KIND_JOB)
    bench.assign.job.config.knobs.update({"fan": "1", "governor": '"warp"'})
    record = bench.run()
    assert record.error_kind == attempt_pb2.ERROR_KIND_JOB
    assert board.trail[-2:] == ['restore governor="governor-before"', 'restore fan="fan-before"']


def test_a_stuck_knob_does_not_keep_the_others_from_being_put_back_and_stays_in_the_journal(
    bench: Bench, board: Any
) -> None:
    board.paper_knobs["governor"].is_stuck = ValueError("a defect of this knob")
    bench.assign.job.config.knobs.update({"fan": "1", "governor": '"performance"'})
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert board.paper_knobs["fan"].value == '"fan-before"'
    assert "knob governor could not be put back" in bench.unrestored
    assert len(bench.left_over()) == 1

    board.paper_knobs["governor"].is_stuck = None
    assert Journal(bench.journal_folder, bench.work.parent).retry(board, "paper") == ""
    assert board.paper_knobs["governor"].value == '"governor-before"'
    assert bench.left_over() == []


def test_what_a_knob_stood_at_is_in_the_journal_before_it_is_touched(bench: Bench, board: Any) -> None:
    seen = []
    knob = board.paper_knobs["fan"]

    def apply(value: str) -> None:
        seen.append("".join(path.read_text() for path in bench.journal_folder.iterdir()))

    knob.apply = apply
    bench.assign.job.config.knobs["fan"] = "1"
    bench.run()
    assert '"knob": "fan", "before": "\\"fan-before\\""' in seen[0]


@pytest.mark.parametrize(
    ("cause", "outcome", "kind"),
    [
        (StopCause.CANCEL, attempt_pb2.OUTCOME_CANCELLED, attempt_pb2.ERROR_KIND_UNSPECIFIED),
        (StopCause.LIMIT, attempt_pb2.OUTCOME_ERROR, attempt_pb2.ERROR_KIND_JOB),
        (StopCause.SHUTDOWN, attempt_pb2.OUTCOME_CANCELLED, attempt_pb2.ERROR_KIND_AGENT),
    ],
)
@pytest.mark.parametrize("error", [CancelledError("x", log_tail="tail"), AttemptError("signal 15", log_tail="tail")])
def test_an_attempt_that_was_stopped_says_why_whatever_the_runner_says(
    cause: StopCause,
    outcome: attempt_pb2.Outcome,
    kind: attempt_pb2.ErrorKind,
    error: AttemptError,
    bench: Bench,
    board: Any,
) -> None:
    def be_stopped(*_: object) -> None:
        bench.stop.stop(cause, "the reason")
        raise error

    board.on_launch = be_stopped
    record = bench.run()
    assert (record.outcome, record.error_kind, record.error) == (outcome, kind, "the reason")
    assert record.log_tail == "tail"
    assert bench.left_over() == []


def test_a_stop_between_two_launches_is_heard(bench: Bench, board: Any) -> None:
    bench.assign.job.launches = 2
    board.on_launch = lambda request, on_event, cancel: bench.stop.stop(StopCause.CANCEL, "enough")
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_CANCELLED
    assert len(board.requests) == 1


def test_a_stop_after_the_last_launch_takes_nothing_away(bench: Bench, board: Any) -> None:
    board.on_launch = lambda request, on_event, cancel: bench.stop.stop(StopCause.CANCEL, "too late")
    assert bench.run().outcome == attempt_pb2.OUTCOME_PASSED


def test_the_limit_holds_in_the_board_s_own_time(bench: Bench, board: Any) -> None:
    def take_long(request: Any, on_event: Any, cancel: Any) -> None:
        board.paper_clock.now += 1000.0
        on_event(RunnerEvent("measure", 0.9))
        if cancel.is_set():
            raise CancelledError("stopped")

    board.on_launch = take_long
    record = bench.run()
    assert record.error_kind == attempt_pb2.ERROR_KIND_JOB
    assert "longer than limits.attempt, 900 s; it was in the phase measure" in record.error


def test_an_unknown_phase_of_a_runner_is_no_reason_to_fail(bench: Bench, board: Any) -> None:
    board.on_launch = lambda request, on_event, cancel: on_event(RunnerEvent("dance"))
    assert bench.run().outcome == attempt_pb2.OUTCOME_PASSED


def test_an_attempt_that_cannot_even_begin_its_journal_says_so(bench: Bench) -> None:
    bench.journal_folder.rmdir()
    bench.journal_folder.write_text("no folder")
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert _phases(record) == ["prepare", "cleanup"]


@pytest.mark.parametrize(
    ("temperatures", "outcome", "note"),
    [
        ([50.0], "met", "gate: 50.0 C below 60 C after 0 s"),
        ([70.0, 65.0, 59.5], "met", "gate: 59.5 C below 60 C after 2 s"),
        ([70.0], "timed-out", "gate: still 70.0 C, not below 60 C, after 30 s"),
        ([None], "unknown", "gate: temperature unknown, not checked against 60 C"),
    ],
)
def test_the_gate_says_how_it_was_passed(
    temperatures: list[float | None], outcome: str, note: str, bench: Bench, board: Any
) -> None:
    board.temperatures = temperatures
    bench.assign.job.gate.start_below_c = 60.0
    bench.assign.job.gate.timeout_s = 30.0
    record = bench.run()
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert record.context_before.fields["gate.outcome"] == outcome
    assert [span.note for span in record.phases if span.phase == attempt_pb2.PHASE_COOL] == [note]
    assert ("gate.temperature_c" in record.context_before.fields) == (outcome != "unknown")


def test_the_worst_gate_of_all_launches_is_the_one_that_counts(bench: Bench, board: Any) -> None:
    board.temperatures = [50.0, 70.0, 70.0, 70.0, 50.0]
    bench.assign.job.launches = 3
    bench.assign.job.gate.start_below_c = 60.0
    bench.assign.job.gate.timeout_s = 2.0
    assert bench.run().context_before.fields["gate.outcome"] == "timed-out"
