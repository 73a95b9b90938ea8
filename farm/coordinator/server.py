"""The coordinator: everything behind one address, started and stopped as one thing.

    coordinator = await Coordinator.start(CoordinatorSettings(database_url, data_dir))
    ... coordinator.address ...
    await coordinator.stop(grace_s=10)

Start: the address is judged, the database opened and its shard taken (which raises the epoch), what is unfinished is
handed to the core, and only then does it listen. Stop: no job is given out any more, running ones get the grace,
streams end, what was put is committed, the shard is given up. A newer coordinator on the same shard stops this one.

Keepalive on both ends makes a half-open link known within 15 s; gRPC's defaults don't notice it at all.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import platform
import random
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from devicefarm.v1 import artifact_pb2_grpc, control_pb2_grpc, gateway_pb2_grpc
from farm.coordinator.agent_service import GatewayService
from farm.coordinator.artifact_files import ArtifactFiles
from farm.coordinator.artifacts import ArtifactService
from farm.coordinator.committer import Committer
from farm.coordinator.control import ControlService, Coordination
from farm.coordinator.gateway import Gateway, GatewayIdentity
from farm.errors import CoordinatorError, InsecureAddressError, StaleEpochError
from farm.model.board import BoardState
from farm.model.job import ArtifactRef
from farm.scheduling.core import Core
from farm.scheduling.policy import Policy
from farm.store.queries import boards
from farm.store.store import Epoch, Store

__all__ = ["Coordinator", "CoordinatorSettings", "check_listen_address"]

logger = logging.getLogger(__name__)

_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Else the peers' keepalive is answered with GOAWAY too_many_pings.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # Two coordinators must not share a port unseen.
    ("grpc.so_reuseport", 0),
)
_LAST_WRITES_S = 15.0
_HANG_UP_S = 1.0


@dataclass(frozen=True)
class CoordinatorSettings:
    """`listen` is HOST:PORT (port 0: any free one) or unix:PATH; off loopback it needs a certificate and its key.

    `host` says what hosts it, for people: `embedded`, `foreground`, `ray`. `takeover` takes the shard from a holder
    that still lives, as a restarted actor must from its own zombie.
    """

    database_url: str
    data_dir: Path
    listen: str = "127.0.0.1:0"
    host: str = "embedded"
    shard: str = "main"
    takeover: bool = False
    lease_s: float = 30.0
    heartbeat_s: float = 5.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None


def check_listen_address(settings: CoordinatorSettings) -> None:
    """Raises `InsecureAddressError` for an address that others can reach without TLS, `CoordinatorError` for none."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise CoordinatorError(
            "A TLS certificate and its key go together; one of them was not named.",
            hint="Name both: --tls-certificate CHAIN.pem --tls-key KEY.pem",
        )
    if settings.listen.startswith("unix:") or settings.tls_certificate is not None:
        return
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise CoordinatorError(
            f"{settings.listen!r} is no address to listen on.", hint="Write HOST:PORT, 127.0.0.1:7433 say."
        )
    if not _is_loopback(host):
        raise InsecureAddressError(
            f"{settings.listen} can be reached from other machines, and no TLS certificate was named.",
            hint="Name one with --tls-certificate and --tls-key, or listen on 127.0.0.1.",
        )


