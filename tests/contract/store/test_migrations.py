"""The tables and their history: what a migration makes is what the models say."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from farm.errors import StoreError
from farm.model.attempt import Outcome
from farm.scheduling.commands import Finish
from farm.store import queries
from farm.store.engine import connect
from farm.store.schema import MIGRATIONS, VERSION_TABLE, known_revisions
from farm.store.store import Store
from farm.store.tables import FarmTable
from farm.store.writes import FinishWrite
from tests.contract.store.things import board_writes, claim, make_jobs, make_run, settle


def test_a_fresh_database_has_the_tables_that_the_models_say(empty_url: str) -> None:
    Store.open(empty_url).close()
    database = connect(empty_url)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, FarmTable.metadata) == []
    database.close()


def test_indices_that_cover_a_part_of_a_table_do_so(store: Store) -> None:
    # Alembic does not compare the condition of an index.
    with store.read() as connection:
        by_name = {index["name"]: index for index in sqlalchemy.inspect(connection).get_indexes("job")}
    options = by_name["ix_job_unfinished"]["dialect_options"]
    (condition,) = (value for name, value in options.items() if name.endswith("_where"))
    assert "finished" in str(condition)


def test_the_revisions_are_the_files_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert tuple(step.revision for step in reversed(list(script.walk_revisions()))) == known_revisions()


def test_an_open_database_is_opened_again_without_alembic(url: str) -> None:
    code = (
        "import sys; from farm.store.store import Store; Store.open(sys.argv[1]).close();"
        "assert not [name for name in sys.modules if name.split('.')[0] in {'alembic', 'grpc', 'ray', 'numpy'}]"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True)


def test_questions_import_nothing_heavy() -> None:
    code = (
        "import sys; import farm.store.queries;"
        "assert not [name for name in sys.modules if name.split('.')[0] in {'alembic', 'grpc', 'ray', 'numpy'}]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _open(url: str) -> str:
    store = Store.open(url)
    store.close()
    return store.where


@pytest.mark.slow
def test_many_who_open_a_new_database_at_once_find_it_whole(empty_url: str) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert len(set(pool.map(_open, [empty_url] * 6))) == 1
    with Store.open(empty_url) as store:
        assert queries.list_runs(store) == []


def test_a_newer_database_is_refused(url: str) -> None:
    _execute(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for opening in (Store.open, Store.open_readonly):
        with pytest.raises(StoreError, match="made by a newer farm: its schema is 9999") as error:
            opening(url)
        assert "Upgrade this program" in error.value.hint


def test_a_reader_does_not_make_tables(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    with pytest.raises(StoreError, match="older than this program, or empty") as error:
        Store.open_readonly(empty_url)
    assert "farm submit" in error.value.hint
    Store.open(empty_url).close()
    Store.open_readonly(empty_url).close()


def test_a_migration_that_fails_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from farm.store import schema

    upgrade: Callable[[Connection], None] = schema._upgrade

    def upgrade_and_fail(connection: Connection) -> None:
        upgrade(connection)
        connection.execute(text("SELECT * FROM no_such_table"))

    with monkeypatch.context() as patch:
        patch.setattr(schema, "_upgrade", upgrade_and_fail)
        with pytest.raises(StoreError, match="no_such_table"):
            Store.open(empty_url)
    database = connect(empty_url)
    with database.read() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
    database.close()


@pytest.mark.parametrize(
    "act",
    ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "UPDATE result SET throughput_per_s = 1e9"],
)
def test_history_cannot_be_rewritten(url: str, act: str) -> None:
    jobs = make_jobs(2)
    with Store.open(url) as store:
        epoch = store.hold("main", host="bench-1")
        store.create_run(epoch, make_run(), jobs)
        cancel = FinishWrite(jobs[1].job_id, Finish(Outcome.CANCELLED))
        store.apply(epoch, [*board_writes("pi-4"), claim(jobs[0]), settle(jobs[0]), cancel])
    with pytest.raises(StoreError, match="stay as they were written"):
        _execute(url, act)


def _execute(url: str, sql: str) -> None:
    database = connect(url)
    try:
        with database.write() as connection:
            connection.execute(text(sql))
    finally:
        database.close()
