"""An agent whose every word is the test's: the public seam for tests and benchmarks of the coordinator.

    async with ScriptedAgent(address, "agent-1", [board("pi-1")]) as agent:
        assert (await agent.attach()).HasField("welcome")
        await agent.say(ready("pi-1"))
        assign = (await agent.hear("assign")).assign
        await agent.say(recorded(assign), ready("pi-1"))
        ack = (await agent.hear("ack")).ack

It speaks real gRPC and knows no more than the protos, so it can also say what no real agent would.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import grpc

from devicefarm.v1 import attempt_pb2, board_pb2, gateway_pb2, gateway_pb2_grpc, job_pb2
from farm.wire.gateway import PROTOCOL

__all__ = ["ScriptedAgent", "board", "heartbeat", "hello", "lease_of", "ready", "recorded"]

_PATIENCE_S = 20.0


def board(board_id: str, *, boot_id: str = "boot-1", runtimes: Sequence[str] = ("command",)) -> board_pb2.Board:
    """A board of type `linux`, marked simulated."""
    return board_pb2.Board(
        board_id=board_id,
        board_type="linux",
        name=board_id,
        provenance=board_pb2.PROVENANCE_SIMULATED,
        facts=board_pb2.BoardFacts(boot_id=boot_id, cpu_count=4, memory_bytes=2**32),
        runtimes=[board_pb2.RuntimeOffer(runtime=runtime) for runtime in runtimes],
    )


def hello(
    agent_id: str,
    boards: Iterable[board_pb2.Board],
    *,
    instance: str = "instance-1",
    protocol: int = PROTOCOL,
    running: Iterable[job_pb2.LeaseRef] = (),
    spooled: Iterable[job_pb2.LeaseRef] = (),
) -> gateway_pb2.AgentEvent:
    """The first event of a stream."""
    return gateway_pb2.AgentEvent(
        hello=gateway_pb2.Hello(
            protocol=protocol,
            agent_id=agent_id,
            instance=instance,
            agent_version="scripted",
            boards=boards,
            running=running,
            spooled=spooled,
        )
    )


def ready(board_id: str) -> gateway_pb2.AgentEvent:
    """One credit."""
    return gateway_pb2.AgentEvent(ready=gateway_pb2.Ready(board_id=board_id))


def heartbeat(*running: job_pb2.LeaseRef) -> gateway_pb2.AgentEvent:
    """What is worked on."""
    return gateway_pb2.AgentEvent(heartbeat=gateway_pb2.Heartbeat(running=running))


def lease_of(assign: gateway_pb2.Assign) -> job_pb2.LeaseRef:
    """The lease that came with a job."""
    return job_pb2.LeaseRef(job_id=assign.job.job_id, fence=assign.fence)


def recorded(
    assign: gateway_pb2.Assign, outcome: attempt_pb2.Outcome = attempt_pb2.OUTCOME_PASSED, **fields: Any
) -> gateway_pb2.AgentEvent:
    """A record of an assigned job, with more fields of `AttemptRecord` as given."""
    return gateway_pb2.AgentEvent(
        record=attempt_pb2.AttemptRecord(
            job_id=assign.job.job_id,
            fence=assign.fence,
            board_id=assign.board_id,
            attempt=assign.attempt,
            outcome=outcome,
            **fields,
        )
    )


class ScriptedAgent:
    """One agent on a channel of its own. `hear` waits for a directive of a kind, and keeps the others in order."""

    def __init__(
        self, address: str, agent_id: str, boards: Sequence[board_pb2.Board], *, instance: str | None = None
    ) -> None:
        self.agent_id = agent_id
        self.instance = instance or uuid.uuid4().hex
        self.boards = boards
        self.heard: deque[gateway_pb2.Directive] = deque()
        """Directives that came and were not asked for yet."""
        self._channel = grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),))
        self._stub: gateway_pb2_grpc.GatewayServiceAsyncStub = gateway_pb2_grpc.GatewayServiceStub(self._channel)  # type: ignore[assignment]
        self._call: Any = None

    async def __aenter__(self) -> ScriptedAgent:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.vanish()

    async def attach(
        self, *, running: Iterable[job_pb2.LeaseRef] = (), spooled: Iterable[job_pb2.LeaseRef] = ()
    ) -> gateway_pb2.Directive:
        """Open a stream and say hello; returns the answer, a welcome or a refusal."""
        await self.open()
        await self.say(hello(self.agent_id, self.boards, instance=self.instance, running=running, spooled=spooled))
        return await self.hear()

    async def open(self) -> None:
        """Open a stream and say nothing."""
        self.heard.clear()
        self._call = self._stub.Attach()
        await self._call.wait_for_connection()

    async def say(self, *events: gateway_pb2.AgentEvent) -> None:
        """Send one message with these events."""
        await self._call.write(gateway_pb2.AttachRequest(events=events))

    async def hear(self, kind: str | None = None) -> gateway_pb2.Directive:
        """The next directive (of this kind); raises `EOFError` when the stream ends before, `TimeoutError` late."""
        while True:
            for directive in self.heard:
                if kind is None or directive.WhichOneof("directive") == kind:
                    self.heard.remove(directive)
                    return directive
            message = await asyncio.wait_for(self._call.read(), _PATIENCE_S)
            if message is grpc.aio.EOF:
                raise EOFError(f"the stream ended: {await self.status()}")
            self.heard.extend(message.directives)

    async def end(self) -> grpc.StatusCode:
        """Half-close, as an agent does that says goodbye; returns the status of the stream."""
        await self._call.done_writing()
        return await self.status()

    async def status(self) -> grpc.StatusCode:
        """Wait for the end of the stream; returns its status."""
        code: grpc.StatusCode = await asyncio.wait_for(self._call.code(), _PATIENCE_S)
        return code

    async def details(self) -> str:
        """What the status says in words."""
        return str(await self._call.details())

    async def vanish(self) -> None:
        """Drop the connection without a word."""
        if self._call is not None:
            self._call.cancel()
        await self._channel.close()