class Coordinator:
    """Made by `start`, on the loop that it runs on."""

    def __init__(
        self,
        settings: CoordinatorSettings,
        store: Store,
        committer: Committer,
        gateway: Gateway,
        server: grpc.aio.Server,
        address: str,
    ) -> None:
        self._settings = settings
        self.store = store
        self._committer = committer
        self._server = server
        self._stopping: asyncio.Task[None] | None = None
        self.gateway = gateway
        self.address = address
        """Where agents and people reach it; with the port that was found."""

    @classmethod
    async def start(cls, settings: CoordinatorSettings) -> Coordinator:
        """Raises `InsecureAddressError`, `AlreadyRunningError`, `StoreError`, `CoordinatorError`."""
        check_listen_address(settings)
        started_at = time.monotonic()
        store = await asyncio.to_thread(Store.open, settings.database_url)
        try:
            epoch = await asyncio.to_thread(
                store.hold, settings.shard, host=platform.node() or "unknown", takeover=settings.takeover
            )
            return await cls._serve(settings, store, epoch, started_at)
        except BaseException:
            store.close()
            raise

    @classmethod
    async def _serve(cls, settings: CoordinatorSettings, store: Store, epoch: Epoch, started_at: float) -> Coordinator:
        jobs = await asyncio.to_thread(store.load_unfinished)
        standing = await asyncio.to_thread(store.load_boards)
        known = await asyncio.to_thread(boards, store) if settings.host != "embedded" else []
        missed = frozenset(entry.board.board_id for entry in known if entry.state is not BoardState.OFFLINE)
        files = await asyncio.to_thread(ArtifactFiles, settings.data_dir / "artifacts")
        server = grpc.aio.server(options=_OPTIONS)
        address = _bind(server, settings)
        # The committer and the control service speak of the coordinator that is made of them.
        coordinator: Coordinator

        def stale(error: StaleEpochError) -> None:
            logger.error("%s %s", error.message, error.hint)
            coordinator.begin_to_stop(0.0)

        committer = Committer(store, epoch, stale=stale)
        core = Core(policy=Policy(lease_s=settings.lease_s), rng=random.Random())
        coordinator_id = uuid.uuid4().hex
        identity = GatewayIdentity(coordinator_id, epoch.number, settings.heartbeat_s, settings.lease_s)
        gateway = Gateway(identity, core, committer, files, standing=standing, jobs=jobs)
        about = Coordination(coordinator_id, epoch, settings.host, store.where, started_at, missed)

        async def register(ref: ArtifactRef) -> None:
            await committer.call(lambda: store.put_artifact_row(ref))

        coordinator = cls(settings, store, committer, gateway, server, address)
        control = ControlService(gateway, store, files, about, coordinator.begin_to_stop)
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(GatewayService(gateway), server)
        control_pb2_grpc.add_ControlServiceServicer_to_server(control, server)
        artifact_pb2_grpc.add_ArtifactServiceServicer_to_server(ArtifactService(files, register), server)
        await server.start()
        _collect_less()
        logger.info(
            "coordinator %s listens on %s, epoch %d, %d jobs unfinished",
            settings.host,
            address,
            epoch.number,
            len(jobs),
        )
        return coordinator

    def begin_to_stop(self, grace_s: float) -> asyncio.Task[None]:
        """Stop in the background; the first to ask decides about the grace."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(grace_s), name="coordinator-stop")
        return self._stopping

    async def stop(self, grace_s: float = 0.0) -> None:
        """Give running attempts the grace, then end everything. Stopping twice is waiting twice."""
        await asyncio.shield(self.begin_to_stop(grace_s))

    async def wait_stopped(self) -> None:
        """Return when it has stopped, whoever asked for it."""
        # Shielded: a wait that is cancelled would cancel the server's own future with it, and its stop would fail.
        await asyncio.shield(self._server.wait_for_termination())
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def _stop(self, grace_s: float) -> None:
        await self.gateway.drain(grace_s)
        await self.gateway.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._committer.drain(), _LAST_WRITES_S)
        await self._server.stop(_HANG_UP_S)
        await self._committer.close()
        await asyncio.to_thread(self.store.close)
        logger.info("coordinator on %s has stopped", self.address)


def _collect_less() -> None:
    """Let Python look for cyclic garbage less often: of what the coordinator makes by the thousand nothing is cyclic.

    Looking after each 700 new objects, among those of a long queue, cost a tenth of the time of every job.
    """
    gc.freeze()
    gc.set_threshold(max(gc.get_threshold()[0], 50_000), 20, 100)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(server: grpc.aio.Server, settings: CoordinatorSettings) -> str:
    """Take the port; returns the address with the number that was found."""
    try:
        if settings.tls_certificate is not None and settings.tls_key is not None:
            pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
            port = server.add_secure_port(settings.listen, grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(settings.listen)
    except OSError as error:
        raise CoordinatorError(f"The TLS files cannot be read: {error}.") from error
    except RuntimeError as error:
        raise CoordinatorError(
            f"Cannot listen on {settings.listen}.",
            hint="Another program may have the port (`ss -ltnp` shows which), or the address is not this machine's. "
            "Name another with --listen; port 0 takes any that is free.",
        ) from error
    if settings.listen.startswith("unix:"):
        return settings.listen
    return f"{settings.listen.rpartition(':')[0]}:{port}"
