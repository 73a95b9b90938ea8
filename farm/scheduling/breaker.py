"""When a board is taken out of service: a breaker over the ends of its last jobs.

It opens after several faults of the board in a row, or when the weighted share of faults among its last jobs is too
high, and says so with the evidence. It stays open until an operator enables the board again; then it is half open:
the next job proves the board good, or one more fault opens it at once.

Only faults that a record blames on the board or on what surrounds it count. A lost link or a dead agent doesn't: a
board that is away takes no jobs anyway. A fault that turned out to be the job's own is taken back (`forgive`).

    >>> breaker = Breaker(DEFAULT_POLICY)
    >>> [breaker.count(job, fault) for job, fault in [("j1", "no sensor"), ("j2", "no sensor"), ("j3", "timeout")]]
    ['', '', '3 of its jobs in a row ended with a fault of the board, the last with: timeout']
"""

from __future__ import annotations

from collections import deque

from farm.scheduling.policy import DEFAULT_POLICY, Policy

__all__ = ["DEFAULT_POLICY", "Breaker"]

JOBS_REMEMBERED = 20


class Breaker:
    """The ends of a board's last jobs, newest last: job id and fault, which is empty where there was none."""

    __slots__ = ("_ends", "_policy", "half_open")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._ends: deque[tuple[str, str]] = deque(maxlen=JOBS_REMEMBERED)
        self.half_open = False

    def count(self, job_id: str, fault: str) -> str:
        """Note how a job ended; returns the evidence when that opens the breaker, else an empty string."""
        self._ends.append((job_id, fault))
        if not fault:
            return ""
        if self.half_open:
            return f"its first job after it was enabled again ended with a fault of the board: {fault}"
        in_a_row = self._in_a_row()
        if in_a_row >= self._policy.failures_in_a_row:
            return f"{in_a_row} of its jobs in a row ended with a fault of the board, the last with: {fault}"
        share = self._share()
        if len(self._ends) >= self._policy.failure_min_jobs and share > self._policy.failure_share:
            return (
                f"{share:.0%} (weighted) of its last {len(self._ends)} jobs ended with a fault of the board, "
                f"the last with: {fault}"
            )
        return ""

    def forgive(self, job_id: str) -> None:
        """A fault was the job's own after all."""
        if any(end[0] == job_id for end in self._ends):
            self._ends = deque((end for end in self._ends if end[0] != job_id), maxlen=JOBS_REMEMBERED)

    def close(self, *, half_open: bool) -> None:
        """Forget what was; half open, the next job decides."""
        self._ends.clear()
        self.half_open = half_open

    def _in_a_row(self) -> int:
        count = 0
        for _, fault in reversed(self._ends):
            if not fault:
                break
            count += 1
        return count

    def _share(self) -> float:
        weight, share = self._policy.failure_weight, 0.0
        for _, fault in self._ends:
            share += weight * (bool(fault) - share)
        return share
