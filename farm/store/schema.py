"""Which version of the tables a database has, and how it is brought up to date.

The revisions are the files under `migrations/versions`, `0001_….py` and on; the newest one's number is what this
program knows. A database at that number is opened with one cheap query, without importing Alembic. A migration is one
transaction: a kill in the middle leaves the database as it was.
"""

from __future__ import annotations

import functools
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, text

from farm.errors import StoreError
from farm.store.engine import Database

__all__ = ["MIGRATIONS", "VERSION_TABLE", "ensure_current", "known_revisions", "require_current"]

MIGRATIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "farm_schema"
# Any number will do, as long as every farm uses it: who migrates holds it.
_MIGRATION_LOCK = 0x6661726D


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """Oldest first; the last is what this program writes."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def ensure_current(database: Database) -> None:
    """Create or migrate the tables where that is needed. Raises `StoreError`."""
    with database.read() as connection:
        if _is_current(connection, database):
            return
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if not _is_current(connection, database):
            _upgrade(connection)


def require_current(database: Database) -> None:
    """Raises `StoreError` where the tables are not what this program knows; changes nothing."""
    with database.read() as connection:
        if not _is_current(connection, database):
            raise StoreError(
                f"The database {database.where} is older than this program, or empty.",
                hint="`farm submit` and `farm up` bring it up to date.",
            )


def _is_current(connection: Connection, database: Database) -> bool:
    inspector = sqlalchemy.inspect(connection)
    if not inspector.has_table(VERSION_TABLE):
        names = inspector.get_table_names()
        if names and database.is_sqlite:
            raise StoreError(
                f"The database {database.where} belongs to another program: it has a table `{names[0]}`.",
                hint="Name another file with FARM_DATABASE_URL.",
            )
        return False
    revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if revision is not None and revision not in known_revisions():
        raise StoreError(
            f"The database {database.where} was made by a newer farm: its schema is {revision}, "
            f"the newest that this program knows is {known_revisions()[-1]}.",
            hint="Upgrade this program, or name another database with FARM_DATABASE_URL.",
        )
    return bool(revision == known_revisions()[-1])


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
