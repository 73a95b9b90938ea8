"""One stream to the coordinator, from dialling out to its end; and the transfers that go beside it.

Every connection has a channel of its own, so that nobody else's back-off or half-dead transport is in its way. A link
that carries nothing any more is noticed by HTTP/2 keepalive: a ping after 10 s without traffic, 5 s for its answer
(gRPC's defaults don't notice a half-open link at all). The peer speaks through callbacks, on threads of gRPC.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Callable

import grpc

from devicefarm.v1 import artifact_pb2, artifact_pb2_grpc, gateway_pb2, gateway_pb2_grpc, job_pb2
from farm_agent.artifacts import TransferBrokenError
from farm_agent.errors import ArtifactError
from farm_agent.stop import StopSignal

__all__ = ["CHANNEL_OPTIONS", "Connection", "LinkEnd"]

CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Each connection dials for itself, at the moment that our own back-off says.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)
_CHUNK_BYTES = 256 * 1024
_TRANSFER_SLICE_S = 60.0
_HOPELESS = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED})


@dataclass(frozen=True)
class LinkEnd:
    """Why a link ended."""

    code: grpc.StatusCode
    details: str

    def __str__(self) -> str:
        """As it stands in the log: `unavailable: Connection refused`."""
        return f"{_spoken(self.code)}: {self.details}" if self.details else _spoken(self.code)


class Connection:
    """Dials `address` and attaches. `on_response` and `on_end` are called from another thread, `on_end` once."""

    def __init__(
        self,
        address: str,
        on_response: Callable[[Connection, gateway_pb2.AttachResponse], None],
        on_end: Callable[[Connection, LinkEnd], None],
    ) -> None:
        self.ended = threading.Event()
        self._outbox: SimpleQueue[gateway_pb2.AttachRequest | None] = SimpleQueue()
        self._on_response = on_response
        self._on_end = on_end
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._artifacts = artifact_pb2_grpc.ArtifactServiceStub(self._channel)
        self._call = gateway_pb2_grpc.GatewayServiceStub(self._channel).Attach(iter(self._outbox.get, None))
        self._reader = threading.Thread(target=self._read, name="farm-agent-link", daemon=True)

    def start(self) -> None:
        """Begin to listen; nothing is called back before."""
        self._reader.start()

    def send(self, events: Sequence[gateway_pb2.AgentEvent]) -> None:
        """Put one message with these events on the stream. After the end of the link it goes nowhere."""
        self._outbox.put(gateway_pb2.AttachRequest(events=events))

    def hang_up(self, patience_s: float = 0.0) -> None:
        """End the link. With patience: say so first, and let what was sent arrive."""
        self._outbox.put(None)
        if patience_s > 0.0 and self._reader.is_alive():
            self._reader.join(patience_s)
        self.ended.set()
        self._call.cancel()
        self._channel.close()

    def fetch(self, sha256: str, offset: int, stop: StopSignal) -> Iterator[artifact_pb2.FetchResponse]:
        """A file's chunks from `offset` on; see `artifacts.Source`. One that stalls is ended, to be resumed."""
        call = self._artifacts.Fetch(artifact_pb2.FetchRequest(sha256=sha256, offset=offset), timeout=_TRANSFER_SLICE_S)
        remove = stop.on_stop(call.cancel)
        try:
            yield from call
        except grpc.RpcError as error:
            raise _as_transfer_error(error, f"fetching the file {sha256[:12]}…") from error
        finally:
            remove()
            call.cancel()

    def put(self, content: bytes, artifact: job_pb2.ArtifactRef) -> None:
        """Send a file and go on where the coordinator says, until it has all of it.

        Raises `TransferBrokenError` when the link fails, `ArtifactError` when the coordinator does not want it.
        """
        offset, fruitless = 0, 0
        while True:
            try:
                answer = self._artifacts.Put(_put_requests(content, artifact, offset), timeout=_TRANSFER_SLICE_S)
            except grpc.RpcError as error:
                raise _as_transfer_error(error, f"putting the file {artifact.name}") from error
            if answer.complete:
                return
            fruitless = fruitless + 1 if answer.resume_at <= offset else 0
            if fruitless > 2 or answer.resume_at > len(content):
                raise ArtifactError(
                    f"The coordinator asks for byte {answer.resume_at} of {artifact.name} ({len(content)} bytes) again "
                    "and again."
                )
            offset = answer.resume_at

    def _read(self) -> None:
        end = LinkEnd(grpc.StatusCode.OK, "the coordinator ended the stream")
        try:
            for response in self._call:
                self._on_response(self, response)
        except grpc.RpcError as error:
            end = LinkEnd(error.code(), error.details() or "")
        self._outbox.put(None)
        self.ended.set()
        self._on_end(self, end)


def _put_requests(content: bytes, artifact: job_pb2.ArtifactRef, offset: int) -> Iterator[artifact_pb2.PutRequest]:
    yield artifact_pb2.PutRequest(artifact=artifact, offset=offset, last=False)
    while True:
        data = content[offset : offset + _CHUNK_BYTES]
        last = offset + len(data) >= len(content)
        yield artifact_pb2.PutRequest(offset=offset, data=data, last=last)
        if last:
            return
        offset += len(data)


def _as_transfer_error(error: grpc.RpcError, doing: str) -> Exception:
    code = error.code()
    message = f"{doing}: {LinkEnd(code, error.details() or '')}"
    return ArtifactError(f"The coordinator refused {message}") if code in _HOPELESS else TransferBrokenError(message)


def _spoken(code: grpc.StatusCode) -> str:
    return code.name.lower().replace("_", " ")
