"""ControlService: what people and their tools ask of the coordinator. History is asked of the database, not here.

A submission is one call: the sweep is expanded against the boards that are attached, stored as one transaction, and
queued. It is idempotent by the run's id, which whoever submits has made: ask again after a lost answer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from devicefarm.v1 import control_pb2, control_pb2_grpc
from farm import __version__
from farm.coordinator.answer import answering, answering_stream
from farm.coordinator.artifact_files import ArtifactFiles
from farm.coordinator.gateway import Gateway
from farm.errors import ModelFileError, NoBoardError, WireError
from farm.model.attempt import Outcome
from farm.model.board import Board
from farm.model.job import ArtifactRef, Job, Run
from farm.model.live import FarmStatus, WatchUpdate
from farm.store.queries import jobs_of_run
from farm.store.store import Epoch, Store
from farm.sweeps.expand import ModelFile, expand
from farm.sweeps.schema import Sweep
from farm.wire.checks import name, text
from farm.wire.control import from_intent, from_model_file, to_status, to_watch_update

__all__ = ["ControlService", "Coordination"]

_LONGEST_BOARD_WAIT_S = 3600.0
_RETURN_S = 20.0
"""Agents come back within this time after a coordinator was killed: half a second, doubled at each vain try."""
_WATCH_PAUSE_S = 0.2
_CHANGES_IN_A_MESSAGE = 500


@dataclass(frozen=True)
class Coordination:
    """What the coordinator is, for those who ask."""

    coordinator_id: str
    epoch: Epoch
    host: str
    database: str
    """Without a password."""
    started_at: float
    """On the monotonic clock."""
    missed: frozenset[str] = frozenset()
    """Boards that were attached when the coordinator before this one ended: they are about to come back."""


class ControlService(control_pb2_grpc.ControlServiceServicer):
    """`shutdown` is called once with the grace in seconds, and must not wait for it."""

    def __init__(
        self,
        gateway: Gateway,
        store: Store,
        files: ArtifactFiles,
        coordination: Coordination,
        shutdown: Callable[[float], object],
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._files = files
        self._coordination = coordination
        self._shutdown = shutdown

    @answering
    async def Status(self, request: object, context: Any) -> control_pb2.StatusResponse:  # noqa: N802
        """The coordinator and its boards."""
        about, live = self._coordination, self._gateway.live
        return to_status(
            FarmStatus(
                coordinator_id=about.coordinator_id,
                version=__version__,
                epoch=about.epoch.number,
                pid=os.getpid(),
                database_url=about.database,
                uptime_s=time.monotonic() - about.started_at,
                jobs_queued=live.queued,
                jobs_leased=live.leased,
                host=about.host,
                boards=tuple(board.as_status() for board in live.boards.values()),
                trouble=self._gateway.committer.trouble,
            )
        )

    @answering
    async def Submit(  # noqa: N802
        self, request: control_pb2.SubmitRequest, context: Any
    ) -> control_pb2.SubmitResponse:
        """Expand, store, queue."""
        run_id = name(request.run_id, "run_id")
        files = [from_model_file(file) for file in request.files]
        sweep = await asyncio.to_thread(Sweep.from_json, request.sweep_json)
        if self._gateway.live.has_run(run_id):
            return self._known(run_id)
        await asyncio.to_thread(self._require, files)
        jobs = await self._expand(sweep, run_id, files, min(request.board_wait_s, _LONGEST_BOARD_WAIT_S))
        run = Run(
            run_id=run_id,
            name=sweep.name,
            sweep_json=request.sweep_json,
            submitted_by=text(request.submitted_by),
            created_unix_s=time.time(),
        )
        epoch = self._coordination.epoch
        created = await self._gateway.submit(lambda: self._store.create_run(epoch, run, jobs), jobs)
        return _submitted(run_id, created, jobs)

    @answering_stream
    async def Watch(  # noqa: N802
        self, request: control_pb2.WatchRequest, context: Any
    ) -> AsyncIterator[control_pb2.WatchResponse]:
        """A snapshot, then what changed, about five times a second, until the run is finished."""
        await self._remember(request.run_id)
        with self._gateway.live.watch(request.run_id) as watcher:
            while True:
                await watcher.changed.wait()
                update = watcher.take()
                for part in _parts(update):
                    yield to_watch_update(part)
                if update.finished:
                    return
                await asyncio.sleep(_WATCH_PAUSE_S)

    @answering
    async def Cancel(  # noqa: N802
        self, request: control_pb2.CancelRequest, context: Any
    ) -> control_pb2.CancelResponse:
        """Ask for the end of a run or of some of its jobs."""
        reason = text(request.reason) or "cancelled"
        return control_pb2.CancelResponse(
            cancelled=self._gateway.cancel(request.run_id, tuple(request.job_ids), reason)
        )

    @answering
    async def SetIntent(  # noqa: N802
        self, request: control_pb2.SetIntentRequest, context: Any
    ) -> control_pb2.SetIntentResponse:
        """Enable, drain or disable a board."""
        await self._gateway.set_intent(
            name(request.board_id, "board_id"), from_intent(request.intent), text(request.reason)
        )
        return control_pb2.SetIntentResponse()

    @answering
    async def Shutdown(  # noqa: N802
        self, request: control_pb2.ShutdownRequest, context: Any
    ) -> control_pb2.ShutdownResponse:
        """Begin to stop; the answer does not wait for the end."""
        if not 0.0 <= request.grace_s < 86_400.0:
            raise WireError(f"grace_s is {request.grace_s}; between 0 and 86400 was expected.")
        self._shutdown(request.grace_s)
        return control_pb2.ShutdownResponse()

    async def _remember(self, run_id: str) -> None:
        """Bring back what finished before this process started: a watcher is shown the whole run."""
        live = self._gateway.live
        if not live.is_whole(run_id):
            live.complete(run_id, await asyncio.to_thread(jobs_of_run, self._store, run_id))

    async def _expand(self, sweep: Sweep, run_id: str, files: list[ModelFile], wait_s: float) -> tuple[Job, ...]:
        """The jobs, as soon as the boards that are attached allow them; raises `NoBoardError` after the wait."""
        deadline = time.monotonic() + wait_s
        await self._welcome_back(deadline)
        while True:
            boards = self._gateway.live.attached_boards()
            try:
                return await asyncio.to_thread(_expand, sweep, run_id, files, boards)
            except NoBoardError:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise
                if boards == self._gateway.live.attached_boards():
                    await self._gateway.live.next_arrival(left_s)

    async def _welcome_back(self, deadline: float) -> None:
        """Just after a restart, a sweep for each board must not leave out those that are still on their way back."""
        deadline = min(deadline, self._coordination.started_at + _RETURN_S)
        live = self._gateway.live
        while self._coordination.missed - {board.board_id for board in live.attached_boards()}:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return
            await live.next_arrival(left_s)

    def _require(self, files: list[ModelFile]) -> None:
        """Whatever a job will be sent to fetch must be here; raises `ModelFileError`."""
        wanted: list[ArtifactRef] = [file.artifact for file in files]
        wanted += [file.golden for file in files if file.golden is not None]
        for ref in wanted:
            if not self._files.has(ref):
                raise ModelFileError(
                    f"The file {ref.name!r} ({ref.sha256[:12]}…) was not put here before the run was submitted.",
                    hint="Submit again: `farm submit` puts the files first.",
                )

    def _known(self, run_id: str) -> control_pb2.SubmitResponse:
        jobs = self._gateway.live.run_jobs(run_id).values()
        unsupported = sum(job.outcome is Outcome.UNSUPPORTED for job in jobs)
        return control_pb2.SubmitResponse(run_id=run_id, created=False, jobs=len(jobs), unsupported=unsupported)


def _parts(update: WatchUpdate) -> Iterator[WatchUpdate]:
    """The update in pieces that each fit a message of 4 MB."""
    for start in range(0, len(update.changes) or 1, _CHANGES_IN_A_MESSAGE):
        end = start + _CHANGES_IN_A_MESSAGE
        yield replace(
            update,
            changes=update.changes[start:end],
            boards=update.boards if start == 0 else (),
            finished=update.finished and end >= len(update.changes),
        )


def _expand(sweep: Sweep, run_id: str, files: list[ModelFile], boards: tuple[Board, ...]) -> tuple[Job, ...]:
    return tuple(expand(sweep, run_id=run_id, files=files, boards=boards).jobs)


def _submitted(run_id: str, created: bool, jobs: tuple[Job, ...]) -> control_pb2.SubmitResponse:
    unsupported = sum(job.outcome is Outcome.UNSUPPORTED for job in jobs)
    return control_pb2.SubmitResponse(run_id=run_id, created=created, jobs=len(jobs), unsupported=unsupported)
