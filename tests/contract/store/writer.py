"""A coordinator that works as fast as it can and says what it was told: killed by the durability tests.

    python writer.py URL RUN

Claims and settles the jobs of a run that is there already, a few per transaction, and prints the ids of each
transaction's settled jobs once `apply` has returned. Goes on where an earlier one was killed.
"""

from __future__ import annotations

import sys

from farm.store import queries
from farm.store.store import Store
from farm.store.writes import Write, WriteResult
from tests.contract.store.things import claim, expire, make_summary, settle


def work(url: str, run_id: str) -> None:
    store = Store.open(url)
    epoch = store.hold("main", host="bench-1", takeover=True)
    jobs = [job for job in queries.jobs_of_run(store, run_id) if job.outcome is None]
    # What was leased when the one before was killed begins anew.
    leased = [job for job in jobs if job.board_id]
    store.apply(epoch, [expire(job, job.fence, job.board_id) for job in leased])
    _say("ready")
    for start in range(0, len(jobs), 3):
        some = jobs[start : start + 3]
        store.apply(epoch, [claim(job, job.fence + 1) for job in some])
        settlements: list[Write] = [settle(job, job.fence + 1, summary=make_summary()) for job in some]
        answers = store.apply(epoch, settlements)
        assert answers == [WriteResult.ACCEPTED] * len(some), answers
        _say(" ".join(job.job_id for job in some))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    work(*sys.argv[1:])
