"""A record becomes rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from farm.model.attempt import AttemptRecord, Lease, Outcome
from farm.model.identity import digest
from farm.store.records import RecordRows, summary_columns
from farm.store.sanitise import plain_map
from farm.store.tables import RESULT

record = AttemptRecord(Lease("j", 1), "b", 1, Outcome.PASSED)


@given(st.dictionaries(st.text(), st.text()))
def test_a_contexts_digest_is_that_of_its_canonical_json(context: dict[str, str]) -> None:
    rows = RecordRows()
    answer = rows.add(7, AttemptRecord(Lease("j", 1), "b", 1, Outcome.PASSED, context_before=context), ended_unix_s=0.0)
    assert answer == (digest(plain_map(context)) if context else "")
    assert [row["digest"] for row in rows.contexts] == ([answer] if context else [])


def test_a_record_of_nothing_is_one_update() -> None:
    rows = RecordRows()
    assert rows.add(7, record, ended_unix_s=5.0) == ""
    (attempt,) = rows.attempts
    assert (attempt["b_job_no"], attempt["ended_by"], attempt["outcome"]) == (7, "record", "passed")
    assert (rows.launches, rows.samples, rows.telemetry, rows.contexts) == ([], [], [], [])


def test_a_summary_of_nothing_fills_the_same_columns() -> None:
    columns = summary_columns(None)
    assert columns.keys() <= set(RESULT.c.keys())
    assert {name for name, value in columns.items() if value is not None} == {"findings_json"}
