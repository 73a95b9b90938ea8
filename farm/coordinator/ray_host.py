"""The coordinator inside Ray: one detached, named, restarting actor. The only module that imports Ray.

The actor hosts the same `Coordinator` as `farm submit` does in its own process, on a thread with an event loop of its
own. No state lives in the actor: Ray runs the constructor again after a crash, which raises the shard's epoch in SQL
and goes on from the database; agents reconnect to the same address. One actor holds hundreds of boards, never one per
board (54 MB and a second each).

Whoever imports this has `farm.coordinator.service.ray_environment` in its environment before: Ray reads it on import.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from farm.coordinator.places import Places
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.errors import CoordinatorError, FarmError

__all__ = ["GatewayHost", "host_gateway", "remove_gateway"]

NAMESPACE = "farm"
_ANSWER_TIMEOUT_S = 60.0
_RESTART_PAUSE_S = 0.5

logger = logging.getLogger(__name__)


class GatewayHost:
    """What Ray keeps alive. Never raises in its constructor: Ray would only say that the actor died."""

    def __init__(self, settings: CoordinatorSettings, log_file: str) -> None:
        _log_to(Path(log_file))
        self._settings = settings
        self._restarted = bool(ray.get_runtime_context().was_current_actor_reconstructed)
        self._settled = threading.Event()
        self._address = ""
        self._error: FarmError | None = None
        self._thread = threading.Thread(target=self._serve, name="coordinator", daemon=True)
        self._thread.start()

    def address(self) -> tuple[str, FarmError | None]:
        """Where it listens, or why it could not start."""
        self._settled.wait()
        return self._address, self._error

    def process(self) -> int:
        """The process id that hosts the gateway now."""
        return os.getpid()

    def _serve(self) -> None:
        asyncio.run(self._serve_until_stopped())

    async def _serve_until_stopped(self) -> None:
        coordinator = await self._start()
        if coordinator is None:
            return
        self._address = coordinator.address
        self._settled.set()
        await coordinator.wait_stopped()
        logger.info("the coordinator has stopped")

    async def _start(self) -> Coordinator | None:
        """After a crash the address may still be held for a moment, and the database's lock by a zombie: try again."""
        while True:
            try:
                return await Coordinator.start(replace(self._settings, takeover=self._restarted))
            except FarmError as error:
                logger.warning("the coordinator could not start: %s", error)
                if not self._restarted:
                    self._error = error
                    self._settled.set()
                    return None
                await asyncio.sleep(_RESTART_PAUSE_S)


def host_gateway(places: Places, settings: CoordinatorSettings, ray_address: str, say: Callable[[str], None]) -> str:
    """Create the actor for `settings.shard` on the cluster at `ray_address`; returns where the gateway listens."""
    _connect(ray_address)
    try:
        say("starting the gateway actor")
        actor: Any = (
            ray.remote(GatewayHost)
            .options(
                name=_actor_name(settings.shard),
                namespace=NAMESPACE,
                lifetime="detached",
                get_if_exists=True,
                max_restarts=-1,
                max_task_retries=0,
                num_cpus=0,
            )
            .remote(settings, str(places.logs / "coordinator.log"))
        )
        try:
            address, error = ray.get(actor.address.remote(), timeout=_ANSWER_TIMEOUT_S)
        except (ray.exceptions.RayError, TimeoutError) as failure:
            raise CoordinatorError(
                f"The gateway actor did not start: {failure}", hint=f"Its log is {places.logs / 'coordinator.log'}."
            ) from failure
        if error is not None:
            ray.kill(actor, no_restart=True)
            raise error
        return str(address)
    finally:
        ray.shutdown()


def remove_gateway(shard: str, ray_address: str) -> None:
    """End the actor on a cluster that is not ours to stop."""
    _connect(ray_address)
    try:
        ray.kill(ray.get_actor(_actor_name(shard), namespace=NAMESPACE), no_restart=True)
    except ValueError:
        logger.info("no gateway actor of shard %s on %s", shard, ray_address)
    finally:
        ray.shutdown()


def _connect(ray_address: str) -> None:
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while True:
        try:
            ray.init(address=ray_address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError) as failure:
            if time.monotonic() > deadline:
                raise CoordinatorError(
                    f"Cannot connect to Ray at {ray_address}: {failure}",
                    hint="Check the address, and that RAY_AUTH_TOKEN_PATH names its token.",
                ) from failure
            time.sleep(_RESTART_PAUSE_S)
        else:
            return


def _actor_name(shard: str) -> str:
    return f"gateway-{shard}"


def _log_to(path: Path) -> None:
    logging.basicConfig(
        filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
