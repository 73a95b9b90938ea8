"""Every test here that asks for `url` or `store` runs over an SQLite file and over a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from farm.store.store import Epoch, Store
from tests.contract.store.postgres import PostgresServer, start_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests. Without PostgreSQL they are skipped, but in CI that is a failure."""
    server = start_server()
    if isinstance(server, str):
        if os.environ.get("CI"):
            pytest.fail(server)
        pytest.skip(server)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with fresh tables, to be copied: migrating takes half a second."""
    path = tmp_path_factory.mktemp("migrated") / "farm.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres: PostgresServer) -> str:
    """The same on the server, for `CREATE DATABASE … TEMPLATE`."""
    _create(postgres, "migrated")
    Store.open(postgres.url("migrated")).close()
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/farm.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(_create(server, f"test_{next(_numbers)}"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with fresh tables."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "farm.db")
        return f"sqlite:///{tmp_path}/farm.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(_create(server, f"test_{next(_numbers)}", request.getfixturevalue("migrated_database")))


@dataclass
class Clock:
    """The time of day, moved by hand."""

    unix_s: float = 2_000.0

    def __call__(self) -> float:
        return self.unix_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[[], Store]]:
    """Opens the same database any number of times, and closes all at the end."""
    opened = Opened(url)
    yield opened
    opened.close()


@dataclass
class Opened:
    url: str
    stores: list[Store] = field(default_factory=list)

    def __call__(self) -> Store:
        self.stores.append(Store.open(self.url))
        return self.stores[-1]

    def close(self) -> None:
        for store in self.stores:
            store.close()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with Store.open(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def epoch(store: Store) -> Epoch:
    return store.hold("main", host="bench-1")


def _create(server: PostgresServer, name: str, template: str = "template0") -> str:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return name
