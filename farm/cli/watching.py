"""Watching a run until it ends: the live matrix on a terminal, a line per finished job elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from farm.cli.output import say

if TYPE_CHECKING:
    from farm.coordinator.client import FarmClient
    from farm.model.result import Summary
    from farm.report.run_view import RunView
    from farm.store.store import Store

__all__ = ["Interrupt", "watch_until_finished"]

_REDRAW_PER_S = 5


class Interrupt:
    """Ctrl-C as an event: the first one is noted and acted upon in order, the second one is Python's own.

    `with Interrupt() as interrupt:` inside a running event loop.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __enter__(self) -> Interrupt:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)

    def _note(self) -> None:
        self.asked.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)


async def watch_until_finished(
    client: FarmClient,
    store: Store,
    view: RunView,
    title: str,
    interrupt: Interrupt,
    *,
    quiet: bool = False,
    check: Callable[[], None] = lambda: None,
) -> bool:
    """Follow the run; True when it is finished, False when the person asked to stop watching.

    `check` is called at every update and once a second; it raises where waiting has become pointless.
    """
    from rich.console import Console
    from rich.live import Live

    from farm.report.live import render

    # On standard error, so that standard output stays the answer (`farm submit --json | jq`).
    console = Console(stderr=True)
    on_terminal = console.is_terminal and not quiet
    summaries: dict[str, Summary] = {}
    updates = asyncio.create_task(_take_in(client, store, view, summaries, speak=not on_terminal and not quiet))
    stop = asyncio.create_task(interrupt.asked.wait())
    try:
        with Live(console=console, auto_refresh=False, transient=True) if on_terminal else _Silent() as live:
            while not updates.done() and not stop.done():
                check()
                if isinstance(live, Live):
                    live.update(render(view, summaries, title), refresh=True)
                await asyncio.wait({updates, stop}, timeout=1 / _REDRAW_PER_S, return_when=asyncio.FIRST_COMPLETED)
        if updates.done():
            updates.result()
            return True
        return False
    finally:
        for task in (updates, stop):
            task.cancel()
        await asyncio.gather(updates, stop, return_exceptions=True)


class _Silent:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


async def _take_in(
    client: FarmClient, store: Store, view: RunView, summaries: dict[str, Summary], *, speak: bool
) -> None:
    from farm.model.attempt import Outcome
    from farm.report.live import job_line
    from farm.store.queries import summaries_of_jobs

    async for update in client.watch(view.run_id):
        ended = view.apply(update)
        passed = [job.job_id for job in ended if job.outcome is Outcome.PASSED]
        if passed:
            summaries.update(await asyncio.to_thread(summaries_of_jobs, store, passed))
        if speak and not update.snapshot:
            for job in ended:
                say(job_line(view, job, summaries.get(job.job_id)))
        if update.finished:
            return
