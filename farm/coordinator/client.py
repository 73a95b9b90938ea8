"""The coordinator as seen by the command line and by tools: typed calls, model values, and the farm's own errors.

    async with FarmClient("127.0.0.1:7433") as client:
        await client.put_artifact(path, ref)
        await client.submit(run_id=..., sweep_json=..., files=[...], submitted_by="me")
        async for update in client.watch(run_id):
            ...

Whatever the coordinator raised is raised here again, with its hint; a coordinator that cannot be reached is a
`CoordinatorError` that says what to try.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import grpc

from devicefarm.v1 import artifact_pb2, artifact_pb2_grpc, control_pb2, control_pb2_grpc
from farm.coordinator.artifact_files import CHUNK_BYTES
from farm.errors import CoordinatorError, ModelFileError
from farm.model.board import BoardIntent
from farm.model.job import ArtifactRef
from farm.model.live import FarmStatus, Submitted, WatchUpdate
from farm.sweeps.expand import ModelFile
from farm.wire.control import from_status, from_watch_update, to_model_file
from farm.wire.errors import from_status as error_from_status
from farm.wire.job import to_artifact

__all__ = ["FarmClient"]

_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_ANSWER_TIMEOUT_S = 30.0
_EXPAND_TIMEOUT_S = 120.0
_TRANSFER_TIMEOUT_S = 3600.0
_STOP_PATIENCE_S = 20.0
_STOP_PAUSE_S = 0.1
_FRUITLESS_TRIES = 3


class FarmClient:
    """One connection. `certificate` is the PEM file of the authority to trust; None: no TLS, for loopback."""

    def __init__(self, address: str, *, certificate: Path | None = None) -> None:
        self.address = address
        if certificate is None:
            self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
            self._channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        self._control: control_pb2_grpc.ControlServiceAsyncStub = control_pb2_grpc.ControlServiceStub(self._channel)  # type: ignore[assignment]
        self._artifacts: artifact_pb2_grpc.ArtifactServiceAsyncStub = artifact_pb2_grpc.ArtifactServiceStub(  # type: ignore[assignment]
            self._channel
        )

    async def __aenter__(self) -> FarmClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def status(self) -> FarmStatus:
        """The coordinator and its boards, now."""
        with self._errors():
            return from_status(await self._control.Status(control_pb2.StatusRequest(), timeout=_ANSWER_TIMEOUT_S))

    async def put_artifact(
        self, path: Path, ref: ArtifactRef, *, on_progress: Callable[[int], None] = lambda sent_bytes: None
    ) -> None:
        """Send a file; what is there already is not sent again, what was cut goes on. Raises `ModelFileError`."""
        offset, fruitless = 0, 0
        while True:
            with self._errors():
                answer = await self._put(path, ref, offset, on_progress)
            if answer.complete:
                return
            fruitless = fruitless + 1 if answer.resume_at <= offset else 0
            if fruitless == _FRUITLESS_TRIES or answer.resume_at > ref.size_bytes:
                raise ModelFileError(
                    f"{path} cannot be sent: the coordinator asks for byte {answer.resume_at} again and again.",
                    hint="Did the file change meanwhile, or does somebody else send the same one? Submit again.",
                )
            offset = answer.resume_at

    async def submit(
        self,
        *,
        run_id: str,
        sweep_json: str,
        files: Sequence[ModelFile],
        submitted_by: str,
        board_wait_s: float = 0.0,
    ) -> Submitted:
        """Queue a sweep under an id of your own making; repeating it after a lost answer creates nothing."""
        request = control_pb2.SubmitRequest(
            run_id=run_id,
            sweep_json=sweep_json,
            files=[to_model_file(file) for file in files],
            submitted_by=submitted_by,
            board_wait_s=board_wait_s,
        )
        with self._errors():
            answer = await self._control.Submit(request, timeout=board_wait_s + _EXPAND_TIMEOUT_S)
        return Submitted(answer.run_id, answer.created, answer.jobs, answer.unsupported)

    async def watch(self, run_id: str) -> AsyncIterator[WatchUpdate]:
        """Snapshot parts, then changes, until the run is finished."""
        with self._errors():
            async for message in self._control.Watch(control_pb2.WatchRequest(run_id=run_id)):
                yield from_watch_update(message)

    async def cancel(self, run_id: str, job_ids: Sequence[str] = (), reason: str = "") -> int:
        """Ask for the end of a run, or of some of its jobs; returns how many had not ended."""
        request = control_pb2.CancelRequest(run_id=run_id, job_ids=job_ids, reason=reason)
        with self._errors():
            return (await self._control.Cancel(request, timeout=_ANSWER_TIMEOUT_S)).cancelled

    async def set_intent(self, board_id: str, intent: BoardIntent, reason: str = "") -> None:
        """Enable, drain or disable a board."""
        request = control_pb2.SetIntentRequest(board_id=board_id, intent=intent.value, reason=reason)
        with self._errors():
            await self._control.SetIntent(request, timeout=_ANSWER_TIMEOUT_S)

    async def shutdown(self, grace_s: float = 0.0) -> None:
        """Stop the coordinator, and return when it has gone; raises `CoordinatorError` when it stays."""
        with self._errors():
            await self._control.Shutdown(control_pb2.ShutdownRequest(grace_s=grace_s), timeout=_ANSWER_TIMEOUT_S)
        deadline = time.monotonic() + grace_s + _STOP_PATIENCE_S
        while time.monotonic() < deadline:
            try:
                await self._control.Status(control_pb2.StatusRequest(), timeout=_ANSWER_TIMEOUT_S)
            except grpc.aio.AioRpcError:
                return
            await asyncio.sleep(_STOP_PAUSE_S)
        raise CoordinatorError(f"The coordinator at {self.address} was asked to stop and still answers.")

    async def _put(
        self, path: Path, ref: ArtifactRef, offset: int, on_progress: Callable[[int], None]
    ) -> artifact_pb2.PutResponse:
        call = self._artifacts.Put(timeout=_TRANSFER_TIMEOUT_S)
        try:
            async for message in _chunks(path, ref, offset, on_progress):
                await call.write(message)
            await call.done_writing()
        except OSError as error:
            call.cancel()
            raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
            pass  # ended before the last message: the answer, or what went wrong, is the call's own
        return await call

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            trailers = [(entry[0], entry[1]) for entry in error.trailing_metadata() or ()]
            raise error_from_status(error.code(), error.details(), trailers, address=self.address) from error


async def _chunks(
    path: Path, ref: ArtifactRef, offset: int, on_progress: Callable[[int], None]
) -> AsyncIterator[artifact_pb2.PutRequest]:
    """The file from `offset` on. The first message carries no data: it may be answered with another offset."""
    yield artifact_pb2.PutRequest(artifact=to_artifact(ref), offset=offset)
    with await asyncio.to_thread(path.open, "rb") as stream:
        stream.seek(offset)
        while True:
            data = await asyncio.to_thread(stream.read, CHUNK_BYTES)
            last = offset + len(data) >= ref.size_bytes or not data
            yield artifact_pb2.PutRequest(offset=offset, data=data, last=last)
            offset += len(data)
            on_progress(offset)
            if last:
                return
