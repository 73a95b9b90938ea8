"""The cache of files: resumed, verified, evicted, and never wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devicefarm.v1 import artifact_pb2, job_pb2
from farm_agent.artifacts import ArtifactCache, TransferBrokenError
from farm_agent.errors import ArtifactError, CancelledError
from farm_agent.stop import StopCause, StopSignal

CHUNK_BYTES = 10


class Shelf:
    """A source that holds files in memory and fails as told: `break_at` are the bytes after which streams end."""

    def __init__(self, *contents: bytes) -> None:
        self.files = {hashlib.sha256(content).hexdigest(): content for content in contents}
        self.offsets: list[int] = []
        self.break_at: list[int] = []
        self.corrupt = 0
        self.shift = 0
        self.on_chunk: Callable[[], None] = lambda: None

    def fetch(self, sha256: str, offset: int, stop: StopSignal) -> Iterator[artifact_pb2.FetchResponse]:
        self.offsets.append(offset)
        content = self.files[sha256]
        if self.corrupt > 0:
            self.corrupt -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        broken_at = self.break_at.pop(0) if self.break_at else None
        while True:
            if broken_at is not None and offset >= broken_at:
                raise TransferBrokenError("cut")
            self.on_chunk()
            data = content[offset : offset + CHUNK_BYTES]
            last = offset + len(data) >= len(content)
            yield artifact_pb2.FetchResponse(offset=offset + self.shift, data=data, last=last)
            if last:
                return
            offset += len(data)


def _ref(content: bytes) -> job_pb2.ArtifactRef:
    return job_pb2.ArtifactRef(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), name="a model")


def _get(cache: ArtifactCache, content: bytes) -> bytes:
    with cache.borrow(StopSignal()) as borrower:
        return borrower.fetch(_ref(content)).read_bytes()


@pytest.mark.parametrize("size_bytes", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 95])
def test_a_file_is_fetched_once(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    shelf = Shelf(content)
    cache = ArtifactCache(tmp_path, 1000, shelf)
    assert _get(cache, content) == content
    assert _get(cache, content) == content
    assert shelf.offsets == [0]
    # So does the next agent, which looks at it once more.
    assert _get(ArtifactCache(tmp_path, 1000, shelf), content) == content
    assert shelf.offsets == [0]


def test_a_broken_transfer_goes_on_where_it_stopped(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    shelf.break_at = [30, 30, 70]
    assert _get(ArtifactCache(tmp_path, 1000, shelf), content) == content
    assert shelf.offsets == [0, 30, 30, 70]


def test_without_any_progress_it_gives_up(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    shelf.break_at = [0] * 100
    with pytest.raises(ArtifactError, match="could not be fetched for 2 s: cut"):
        _get(ArtifactCache(tmp_path, 1000, shelf, patience_s=0.6), content)


def test_a_chunk_in_the_wrong_place_is_not_written(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    shelf.shift = 5
    with pytest.raises(ArtifactError, match="a chunk for byte 5 came where 0 was due"):
        _get(ArtifactCache(tmp_path, 1000, shelf, patience_s=0.0), content)


def test_corrupt_once_is_mended_and_twice_is_an_error(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    shelf.corrupt = 1
    cache = ArtifactCache(tmp_path, 1000, shelf)
    assert _get(cache, content) == content
    other = os.urandom(95)
    shelf.files[_ref(other).sha256] = other
    shelf.corrupt = 2
    with pytest.raises(ArtifactError, match="came twice with another content"):
        _get(cache, other)
    assert not list((tmp_path / "partial").iterdir())


def test_a_cached_file_that_rots_is_fetched_again(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    cache = ArtifactCache(tmp_path, 1000, shelf)
    _get(cache, content)
    path = tmp_path / _ref(content).sha256
    path.write_bytes(b"rotten" * 10)
    assert _get(cache, content) == content
    assert len(shelf.offsets) == 2


def test_a_partial_file_longer_than_the_whole_is_begun_anew(tmp_path: Path) -> None:
    content = os.urandom(20)
    shelf = Shelf(content)
    cache = ArtifactCache(tmp_path, 1000, shelf)
    (tmp_path / "partial" / _ref(content).sha256).write_bytes(b"x" * 50)
    assert _get(cache, content) == content


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    contents = [bytes([number]) * 40 for number in range(3)]
    cache = ArtifactCache(tmp_path, 100, Shelf(*contents))
    _get(cache, contents[0])
    _get(cache, contents[1])
    _get(cache, contents[0])
    _get(cache, contents[2])
    held = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert held == {_ref(contents[0]).sha256, _ref(contents[2]).sha256}


def test_what_is_in_use_is_never_evicted(tmp_path: Path) -> None:
    contents = [bytes([number]) * 40 for number in range(3)]
    cache = ArtifactCache(tmp_path, 100, Shelf(*contents))
    with cache.borrow(StopSignal()) as borrower:
        first, second = borrower.fetch(_ref(contents[0])), borrower.fetch(_ref(contents[1]))
        with (
            pytest.raises(ArtifactError, match="does not fit into the artifact cache"),
            cache.borrow(StopSignal()) as other,
        ):
            other.fetch(_ref(contents[2]))
        assert first.exists()
        assert second.exists()
    assert _get(cache, contents[2]) == contents[2]


def test_two_attempts_that_want_one_file_fetch_it_once(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    both_asked = threading.Barrier(2)
    got: list[bytes] = []
    cache = ArtifactCache(tmp_path, 1000, shelf)

    def want() -> None:
        both_asked.wait()
        got.append(_get(cache, content))

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [content, content]
    assert shelf.offsets == [0]


def test_a_stop_ends_the_wait_for_a_link(tmp_path: Path) -> None:
    content = os.urandom(95)
    shelf = Shelf(content)
    shelf.break_at = [0] * 1000
    stop = StopSignal()
    shelf.break_at = [20, *[0] * 1000]
    calls = []

    def count() -> None:
        calls.append(1)
        if len(calls) == 2:
            stop.stop(StopCause.CANCEL, "enough")

    shelf.on_chunk = count
    cache = ArtifactCache(tmp_path, 1000, shelf, patience_s=1e9)
    with pytest.raises(CancelledError, match="enough"), cache.borrow(stop) as borrower:
        borrower.fetch(_ref(content))


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_digest_that_is_none_never_becomes_a_path(sha256: str, tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path, 1000, Shelf())
    with pytest.raises(ArtifactError, match="is no sha256"), cache.borrow(StopSignal()) as borrower:
        borrower.fetch(job_pb2.ArtifactRef(sha256=sha256, size_bytes=1))
