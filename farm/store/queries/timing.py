"""How long jobs take: what the scheduler learns from the history."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, select

from farm.store.sanitise import is_storable
from farm.store.store import Store
from farm.store.tables import RESULT

__all__ = ["Question", "durations_by_question"]

_NEWEST = 5


class Question(NamedTuple):
    """What decides how long a job takes, as far as the farm knows before it runs."""

    model_sha256: str
    board_type: str
    config_digest: str
    scenario_digest: str


def durations_by_question(store: Store, model_sha256s: Collection[str]) -> dict[Question, float]:
    """Seconds that an attempt took, all phases: the median of the newest five results of each question."""
    question = (RESULT.c.model_sha256, RESULT.c.board_type, RESULT.c.config_digest, RESULT.c.scenario_digest)
    newest = func.row_number().over(partition_by=question, order_by=RESULT.c.recorded_unix_s.desc())
    models = sorted({model for model in model_sha256s if is_storable(model)})
    ranked = (
        select(*question, RESULT.c.duration_s, newest.label("age"))
        .where(RESULT.c.model_sha256.in_(models), RESULT.c.duration_s.is_not(None))
        .subquery()
    )
    durations: defaultdict[Question, list[float]] = defaultdict(list)
    with store.read() as connection:
        for row in connection.execute(select(ranked).where(ranked.c.age <= _NEWEST)):
            durations[Question(*row[:4])].append(row.duration_s)
    return {question: statistics.median(seconds) for question, seconds in durations.items()}
