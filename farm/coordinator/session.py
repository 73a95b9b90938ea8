"""One attached agent: what it holds, what it is still to be told, and how long it has been silent.

Directives are gathered and leave together: an ack and the next assignment, made true by one transaction, share one
message. A peer that reads slower than it is spoken to has a bounded backlog and is then dropped. That costs nothing
but a reconnect: its records are in its spool and its leases go on.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from devicefarm.v1 import gateway_pb2
from farm.model.attempt import Lease
from farm.model.board import Board
from farm.wire.gateway import AgentHello

__all__ = ["AgentLink", "Session"]

_MOST_DIRECTIVES = 1000
_DIRECTIVES_IN_A_MESSAGE = 16
"""Few enough that even with long scripts in their jobs they fit the 4 MB of a message."""
_MOST_UNACKED_BYTES = 16 * 2**20
"""An agent that sends more records than can be committed is not read any further; one record always is."""


class AgentLink(Protocol):
    """The stream, without gRPC's types."""

    async def read(self) -> gateway_pb2.AttachRequest | None:
        """The next message; None when the agent has ended its side."""

    async def write(self, response: gateway_pb2.AttachResponse) -> None: ...


class Session:
    """`handler` is the task that reads the stream; ending it ends the session."""

    def __init__(self, hello: AgentHello, link: AgentLink, handler: asyncio.Task[None], now: float) -> None:
        self.agent_id = hello.agent_id
        self.instance = hello.instance
        self.boards: dict[str, Board] = {board.board_id: board for board in hello.boards}
        self.heard_at = now
        self.close_reason = ""
        self._link = link
        self._handler = handler
        self._outgoing: list[gateway_pb2.Directive] = []
        self._ending = False
        self._wake = asyncio.Event()
        self._unacked: dict[Lease, int] = {}
        self._unacked_bytes = 0
        self._ack = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def send(self, directive: gateway_pb2.Directive) -> None:
        """Tell the agent, with whatever else is to be told by then."""
        if len(self._outgoing) >= _MOST_DIRECTIVES:
            self.close(f"the agent does not read: {len(self._outgoing)} directives wait for it")
            return
        self._outgoing.append(directive)
        self._wake.set()

    def close(self, reason: str) -> None:
        """End the stream now."""
        if not self.close_reason:
            self.close_reason = reason
            self._handler.cancel()

    async def write_out(self) -> None:
        """Send what is gathered, message by message, until `finish`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                directives = self._outgoing[:_DIRECTIVES_IN_A_MESSAGE]
                del self._outgoing[:_DIRECTIVES_IN_A_MESSAGE]
                await self._link.write(gateway_pb2.AttachResponse(directives=directives))
            if self._ending:
                return

    def finish(self) -> None:
        """Nothing more will be said: `write_out` ends when everything is sent."""
        self._ending = True
        self._wake.set()

    # records that were taken in and not yet acked

    def owe_ack(self, lease: Lease, size_bytes: int) -> None:
        self._unacked_bytes += size_bytes - self._unacked.get(lease, 0)
        self._unacked[lease] = size_bytes
        if self._unacked_bytes > _MOST_UNACKED_BYTES and len(self._unacked) > 1:
            self._room.clear()

    def acked(self, lease: Lease) -> None:
        self._unacked_bytes -= self._unacked.pop(lease, 0)
        self._ack.set()
        if self._unacked_bytes <= _MOST_UNACKED_BYTES or len(self._unacked) <= 1:
            self._room.set()

    async def quiet(self) -> None:
        """Wait until every record is acked."""
        while self._unacked:
            self._ack.clear()
            await self._ack.wait()

    async def room(self) -> None:
        """Wait until another record may be taken in."""
        if not self._room.is_set():
            await self._room.wait()
