"""The farm with its fence taken down: the control run that the kill storm must catch.

Run like the command line it stands for: `python unfenced_farm.py up --foreground …`. Every record is believed, whoever
holds the lease. A second result of a job is left out, as the database would refuse it and stop everything; that the
job ended twice is what has to be noticed.
"""

from __future__ import annotations

from farm.cli.main import main
from farm.store import batch, leases
from farm.store.writes import SettleWrite, WriteResult

_note_record = batch.Batch._note_record
_recorded: set[str] = set()


def _believe(job: leases.Standing, write: SettleWrite) -> WriteResult:
    job.settled |= {write.record.lease.fence}
    leases._dispose(job, write.disposition, write.record.board_id)
    return WriteResult.ACCEPTED


def _note_record_once(self: batch.Batch, job: leases.Standing, write: SettleWrite) -> None:
    before = len(self._results)
    _note_record(self, job, write)
    if len(self._results) > before and job.job_id in _recorded:
        self._results.pop()
    _recorded.add(job.job_id)


if __name__ == "__main__":
    leases._settle = _believe
    setattr(batch.Batch, "_note_record", _note_record_once)  # noqa: B010 - an assignment would be to a method
    main()
