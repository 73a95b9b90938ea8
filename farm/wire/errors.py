"""One translator from a `FarmError` to a gRPC status and back, so that whoever calls raises what was raised here.

The status code says what a machine may do about it (try again or not), the details are the message, and two trailing
metadata entries carry the class and the hint. A status without them comes from something else in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from farm import errors
from farm.errors import CoordinatorError, FarmError

__all__ = ["code_of", "from_status", "message_of", "trailers_of"]

_CLASS = "farm-error"
_HINT = "farm-hint-bin"
# HTTP/2 trailers share 16 KiB by default, and a message takes up to three times its length there.
_LONGEST_MESSAGE = 3000
_LONGEST_HINT = 2000

_CODES: tuple[tuple[type[FarmError], grpc.StatusCode], ...] = (
    (errors.WireError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.SweepError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.ModelFileError, grpc.StatusCode.DATA_LOSS),
    (errors.NoBoardError, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.CoordinatorError, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.UnknownRunError, grpc.StatusCode.NOT_FOUND),
    (errors.StaleEpochError, grpc.StatusCode.ABORTED),
    (errors.StoreError, grpc.StatusCode.RESOURCE_EXHAUSTED),
)


def code_of(error: FarmError) -> grpc.StatusCode:
    """The most fitting status code; INTERNAL is a defect of the farm."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


def message_of(error: FarmError) -> str:
    """The status' details."""
    return _shorten(error.message, _LONGEST_MESSAGE)


def trailers_of(error: FarmError) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata beside the status."""
    return (_CLASS, type(error).__name__), (_HINT, _shorten(error.hint, _LONGEST_HINT).encode())


def from_status(
    code: grpc.StatusCode, details: str | None, trailers: Iterable[tuple[str, str | bytes]], *, address: str
) -> FarmError:
    """The error that the peer at `address` raised, or a `CoordinatorError` where it could not say one."""
    entries = dict(trailers)
    name = entries.get(_CLASS)
    if isinstance(name, str):
        hint = entries.get(_HINT, b"")
        kind = _classes().get(name, CoordinatorError)
        return kind(details or "", hint=hint.decode(errors="replace") if isinstance(hint, bytes) else hint)
    if code is grpc.StatusCode.UNAVAILABLE:
        return CoordinatorError(
            f"The coordinator at {address} cannot be reached: {details}.",
            hint="Is it running? `farm status` says so; `farm up` starts one.",
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CoordinatorError(
            f"The coordinator at {address} did not answer in time.",
            hint="It may be busy or frozen; its log says what it does. Trying again is safe.",
        )
    return CoordinatorError(
        f"The coordinator at {address} answered {code.name}: {details}",
        hint="Is this a coordinator of this version? Its log says more.",
    )


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _classes() -> dict[str, type[FarmError]]:
    def descend(kind: type[FarmError]) -> Iterator[type[FarmError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from descend(child)

    return {kind.__name__: kind for kind in descend(FarmError)}
