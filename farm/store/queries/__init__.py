"""Questions to the store, as plain functions: for the command line, the reports and the pages.

Each takes an open `Store`, asks once, and answers with frozen values. A coordinator may write meanwhile: every answer
is of one moment. Nothing here imports grpc, ray or numpy.
"""

from __future__ import annotations

from farm.store.queries.boards import BoardEntry, boards, find_board
from farm.store.queries.coordinator import CoordinatorEntry, last_coordinator
from farm.store.queries.jobs import AttemptEntry, AuditEntry, attempts_of_job, audit_of_job, find_job, jobs_of_run
from farm.store.queries.results import (
    ResultEntry,
    StoredResult,
    find_result,
    record_of_attempt,
    results_of_run,
    results_of_series,
    summaries_of_jobs,
    unpack,
)
from farm.store.queries.runs import (
    RunEntry,
    RunProgress,
    find_run,
    get_sweep_json,
    latest_unfinished_run,
    list_runs,
    run_progress,
)
from farm.store.queries.timing import Question, durations_by_question

__all__ = [
    "AttemptEntry",
    "AuditEntry",
    "BoardEntry",
    "CoordinatorEntry",
    "Question",
    "ResultEntry",
    "RunEntry",
    "RunProgress",
    "StoredResult",
    "attempts_of_job",
    "audit_of_job",
    "boards",
    "durations_by_question",
    "find_board",
    "find_job",
    "find_result",
    "find_run",
    "get_sweep_json",
    "jobs_of_run",
    "last_coordinator",
    "latest_unfinished_run",
    "list_runs",
    "record_of_attempt",
    "results_of_run",
    "results_of_series",
    "run_progress",
    "summaries_of_jobs",
    "unpack",
]
