"""How a call that failed is answered: one place that turns a `FarmError` into a gRPC status.

What is no `FarmError` is a defect of the farm: it is logged in full here and answered INTERNAL, without a traceback
for the peer.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc

from farm.errors import FarmError
from farm.wire.errors import code_of, message_of, trailers_of

__all__ = ["answering", "answering_stream", "refuse"]

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")


def answering(
    method: Callable[[Any, Any, Any], Awaitable[Response]],
) -> Callable[[Any, Any, Any], Awaitable[Response]]:
    """Wrap a method of a servicer that gives one response."""

    @functools.wraps(method)
    async def call(servicer: Any, request: Any, context: Any) -> Response:
        try:
            return await method(servicer, request, context)
        except Exception as error:
            await _fail(error, context, method.__name__)

    return call


def answering_stream(
    method: Callable[[Any, Any, Any], AsyncIterator[Response]],
) -> Callable[[Any, Any, Any], AsyncIterator[Response]]:
    """Wrap a method of a servicer that gives many responses."""

    @functools.wraps(method)
    async def call(servicer: Any, request: Any, context: Any) -> AsyncIterator[Response]:
        responses = method(servicer, request, context)
        try:
            async for response in responses:
                yield response
        except Exception as error:
            await _fail(error, context, method.__name__)
        finally:
            await responses.aclose()  # type: ignore[attr-defined]  # it is a generator

    return call


async def refuse(error: FarmError, context: grpc.aio.ServicerContext[Any, Any]) -> NoReturn:
    """End the call with the status that says this error."""
    context.set_trailing_metadata(trailers_of(error))
    await context.abort(code_of(error), message_of(error))


async def _fail(error: Exception, context: Any, name: str) -> NoReturn:
    if isinstance(error, (grpc.aio.AbortError, asyncio.CancelledError)):
        raise error
    if not isinstance(error, FarmError):
        logger.error("%s failed by a defect of the farm", name, exc_info=error)
        error = FarmError(
            f"The coordinator has a defect: {type(error).__name__} in {name}.", hint="Its log has the details."
        )
    await refuse(error, context)
