"""Who coordinates: the process that took the shard last. Whether it still lives, only its own host can say."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from farm.store.store import Store
from farm.store.tables import GATEWAY

__all__ = ["CoordinatorEntry", "last_coordinator"]


@dataclass(frozen=True)
class CoordinatorEntry:
    """The holder of the newest epoch of a shard."""

    shard: str
    epoch: int
    pid: int
    host: str
    started_unix_s: float


def last_coordinator(store: Store, shard: str = "main") -> CoordinatorEntry | None:
    """None where nobody has ever held the shard."""
    with store.read() as connection:
        row = connection.execute(select(GATEWAY).where(GATEWAY.c.shard == shard)).first()
    return CoordinatorEntry(row.shard, row.epoch, row.pid, row.host, row.started_unix_s) if row is not None else None
