"""State, health and intent of a board: three columns, each with its own story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.errors import UnknownRunError
from farm.model.board import BoardHealth, BoardIntent, BoardState
from farm.store import queries
from farm.store.audit import AuditKind
from farm.store.store import Epoch, Store
from farm.store.tables import AUDIT
from farm.store.writes import BoardStateWrite, BoardWrite, HealthWrite, IntentWrite, Write, WriteResult
from tests.contract.store.conftest import Clock
from tests.contract.store.things import board_writes, claim, make_board, make_jobs, make_run

ACCEPTED, STALE = WriteResult.ACCEPTED, WriteResult.STALE


def story(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        rows = connection.execute(AUDIT.select().where(AUDIT.c.board_id == "pi-4").order_by(AUDIT.c.audit_id))
        return [(row.kind, row.detail) for row in rows]


def test_a_board_comes_back_as_it_attached(store: Store, epoch: Epoch) -> None:
    assert store.apply(epoch, board_writes("pi-4", "pi-5")) == [ACCEPTED, ACCEPTED]
    entry = queries.find_board(store, "pi-4")
    assert entry.board == make_board("pi-4")
    assert (entry.state, entry.health, entry.intent) == (BoardState.IDLE, BoardHealth.UNKNOWN, BoardIntent.ENABLED)
    assert store.load_boards() == dict.fromkeys(("pi-4", "pi-5"), (BoardHealth.UNKNOWN, BoardIntent.ENABLED))
    assert story(store) == [(AuditKind.BOARD_ADDED.value, "raspberry-pi-4, simulated")]


def test_health_and_intent_outlive_a_reattachment(store: Store, epoch: Epoch, clock: Clock) -> None:
    store.apply(epoch, board_writes("pi-4"))
    clock.unix_s = 3_000.0
    store.apply(
        epoch,
        [
            HealthWrite("pi-4", BoardHealth.QUARANTINED, "3 failures in a row"),
            IntentWrite("pi-4", BoardIntent.DRAINING, "new SD card", actor="ada"),
        ],
    )
    upgraded = replace(make_board("pi-4"), facts=replace(make_board().facts, kernel="6.12"))
    store.apply(epoch, [BoardWrite(upgraded, BoardState.BUSY)])
    entry = queries.find_board(store, "pi-4")
    assert entry.board == upgraded
    assert (entry.health, entry.health_evidence) == (BoardHealth.QUARANTINED, "3 failures in a row")
    assert (entry.intent, entry.intent_reason) == (BoardIntent.DRAINING, "new SD card")
    assert (entry.first_seen_unix_s, entry.changed_unix_s) == (2_000.0, 3_000.0)
    assert story(store)[1:] == [
        ("health", "unknown -> quarantined: 3 failures in a row"),
        ("intent", "enabled -> draining: new SD card"),
        ("board-changed", "facts"),
    ]


def test_what_is_as_it_was_leaves_no_trace(store: Store, epoch: Epoch, clock: Clock) -> None:
    store.apply(epoch, board_writes("pi-4"))
    clock.unix_s = 3_000.0
    again: list[Write] = [
        *board_writes("pi-4"),
        HealthWrite("pi-4", BoardHealth.UNKNOWN, ""),
        BoardStateWrite("pi-4", BoardState.IDLE),
    ]
    assert store.apply(epoch, again) == [ACCEPTED] * 3
    assert len(story(store)) == 1
    assert queries.find_board(store, "pi-4").changed_unix_s == 2_000.0


def test_coming_and_going_is_told_working_is_not(store: Store, epoch: Epoch) -> None:
    states = [BoardState.BUSY, BoardState.IDLE, BoardState.REBOOTING, BoardState.OFFLINE, BoardState.IDLE]
    store.apply(epoch, [*board_writes("pi-4"), *(BoardStateWrite("pi-4", state) for state in states)])
    assert queries.find_board(store, "pi-4").state is BoardState.IDLE
    assert [detail for _, detail in story(store)[1:]] == [
        "idle -> rebooting",
        "rebooting -> offline",
        "offline -> idle",
    ]


def test_a_board_with_a_lease_is_busy_and_says_with_what(store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(2)
    store.create_run(epoch, make_run(), jobs)
    store.apply(epoch, [*board_writes("pi-4", "pi-5"), claim(jobs[0])])
    states = {entry.board.board_id: (entry.state, entry.works_on) for entry in queries.boards(store)}
    assert states == {"pi-4": (BoardState.BUSY, jobs[0].job_id), "pi-5": (BoardState.IDLE, "")}
    store.apply(epoch, [BoardStateWrite("pi-4", BoardState.OFFLINE)])
    assert queries.find_board(store, "pi-4").state is BoardState.OFFLINE


def test_nothing_is_said_about_a_board_that_was_never_seen(store: Store, epoch: Epoch) -> None:
    writes: list[Write] = [
        BoardStateWrite("pi-9", BoardState.BUSY),
        HealthWrite("pi-9", BoardHealth.GOOD, ""),
        IntentWrite("pi-9", BoardIntent.DISABLED, ""),
        BoardWrite(make_board("a\0b"), BoardState.IDLE),
    ]
    assert store.apply(epoch, writes) == [STALE] * 4
    assert queries.boards(store) == []


def test_odd_facts_are_stored_plain(store: Store, epoch: Epoch) -> None:
    odd = replace(
        make_board("pi-4"),
        name="a\0b",
        facts=replace(make_board().facts, kernel="\ud800", memory_bytes=2**64, extra={"\0": "\0"}),
        tags={"\0": "x"},
    )
    assert store.apply(epoch, [BoardWrite(odd, BoardState.IDLE)]) == [ACCEPTED]
    board = queries.find_board(store, "pi-4").board
    assert (board.name, board.facts.kernel, board.facts.memory_bytes) == ("a\ufffdb", "?", 2**63 - 1)


def test_a_mistyped_board_is_recognised(store: Store, epoch: Epoch) -> None:
    store.apply(epoch, board_writes("raspberry-1", "raspberry-2", "jetson"))
    assert queries.find_board(store, "jet").board.board_id == "jetson"
    with pytest.raises(UnknownRunError, match="begins more than one board: raspberry-1, raspberry-2"):
        queries.find_board(store, "rasp")
    with pytest.raises(UnknownRunError, match=r"no board `jetsun`. Did you mean jetson\?"):
        queries.find_board(store, "jetsun")
