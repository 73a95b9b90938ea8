"""ArtifactService: files by digest over gRPC, in 256 KiB chunks, resumable both ways.

    Put    (ref, offset 0, data) … (offset n, data, last)     -> complete
           (ref, a wrong offset)                              -> resume_at
           the stream ends early                              -> resume_at; what came is kept
           the digest or the size is wrong after the last     -> DATA_LOSS; what came is removed
    Fetch  (sha256, offset)                                   -> (offset, data) … (last)

Two puts of one file take turns: the second finds it complete, or goes on where the first was cut.
No file is touched on the event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from devicefarm.v1 import artifact_pb2, artifact_pb2_grpc
from farm.coordinator.answer import answering, answering_stream
from farm.coordinator.artifact_files import CHUNK_BYTES, ArtifactFiles, Upload
from farm.errors import WireError
from farm.model.job import ArtifactRef
from farm.wire.checks import sha256
from farm.wire.job import from_artifact

__all__ = ["ArtifactService"]


class Reads(Protocol):
    """What is needed of gRPC's context: the next message, or its mark for the end."""

    async def read(self) -> object: ...


class ArtifactService(artifact_pb2_grpc.ArtifactServiceServicer):
    """`register` is told of each file that is complete, before whoever sent it hears so."""

    def __init__(self, files: ArtifactFiles, register: Callable[[ArtifactRef], Awaitable[None]]) -> None:
        self._files = files
        self._register = register
        self._registered: set[str] = set()
        self._turns: dict[str, asyncio.Lock] = {}

    @answering_stream
    async def Fetch(  # noqa: N802  # gRPC's name
        self, request: artifact_pb2.FetchRequest, context: object
    ) -> AsyncIterator[artifact_pb2.FetchResponse]:
        """The file from `offset` on."""
        digest = sha256(request.sha256, "sha256")
        descriptor, size_bytes = await asyncio.to_thread(self._files.open_to_read, digest)
        try:
            offset = request.offset
            if offset > size_bytes:
                raise WireError(f"offset is {offset}; artifact {digest[:12]}… has {size_bytes} bytes.")
            while True:
                data = await asyncio.to_thread(os.pread, descriptor, CHUNK_BYTES, offset)
                last = offset + len(data) >= size_bytes
                yield artifact_pb2.FetchResponse(offset=offset, data=data, last=last)
                if last:
                    return
                offset += len(data)
        finally:
            os.close(descriptor)

    @answering
    async def Put(self, requests: object, context: Reads) -> artifact_pb2.PutResponse:  # noqa: N802  # gRPC's name
        """Take a file in."""
        first = await _next(context)
        if first is None or not first.HasField("artifact"):
            raise WireError("The first message of a Put must say which artifact it is.")
        ref = from_artifact(first.artifact)
        turn = self._turns.setdefault(ref.sha256, asyncio.Lock())
        try:
            async with turn:
                return await self._take(ref, first, context)
        finally:
            if not turn.locked():
                self._turns.pop(ref.sha256, None)

    async def _take(self, ref: ArtifactRef, first: artifact_pb2.PutRequest, context: Reads) -> artifact_pb2.PutResponse:
        if await asyncio.to_thread(self._files.has, ref):
            return await self._complete(ref)
        size = await asyncio.to_thread(self._files.partial_size, ref.sha256)
        if first.offset != size:
            return artifact_pb2.PutResponse(complete=False, resume_at=size)
        upload = self._files.resume(ref)
        try:
            await asyncio.to_thread(upload.open)
            if await self._receive(upload, first, context):
                await asyncio.to_thread(upload.finish)
                return await self._complete(ref)
            return artifact_pb2.PutResponse(complete=False, resume_at=upload.size)
        finally:
            upload.close()  # Not awaited: whoever is cancelled here would leave it open.

    @staticmethod
    async def _receive(upload: Upload, first: artifact_pb2.PutRequest, context: Reads) -> bool:
        """True when the last chunk is written; False when the stream ended or jumped before."""
        message: artifact_pb2.PutRequest | None = first
        while message is not None:
            if message.offset != upload.size:
                return False
            if message.data:
                await asyncio.to_thread(upload.write, message.data)
            if message.last:
                return True
            message = await _next(context)
        return False

    async def _complete(self, ref: ArtifactRef) -> artifact_pb2.PutResponse:
        if ref.sha256 not in self._registered:
            await self._register(ref)
            self._registered.add(ref.sha256)
        return artifact_pb2.PutResponse(complete=True, resume_at=ref.size_bytes)


async def _next(context: Reads) -> artifact_pb2.PutRequest | None:
    message = await context.read()
    return message if isinstance(message, artifact_pb2.PutRequest) else None
