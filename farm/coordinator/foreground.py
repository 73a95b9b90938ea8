"""The standing coordinator in one process, without Ray: for systemd, for tests, for small machines."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import psutil

from farm.coordinator.places import Places
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.coordinator.service import ServiceRecord, new_service_id

__all__ = ["serve"]

_GRACE_S = 20.0


async def serve(places: Places, settings: CoordinatorSettings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or `farm down`; drains before it ends."""
    service_id = new_service_id(places)
    coordinator = await Coordinator.start(settings)
    this = psutil.Process()
    ServiceRecord(
        service_id=service_id,
        address=coordinator.address,
        ray_address="",
        own_cluster=False,
        session_dir="",
        started_unix_s=this.create_time(),
        processes=((os.getpid(), this.create_time()),),
    ).write(places)
    say(f"The farm is up at {coordinator.address}, in process {os.getpid()}. Ctrl-C drains and stops it.")
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    waits = {asyncio.ensure_future(asked.wait()), asyncio.ensure_future(coordinator.wait_stopped())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await coordinator.stop(grace_s=_GRACE_S)
        places.service_file.unlink(missing_ok=True)
