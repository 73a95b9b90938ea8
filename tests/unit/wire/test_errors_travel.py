"""An error that the coordinator raises is raised by its client again: same class, same words, same hint."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from farm import errors
from farm.errors import CoordinatorError, FarmError, NoBoardError, SweepError
from farm.wire.errors import code_of, from_status, message_of, trailers_of


def _all(kind: type[FarmError]) -> Iterator[type[FarmError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _all(child)


@pytest.mark.parametrize("kind", list(_all(FarmError)), ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_itself(kind: type[FarmError]) -> None:
    error = kind("Das Brett fehlt: ▸ Ω", hint="Steck es an …")

    back = from_status(code_of(error), message_of(error), trailers_of(error), address="here")

    assert type(back) is kind
    assert (back.message, back.hint) == (error.message, error.hint)


def test_whoever_can_act_sees_it_in_the_status_code() -> None:
    assert code_of(SweepError("x")) is grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(NoBoardError("x")) is grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(errors.StoreError("full")) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(errors.UnknownRunError("x")) is grpc.StatusCode.NOT_FOUND
    assert code_of(FarmError("a defect")) is grpc.StatusCode.INTERNAL


def test_an_error_longer_than_http2_takes_is_shortened() -> None:
    error = SweepError("Ω" * 100_000, hint="π" * 100_000)
    size = len(message_of(error).encode()) + sum(len(value) for _, value in trailers_of(error))
    assert size < 16_384
    assert message_of(error).endswith("…")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (grpc.StatusCode.UNAVAILABLE, "cannot be reached"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "did not answer in time"),
        (grpc.StatusCode.UNIMPLEMENTED, "answered UNIMPLEMENTED"),
    ],
)
def test_a_status_of_somebody_else_says_what_to_try(code: grpc.StatusCode, words: str) -> None:
    error = from_status(code, "connection refused", (), address="127.0.0.1:7433")
    assert type(error) is CoordinatorError
    assert words in error.message
    assert "127.0.0.1:7433" in error.message
    assert error.hint


def test_an_error_of_a_newer_coordinator_is_still_an_error_of_the_coordinator() -> None:
    error = from_status(grpc.StatusCode.INTERNAL, "news", (("farm-error", "FutureError"),), address="x")
    assert type(error) is CoordinatorError
    assert error.message == "news"
