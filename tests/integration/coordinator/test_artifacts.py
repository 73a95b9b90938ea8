"""Files by digest: resumed where they were cut, verified at the end, never visible half done."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from devicefarm.v1 import artifact_pb2, artifact_pb2_grpc, job_pb2
from farm.coordinator.artifact_files import CHUNK_BYTES
from farm.errors import ModelFileError, StoreError
from farm.model.job import ArtifactRef
from tests.integration.coordinator.conftest import Farm

CONTENT = bytes(range(256)) * 4096  # four chunks


def ref_of(content: bytes) -> ArtifactRef:
    return ArtifactRef(sha256(content).hexdigest(), len(content), "model.onnx")


REF = ref_of(CONTENT)


@pytest.fixture
async def stub(farm: Farm) -> AsyncIterator[artifact_pb2_grpc.ArtifactServiceAsyncStub]:
    async with grpc.aio.insecure_channel(farm.coordinator.address) as channel:
        yield artifact_pb2_grpc.ArtifactServiceStub(channel)  # type: ignore[misc]


def put(
    content: bytes, *, start: int = 0, stop: int | None = None, ref: ArtifactRef = REF
) -> AsyncIterator[artifact_pb2.PutRequest]:
    """The messages of an upload of `content[start:stop]`; `last` only where it reaches the end."""

    async def messages() -> AsyncIterator[artifact_pb2.PutRequest]:
        artifact = job_pb2.ArtifactRef(sha256=ref.sha256, size_bytes=ref.size_bytes, name=ref.name)
        yield artifact_pb2.PutRequest(artifact=artifact, offset=start)
        end = len(content) if stop is None else stop
        if start == len(content):
            yield artifact_pb2.PutRequest(offset=start, last=True)
        for offset in range(start, end, CHUNK_BYTES):
            data = content[offset : min(offset + CHUNK_BYTES, end)]
            yield artifact_pb2.PutRequest(offset=offset, data=data, last=offset + len(data) == len(content))

    return messages()


async def fetched(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub, digest: str, offset: int = 0) -> bytes:
    content = b""
    last = False
    async for chunk in stub.Fetch(artifact_pb2.FetchRequest(sha256=digest, offset=offset)):
        assert chunk.offset == offset + len(content)
        assert len(chunk.data) <= CHUNK_BYTES
        content += chunk.data
        last = chunk.last
    assert last
    return content


async def test_a_file_comes_back_as_it_went(farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub) -> None:
    assert (await stub.Put(put(CONTENT))).complete
    assert await fetched(stub, REF.sha256) == CONTENT
    assert await fetched(stub, REF.sha256, offset=CHUNK_BYTES + 7) == CONTENT[CHUNK_BYTES + 7 :]
    assert await fetched(stub, REF.sha256, offset=len(CONTENT)) == b""
    assert farm.ask("SELECT sha256, size_bytes, name FROM artifact") == [(REF.sha256, len(CONTENT), "model.onnx")]


async def test_an_empty_file_is_a_file(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub) -> None:
    async def nothing() -> AsyncIterator[artifact_pb2.PutRequest]:
        yield artifact_pb2.PutRequest(artifact=job_pb2.ArtifactRef(sha256=ref_of(b"").sha256), last=True)

    assert (await stub.Put(nothing())).complete
    assert await fetched(stub, ref_of(b"").sha256) == b""


async def test_a_cut_upload_goes_on_where_it_was_cut(
    farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub
) -> None:
    cut = await stub.Put(put(CONTENT, stop=2 * CHUNK_BYTES + 5))
    assert (cut.complete, cut.resume_at) == (False, 2 * CHUNK_BYTES + 5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await fetched(stub, REF.sha256)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    # Also after a restart, also when the sender has forgotten where it was.
    await farm.restart()
    async with grpc.aio.insecure_channel(farm.coordinator.address) as channel:
        again: artifact_pb2_grpc.ArtifactServiceAsyncStub = artifact_pb2_grpc.ArtifactServiceStub(channel)  # type: ignore[assignment]
        wrong = await again.Put(put(CONTENT, start=17))
        assert (wrong.complete, wrong.resume_at) == (False, cut.resume_at)
        assert (await again.Put(put(CONTENT, start=cut.resume_at))).complete
        assert await fetched(again, REF.sha256) == CONTENT


async def test_one_flipped_bit_is_refused_and_removed(
    farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub
) -> None:
    flipped = CONTENT[:1000] + bytes([CONTENT[1000] ^ 1]) + CONTENT[1001:]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Put(put(flipped))
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert "arrived damaged" in str(caught.value.details())
    assert [path for path in (farm.settings.data_dir / "artifacts").rglob("*") if path.is_file()] == []
    assert (await stub.Put(put(CONTENT))).complete


async def test_more_than_was_announced_is_refused_and_removed(
    farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub
) -> None:
    small = ArtifactRef(REF.sha256, CHUNK_BYTES, "liar")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Put(put(CONTENT, ref=small))
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert [path for path in (farm.settings.data_dir / "artifacts").rglob("*") if path.is_file()] == []


async def test_many_may_put_the_same_file_at_once(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub) -> None:
    async def insist() -> bool:
        offset = 0
        while True:
            answer = await stub.Put(put(CONTENT, start=offset))
            if answer.complete:
                return True
            offset = answer.resume_at

    assert await asyncio.gather(*(insist() for _ in range(8))) == [True] * 8
    assert await fetched(stub, REF.sha256) == CONTENT


async def test_a_sender_that_stalls_does_not_lose_the_file_to_others(
    farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub
) -> None:
    """The second waits its turn, and goes on where the first one's connection was cut."""
    stalled = asyncio.Event()

    async def stalling() -> AsyncIterator[artifact_pb2.PutRequest]:
        async for message in put(CONTENT, stop=CHUNK_BYTES):
            yield message
        stalled.set()
        await asyncio.Event().wait()

    first = stub.Put(stalling())
    asyncio.ensure_future(first).add_done_callback(lambda done: done.cancelled() or done.exception())
    await stalled.wait()
    second = asyncio.ensure_future(stub.Put(put(CONTENT, start=CHUNK_BYTES)))
    first.cancel()
    answer = await second
    if not answer.complete:
        answer = await stub.Put(put(CONTENT, start=answer.resume_at))
    assert answer.complete
    assert await fetched(stub, REF.sha256) == CONTENT


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63])
async def test_only_digests_name_files(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub, digest: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await fetched(stub, digest)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_offset_beyond_the_end_is_refused(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub) -> None:
    await stub.Put(put(CONTENT))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await fetched(stub, REF.sha256, offset=len(CONTENT) + 1)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_put_that_does_not_say_what_is_refused(stub: artifact_pb2_grpc.ArtifactServiceAsyncStub) -> None:
    async def nameless() -> AsyncIterator[artifact_pb2.PutRequest]:
        yield artifact_pb2.PutRequest(data=b"x", last=True)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Put(nameless())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_client_sends_a_file_once_and_resumes_what_was_cut(
    farm: Farm, stub: artifact_pb2_grpc.ArtifactServiceAsyncStub, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT)
    await stub.Put(put(CONTENT, stop=CHUNK_BYTES))
    sent: list[int] = []
    await farm.client.put_artifact(path, REF, on_progress=sent.append)
    assert sent[-1] == len(CONTENT)
    assert await fetched(stub, REF.sha256) == CONTENT
    sent.clear()
    await farm.client.put_artifact(path, REF, on_progress=sent.append)
    assert len(sent) < 4


async def test_a_file_that_changed_while_it_was_sent_is_a_model_file_error(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(ModelFileError, match=r"model\.onnx"):
        await farm.client.put_artifact(path, REF)


async def test_a_file_that_is_gone_is_a_model_file_error(farm: Farm, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        await farm.client.put_artifact(tmp_path / "gone", REF)


async def test_a_full_disk_says_so_and_keeps_what_came(
    farm: Farm,
    stub: artifact_pb2_grpc.ArtifactServiceAsyncStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is full at the fsync; once there is room the upload needs no byte again."""
    path = tmp_path / "model.onnx"
    path.write_bytes(CONTENT)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("farm.coordinator.artifact_files.os.fsync", full)
        with pytest.raises(StoreError, match="full"):
            await farm.client.put_artifact(path, REF)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Put(put(CONTENT, start=len(CONTENT)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await farm.client.put_artifact(path, REF)
    assert await fetched(stub, REF.sha256) == CONTENT
