"""What goes onto the wire comes off it as the same value, also after a real serialisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.wire.attempt import from_record, to_record
from farm.wire.board import from_board, to_board
from farm.wire.control import (
    from_board_status,
    from_job_change,
    from_model_file,
    from_status,
    from_watch_update,
    to_board_status,
    to_job_change,
    to_model_file,
    to_status,
    to_watch_update,
)
from farm.wire.job import from_artifact, from_job_spec, from_lease, to_artifact, to_job_spec, to_lease
from tests.unit.wire import values

PAIRS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "lease": (values.leases, to_lease, from_lease),
    "artifact": (values.artifacts, to_artifact, from_artifact),
    "job": (values.specs, to_job_spec, from_job_spec),
    "record": (values.records, to_record, from_record),
    "board": (values.boards, to_board, from_board),
    "board status": (values.board_statuses, to_board_status, from_board_status),
    "status": (values.farm_statuses, to_status, from_status),
    "job change": (values.changes, to_job_change, from_job_change),
    "watch update": (values.updates, to_watch_update, from_watch_update),
    "model file": (values.model_files, to_model_file, from_model_file),
}


@pytest.mark.parametrize("kind", PAIRS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_value_survives_the_wire(kind: str, data: st.DataObject) -> None:
    strategy, to_message, from_message = PAIRS[kind]
    value = data.draw(strategy)

    sent = to_message(value)
    received = type(sent).FromString(sent.SerializeToString())

    assert from_message(received) == value
