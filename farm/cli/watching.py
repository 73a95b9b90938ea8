"""Watching a run until it ends: the live matrix on a terminal, a line per finished job elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from farm.cli.output import say

if TYPE_CHECKING:
    from rich.console import Console

    from farm.coordinator.client import FarmClient
    from farm.errors import InterruptedRunError
    from farm.model.live import JobChange, WatchUpdate
    from farm.model.result import Summary
    from farm.report.run_view import RunView
    from farm.store.store import Store

__all__ = ["Interrupt", "attended", "left_message", "watch_until_finished"]

_REDRAW_PER_S = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
T = TypeVar("T")


class Interrupt:
    """Ctrl-C or SIGTERM as an event: the first is noted and acted upon in order, the second one calls `insist`.

    `with Interrupt() as interrupt:` inside a running event loop. A third one is Python's own again.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insist: Callable[[], None] = lambda: None

    def __enter__(self) -> Interrupt:
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def _note(self) -> None:
        if not self.asked.is_set():
            self.asked.set()
            return
        self._let_go()
        self.insist()

    def _let_go(self) -> None:
        for number in _SIGNALS:
            self._loop.remove_signal_handler(number)


async def attended(work: Awaitable[T], interrupt: Interrupt, check: Callable[[], None] | None = None) -> T:
    """Wait for the work, and call `check` now and then; raises InterruptedRunError when the person asks to stop."""
    from farm.errors import InterruptedRunError

    task = asyncio.ensure_future(work)
    stop = asyncio.create_task(interrupt.asked.wait())
    try:
        while not task.done() and not stop.done():
            if check is not None:
                check()
            await asyncio.wait({task, stop}, timeout=1 / _REDRAW_PER_S, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise InterruptedRunError("Interrupted before the run was queued.", hint="Nothing was begun: submit it again.")
    finally:
        for one in (task, stop):
            one.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


async def watch_until_finished(
    client: FarmClient,
    store: Store,
    view: RunView,
    title: str,
    interrupt: Interrupt,
    *,
    quiet: bool = False,
    check: Callable[[], None] | None = None,
) -> bool:
    """Follow the run; True when it is finished, False when the person asked to stop watching.

    `check` is called at every update and several times a second; it raises where waiting has become pointless.
    """
    from rich.console import Console

    # On standard error, so that standard output stays the answer (`farm submit --json | jq`).
    console = Console(stderr=True)
    on_terminal = console.is_terminal and not quiet
    follower = _Follower(client, store, view, speak=not on_terminal and not quiet)
    updates = asyncio.create_task(follower.follow())
    stop = asyncio.create_task(interrupt.asked.wait())

    async def turn() -> bool:
        if check is not None:
            check()
        await asyncio.wait({updates, stop}, timeout=1 / _REDRAW_PER_S, return_when=asyncio.FIRST_COMPLETED)
        return not updates.done() and not stop.done()

    try:
        if on_terminal:
            await _draw(console, view, follower.summaries, title, turn)
        else:
            while await turn():
                pass
        if updates.done():
            updates.result()
            return True
        return False
    finally:
        for task in (updates, stop):
            task.cancel()
        await asyncio.gather(updates, stop, return_exceptions=True)


async def _draw(
    console: Console,
    view: RunView,
    summaries: dict[str, Summary],
    title: str,
    turn: Callable[[], Awaitable[bool]],
) -> None:
    from rich.live import Live

    from farm.report.live import render

    # What is said meanwhile goes above the picture; the picture itself makes room for the table in the end.
    with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        while True:
            live.update(render(view, summaries, title, console.width, console.height), refresh=True)
            if not await turn():
                return


def left_message(view: RunView) -> InterruptedRunError:
    """For somebody who stops watching a run that goes on without him."""
    from farm.errors import InterruptedRunError

    return InterruptedRunError(
        f"You left; the run goes on ({view.done} of {len(view.jobs)} jobs are finished).",
        hint=f"Look again: farm watch {view.run_id}    Stop it: farm cancel {view.run_id}",
    )


class _Follower:
    """Takes the coordinator's updates in; speaks of what is worth a line where nobody sees a picture."""

    def __init__(self, client: FarmClient, store: Store, view: RunView, *, speak: bool) -> None:
        self.summaries: dict[str, Summary] = {}
        self._client = client
        self._store = store
        self._view = view
        self._speak = speak
        self._said: set[str] = set()

    async def follow(self) -> None:
        """Until the run is finished."""
        async for update in self._client.watch(self._view.run_id):
            await self._take(update)
            if update.finished:
                return

    async def _take(self, update: WatchUpdate) -> None:
        from farm.model.attempt import Outcome
        from farm.report.live import job_line
        from farm.store.queries import summaries_of_jobs

        before = {change.job_id: self._view.jobs.get(change.job_id) for change in update.changes}
        ended = self._view.apply(update)
        passed = [job.job_id for job in ended if job.outcome is Outcome.PASSED]
        if passed:
            self.summaries.update(await asyncio.to_thread(summaries_of_jobs, self._store, passed))
        if not self._speak:
            return
        if not update.snapshot:
            for number, job in enumerate(ended, self._view.done - len(ended) + 1):
                say(job_line(self._view, job, self.summaries.get(job.job_id), number))
        for change in update.changes:
            self._say_why(before[change.job_id], change)

    def _say_why(self, before: JobChange | None, change: JobChange) -> None:
        """What takes long before a measurement, once each; and why a job is tried again."""
        from farm.model.attempt import Phase
        from farm.model.job import JobState
        from farm.report.live import requeue_line

        if change.state is JobState.LEASED and change.phase is Phase.PREPARE and change.note:
            line = f"{self._view.board_name(change.board_id)}: {change.note}"
            if line not in self._said:
                self._said.add(line)
                say(line)
        elif change.state is JobState.QUEUED and before is not None and before.state is JobState.LEASED:
            say(requeue_line(self._view, before, self._view.jobs[change.job_id]))
