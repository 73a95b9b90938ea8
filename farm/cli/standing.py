"""Finding what a command is about: the standing coordinator, a run by what was typed, its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.coordinator.client import FarmClient
    from farm.coordinator.local import LocalEngine
    from farm.coordinator.places import Places
    from farm.model.board import Provenance
    from farm.store.queries import RunEntry
    from farm.store.store import Store

__all__ = [
    "board_names",
    "find_stored_run",
    "is_coordinated",
    "job_ids_of",
    "open_farm",
    "reading",
    "standing_client",
]


@contextmanager
def reading(places: Places) -> Iterator[Store]:
    """The database, to read, whoever writes to it meanwhile."""
    from farm.store.store import Store

    with Store.open_readonly(places.database_url) as store:
        yield store


def board_names(store: Store) -> dict[str, tuple[str, Provenance]]:
    """Board id to what people call it, and whether it is hardware."""
    from farm.store.queries import boards

    return {entry.board.board_id: (entry.board.name, entry.board.provenance) for entry in boards(store)}


def is_coordinated(places: Places, store: Store) -> bool:
    """Whether a coordinator lives that this database belongs to: a standing one, or that of a `farm submit`."""
    import platform

    import psutil

    from farm.coordinator.service import find_service
    from farm.store.queries import last_coordinator

    if find_service(places) is not None:
        return True
    last = last_coordinator(store)
    if last is None or last.host != platform.node():
        return last is not None
    try:
        return psutil.Process(last.pid).create_time() <= last.started_unix_s
    except psutil.NoSuchProcess:
        return False


def find_stored_run(places: Places, typed: str) -> RunEntry:
    """The run of that id, or the only one that begins so, or the newest for `latest`."""
    from farm.store.queries import find_run

    with reading(places) as store:
        return find_run(store, typed)


def job_ids_of(places: Places, run_id: str, typed: Sequence[str]) -> list[str]:
    """The whole ids of jobs of a run that were named by their beginnings."""
    from farm.errors import UnknownRunError
    from farm.store.queries import find_job

    with reading(places) as store:
        jobs = [find_job(store, text) for text in typed]
    for job in jobs:
        if job.spec.run_id != run_id:
            raise UnknownRunError(f"Job {job.job_id[:12]} is not of run {run_id} but of {job.spec.run_id}.")
    return [job.job_id for job in jobs]


def standing_client(places: Places) -> FarmClient:
    """A connection to the standing coordinator; raises CoordinatorError where none is up."""
    from farm.coordinator.client import FarmClient
    from farm.coordinator.service import find_service
    from farm.errors import CoordinatorError

    record = find_service(places)
    if record is None:
        raise CoordinatorError(
            "No coordinator is up.",
            hint="`farm up` starts one. A run that was interrupted goes on with `farm submit --resume`.",
        )
    return FarmClient(record.address)


@asynccontextmanager
async def open_farm(
    places: Places,
    *,
    boards: Sequence[str] = (),
    with_agent: bool = True,
    notice: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[tuple[FarmClient, LocalEngine | None]]:
    """The standing coordinator where one is up, or one of our own for as long as this is open.

    `boards` are those of our own agent; raises CoordinatorError where a standing coordinator is up and has others, and
    AlreadyRunningError where somebody else hosts one for a run of his. `notice` hears what the engine has to say.
    """
    from farm.coordinator.client import FarmClient
    from farm.coordinator.service import find_service
    from farm.errors import AlreadyRunningError, CoordinatorError

    record = find_service(places)
    if record is not None:
        if boards:
            raise CoordinatorError(
                f"A standing coordinator is up at {record.address}; --board is for the local engine.",
                hint=f"Join a board to it: farm-agent --join {record.address} --board {boards[0]}",
            )
        async with FarmClient(record.address) as client:
            yield client, None
        return
    from farm.coordinator.local import LocalEngine

    engine = LocalEngine(places, boards, with_agent=with_agent, notice=notice)
    try:
        await engine.__aenter__()
    except AlreadyRunningError as error:
        error.hint = (
            "That is a `farm submit` in another terminal: wait for it, or end it there with Ctrl-C (its run goes on "
            "with --resume). `farm up` starts a coordinator that takes several runs at once; another FARM_HOME is "
            "another farm."
        )
        raise
    async with AsyncExitStack() as held:
        held.push_async_exit(engine)
        yield await held.enter_async_context(FarmClient(engine.address)), engine
