"""GatewayService: the gRPC side of an agent's stream. What is said on it is the gateway's business.

    Hello  ─> Welcome, then events and directives until either side ends the stream
           ─> Refused and the end: another agent has the identity or a board, or speaks another protocol
    an event that makes no sense  ─> INVALID_ARGUMENT; the agent may try again, its records stay in its spool

An agent that ends its side is still told what becomes of the records it sent, for a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import grpc

from devicefarm.v1 import gateway_pb2, gateway_pb2_grpc
from farm.coordinator.answer import refuse
from farm.coordinator.gateway import Gateway
from farm.coordinator.session import Session
from farm.errors import CoordinatorError, FarmError, WireError
from farm.wire import gateway as wire

__all__ = ["GatewayService"]

logger = logging.getLogger(__name__)

_HELLO_TIMEOUT_S = 30.0
_LAST_ACKS_S = 2.0
_LAST_WORD_S = 1.0


class _GrpcLink:
    """`AgentLink` over gRPC's context."""

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self._context = context

    async def read(self) -> gateway_pb2.AttachRequest | None:
        message = await self._context.read()
        return message if isinstance(message, gateway_pb2.AttachRequest) else None

    async def write(self, response: gateway_pb2.AttachResponse) -> None:
        await self._context.write(response)


class GatewayService(gateway_pb2_grpc.GatewayServiceServicer):
    """One `Attach` at a time for each agent."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def Enrol(self, request: object, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        """Not yet: agents are trusted on loopback, and by the network's TLS beyond it."""
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "This coordinator hands out no identities yet: an agent attaches with the identity it made itself.",
        )

    async def Attach(self, requests: object, context: Any) -> None:  # type: ignore[override]  # noqa: N802
        """An agent's stream."""
        link = _GrpcLink(context)
        try:
            first = await asyncio.wait_for(link.read(), _HELLO_TIMEOUT_S)
        except asyncio.TimeoutError:
            await refuse(WireError("The stream was opened, and no hello came."), context)
        session = None if first is None else await self._admit(first, link)
        if first is None or session is None:
            return
        writer = asyncio.create_task(session.write_out())
        problem: FarmError | None = None
        try:
            await self._listen(session, first.events[1:], link)
            self._gateway.leave(session)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(session.quiet(), _LAST_ACKS_S)
        except FarmError as error:
            logger.warning("agent %s: %s", session.agent_id, error.message)
            problem = error
        except asyncio.CancelledError:
            if not session.close_reason:
                raise
            problem = CoordinatorError(f"The stream was closed: {session.close_reason}.")
        finally:
            self._gateway.leave(session)
            self._gateway.forget(session)
            session.finish()
            # gRPC sends no status while a message is on its way.
            await asyncio.wait({writer}, timeout=_LAST_WORD_S)
            deaf = not writer.done()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        if deaf:
            raise asyncio.CancelledError  # drops the call as it is: the peer does not even read why
        if problem is not None:
            await refuse(problem, context)

    async def _admit(self, first: gateway_pb2.AttachRequest, link: _GrpcLink) -> Session | None:
        """The session, or None when the agent was refused and told so."""
        handler: Any = asyncio.current_task()
        try:
            if not first.events or first.events[0].WhichOneof("event") != "hello":
                raise WireError("the first event of a stream must be a hello.")
            hello = wire.from_hello(first.events[0].hello)
        except WireError as error:
            refusal = wire.REFUSED_BAD_HELLO, error.message
        else:
            session = Session(hello, link, handler, self._gateway.now())
            answer = self._gateway.admit(hello, session)
            if answer is None:
                return session
            refusal = answer
        logger.warning("an agent is refused: %s", refusal[1])
        await link.write(gateway_pb2.AttachResponse(directives=[wire.to_refused(*refusal)]))
        return None

    async def _listen(self, session: Session, events: Sequence[gateway_pb2.AgentEvent], link: _GrpcLink) -> None:
        while True:
            for message in events:
                event = wire.from_event(message, session.agent_id)
                if isinstance(event, wire.AgentRecord):
                    await self._gateway.take_record(session, event)
                else:
                    self._gateway.hear(session, event)
            request = await link.read()
            if request is None:
                return
            events = request.events
