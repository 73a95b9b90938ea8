"""Alembic's entry: runs the steps inside the transaction that `farm.store.schema` hands over."""

from __future__ import annotations

from alembic import context

from farm.store.schema import VERSION_TABLE
from farm.store.tables import FarmTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=FarmTable.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    # SQLite cannot alter a column: Alembic copies the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
