"""Finding a thing by what a person types: its id, the beginning of it, or something close to it."""

from __future__ import annotations

import difflib

from sqlalchemy import ColumnElement, Connection, FromClause, func, select

from farm.errors import UnknownRunError
from farm.store.sanitise import is_storable

__all__ = ["find_id"]

_SHOWN = 5
_COMPARED = 1_000


def find_id(
    connection: Connection, table: FromClause, column: ColumnElement[str], typed: str, *, kind: str, hint: str
) -> str:
    """The one id that `typed` is or begins. Raises `UnknownRunError` with what was probably meant.

    `kind` is what people call such a thing: `run`, `job`, `board`.
    """
    if not typed or not is_storable(typed):
        raise UnknownRunError(f"`{typed}` names no {kind}.", hint=hint)
    begins = func.substr(column, 1, len(typed)) == typed
    # The whole id first: it may begin another.
    query = select(column).select_from(table).where(begins).order_by(column != typed, column).limit(_SHOWN + 1)
    found = list(connection.execute(query).scalars())
    if found and (found[0] == typed or len(found) == 1):
        return found[0]
    if found:
        some = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise UnknownRunError(f"`{typed}` begins more than one {kind}: {some}.", hint="Type more of it.")
    known = list(connection.execute(select(column).select_from(table).limit(_COMPARED)).scalars())
    near = difflib.get_close_matches(typed, known, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownRunError(f"There is no {kind} `{typed}`.{meant}", hint=hint)
