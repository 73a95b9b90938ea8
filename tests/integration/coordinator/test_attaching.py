"""Who may attach, who is refused, and what becomes of streams that end in every way there is."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from devicefarm.v1 import gateway_pb2, gateway_pb2_grpc
from farm.coordinator.testing import ScriptedAgent, board, hello, lease_of, ready, recorded
from farm.model.board import BoardState
from tests.integration.coordinator.conftest import Farm

REFUSED = gateway_pb2.Refused


async def test_a_welcome_says_how_often_to_beat(farm: Farm) -> None:
    welcome = (await farm.agent("one").attach()).welcome
    assert (welcome.epoch, welcome.heartbeat_s, welcome.lease_s) == (1, 5.0, 30.0)
    [seen] = (await farm.client.status()).boards
    assert (seen.board.board_id, seen.board.agent_id, seen.state) == ("board-one", "", BoardState.IDLE)


async def test_a_second_agent_of_the_same_identity_is_refused_while_the_first_lives(farm: Farm) -> None:
    first = await farm.attached("one", instance="a")
    refused = (await farm.agent("one", instance="b").attach()).refused
    assert refused.reason == REFUSED.REASON_IDENTITY_IN_USE
    assert "state folder" in refused.message
    # The first one is not disturbed, and its place is free again when it has gone.
    await farm.submit(1)
    await first.say(ready("board-one"))
    await first.hear("assign")
    await first.vanish()
    await farm.status_until(lambda status: status.boards_attached == 0)
    assert (await farm.agent("one", instance="b").attach()).HasField("welcome")


async def test_the_same_instance_takes_the_place_of_its_older_stream(farm: Farm) -> None:
    """A link that died half-open: the agent is back before the coordinator has noticed."""
    old = await farm.attached("one", instance="a")
    await farm.submit(1)
    await old.say(ready("board-one"))
    assign = (await old.hear("assign")).assign
    new = farm.agent("one", instance="a")
    assert (await new.attach(running=[lease_of(assign)])).HasField("welcome")
    assert await old.status() is grpc.StatusCode.FAILED_PRECONDITION
    assert "replaced" in await old.details()
    await new.say(recorded(assign))
    assert (await new.hear("ack")).ack.disposition == gateway_pb2.Ack.DISPOSITION_RECORDED
    assert (await farm.client.status()).boards_attached == 1


async def test_an_agent_whose_board_has_rebooted_takes_the_place_of_the_one_that_cannot_live(farm: Farm) -> None:
    await farm.attached("one", instance="before the reboot")
    after = ScriptedAgent(farm.coordinator.address, "one", [board("board-one", boot_id="boot-2")])
    farm.agents.append(after)
    assert (await after.attach()).HasField("welcome")


async def test_an_agent_that_was_silent_for_long_gives_way(farm: Farm) -> None:
    await farm.restart(heartbeat_s=0.05, lease_s=30.0)
    await farm.attached("one", instance="silent")
    newcomer = farm.agent("one", instance="new")
    for _ in range(100):
        answer = await newcomer.attach()
        if answer.HasField("welcome"):
            break
        await asyncio.sleep(0.02)
    assert answer.HasField("welcome")


async def test_a_board_is_served_by_one_agent(farm: Farm) -> None:
    await farm.attached("one", board_id="shared")
    refused = (await farm.agent("two", board_id="shared").attach()).refused
    assert refused.reason == REFUSED.REASON_IDENTITY_IN_USE
    assert "shared" in refused.message
    assert "one" in refused.message


async def test_another_protocol_is_refused_with_both_versions(farm: Farm) -> None:
    agent = farm.agent("one")
    await agent.open()
    await agent.say(hello("one", agent.boards, protocol=99))
    refused = (await agent.hear()).refused
    assert refused.reason == REFUSED.REASON_PROTOCOL
    assert "99" in refused.message
    assert await agent.status() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    "first",
    [
        ready("board-one"),
        gateway_pb2.AgentEvent(),
        hello("", [board("board-one")]),
        hello("one", [board("board-one"), board("board-one")]),
        hello("one", [board("")]),
    ],
    ids=["no hello", "nothing", "no identity", "a board twice", "a board without id"],
)
async def test_a_bad_hello_is_refused_and_said_why(farm: Farm, first: gateway_pb2.AgentEvent) -> None:
    agent = farm.agent("one")
    await agent.open()
    await agent.say(first)
    refused = (await agent.hear()).refused
    assert refused.reason == REFUSED.REASON_BAD_HELLO
    assert refused.message
    assert (await farm.client.status()).boards_attached == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        gateway_pb2.AgentEvent(),
        ready("somebody-elses"),
        hello("one", [board("board-one")]),
        gateway_pb2.AgentEvent(phase_changed=gateway_pb2.PhaseChanged(phase=99)),  # type: ignore[arg-type]
        gateway_pb2.AgentEvent(record={}),
    ],
    ids=["an empty event", "another's board", "hello again", "an unknown phase", "nobody's record"],
)
async def test_nonsense_ends_the_stream_and_nothing_else(farm: Farm, nonsense: gateway_pb2.AgentEvent) -> None:
    other = await farm.attached("other")
    agent = await farm.attached("one")
    await agent.say(nonsense)
    assert await agent.status() is grpc.StatusCode.INVALID_ARGUMENT
    assert await agent.details()
    await farm.submit(1)
    await other.say(ready("board-other"))
    await other.hear("assign")
    assert (await farm.agent("one").attach()).HasField("welcome")


async def test_bytes_that_are_no_message_end_only_their_own_stream(farm: Farm) -> None:
    other = await farm.attached("other")
    async with grpc.aio.insecure_channel(farm.coordinator.address) as channel:
        anybody: Any = channel
        call = anybody.stream_stream("/devicefarm.v1.GatewayService/Attach")()
        await call.write(b"\xff\xff\xff\xff\xff")
        assert await call.code() is not grpc.StatusCode.OK
    await farm.submit(1)
    await other.say(ready("board-other"))
    await other.hear("assign")


async def test_an_agent_that_says_goodbye_still_gets_its_acks(farm: Farm) -> None:
    agent = await farm.attached("one")
    await farm.submit(1)
    await agent.say(ready("board-one"))
    assign = (await agent.hear("assign")).assign
    await agent.say(recorded(assign))
    await agent._call.done_writing()
    assert (await agent.hear("ack")).ack.disposition == gateway_pb2.Ack.DISPOSITION_RECORDED
    assert await agent.status() is grpc.StatusCode.OK


async def test_a_board_that_comes_and_goes_while_its_agent_stays(farm: Farm) -> None:
    agent = await farm.attached("one")
    stick = gateway_pb2.AgentEvent(board_update=gateway_pb2.BoardUpdate(board=board("stick")))
    await agent.say(stick, ready("stick"))
    await farm.status_until(lambda status: status.boards_attached == 2)
    await farm.submit(1)
    assert (await agent.hear("assign")).assign.board_id == "stick"
    gone = gateway_pb2.AgentEvent(board_update=gateway_pb2.BoardUpdate(board=board("stick"), gone=True))
    await agent.say(gone)
    status = await farm.status_until(lambda status: status.boards_attached == 1)
    states = {seen.board.board_id: seen.state for seen in status.boards}
    assert states["stick"] is BoardState.OFFLINE


async def test_a_draining_agent_gets_no_more_jobs(farm: Farm) -> None:
    agent = await farm.attached("one")
    await agent.say(ready("board-one"), gateway_pb2.AgentEvent(draining=gateway_pb2.Draining(reason="SIGTERM")))
    other = await farm.attached("other")
    await farm.submit(1)
    await other.say(ready("board-other"))
    await other.hear("assign")
    assert not agent.heard


async def test_enrolment_is_kept_for_later_and_says_so(farm: Farm) -> None:
    async with grpc.aio.insecure_channel(farm.coordinator.address) as channel:
        stub: Any = gateway_pb2_grpc.GatewayServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Enrol(gateway_pb2.EnrolRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "identities" in str(caught.value.details())


async def test_a_peer_that_does_not_read_is_dropped_and_holds_up_nobody(farm: Farm) -> None:
    """A thousand directives wait for it: the session ends, the lease goes on, others are served."""
    deaf = await farm.attached("deaf")
    other = await farm.attached("other")
    session = farm.coordinator.gateway.session_of("deaf")
    assert session is not None
    directive = gateway_pb2.Directive(drain=gateway_pb2.Drain(reason="x" * 8000))
    for _ in range(5000):
        session.send(directive)
    await farm.status_until(lambda status: status.boards_attached == 1)
    await farm.submit(1)
    await other.say(ready("board-other"))
    await other.hear("assign")
    with pytest.raises((EOFError, grpc.aio.AioRpcError)):
        await deaf.hear("assign")
