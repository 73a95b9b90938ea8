"""The link's own clockwork, with a clock that the test turns and connections that say what the test says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from devicefarm.v1 import gateway_pb2
from farm_agent.connection import LinkEnd
from farm_agent.errors import RefusedError
from farm_agent.link import Ended, Link, Received


class PaperConnection:
    made: list[PaperConnection]

    def __init__(self, address: str, on_response: Any, on_end: Any) -> None:
        self.sent: list[gateway_pb2.AgentEvent] = []
        self.messages = 0
        self.hung_up = False
        self._on_response = on_response
        self._on_end = on_end
        self.made.append(self)

    def start(self) -> None: ...

    def send(self, events: Sequence[gateway_pb2.AgentEvent]) -> None:
        self.messages += 1
        self.sent.extend(events)

    def hang_up(self, patience_s: float = 0.0) -> None:
        self.hung_up = True

    def says(self, **directive: Any) -> None:
        directives = [gateway_pb2.Directive(**directive)] if directive else []
        self._on_response(self, gateway_pb2.AttachResponse(directives=directives))

    def ends(self) -> None:
        self._on_end(self, LinkEnd(grpc.StatusCode.UNAVAILABLE, "cut"))

    def kinds(self) -> list[str | None]:
        return [event.WhichOneof("event") for event in self.sent]


class Scene:
    """A link, its time and what it made of both."""

    def __init__(self) -> None:
        self.now = 100.0
        PaperConnection.made = []
        self.link = Link("there:1", random.Random(1), lambda: self.now, PaperConnection)  # type: ignore[arg-type]
        self.heard: list[str | None] = []
        self.link.listen(self._handle)

    def _handle(self, event: Any) -> None:
        if isinstance(event, Received):
            self.heard += [directive.WhichOneof("directive") for directive in self.link.hear(event)]
        else:
            assert isinstance(event, Ended)
            self.link.end(event)

    def tick(self) -> None:
        self.link.tick(gateway_pb2.Hello, gateway_pb2.Heartbeat)

    def wait_until_due(self) -> float:
        """Let time pass until the link has something to do, and let it do that; how long that was."""
        waited_s = max(0.0, self.link.due() - self.now)
        self.now += waited_s
        self.tick()
        return waited_s

    @property
    def connection(self) -> PaperConnection:
        return PaperConnection.made[-1]

    def be_welcome(self, heartbeat_s: float = 5.0) -> None:
        self.tick()
        self.connection.says(welcome=gateway_pb2.Welcome(coordinator_id="c", heartbeat_s=heartbeat_s))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_hello_is_the_first_word_and_heartbeats_follow_the_welcome(scene: Scene) -> None:
    scene.be_welcome(heartbeat_s=2.0)
    assert scene.heard == ["welcome"]
    assert [scene.wait_until_due() for _ in range(3)] == [2.0, 2.0, 2.0]
    assert scene.connection.kinds() == ["hello", "heartbeat", "heartbeat", "heartbeat"]


def test_a_coordinator_that_does_not_answer_the_hello_is_given_up(scene: Scene) -> None:
    scene.tick()
    assert scene.wait_until_due() == 15.0
    assert scene.connection.hung_up
    assert len(PaperConnection.made) == 1
    scene.wait_until_due()
    assert len(PaperConnection.made) == 2


def test_silence_is_no_reason_to_leave_a_coordinator_that_never_answers_heartbeats(scene: Scene) -> None:
    scene.be_welcome()
    for _ in range(10):
        scene.wait_until_due()
    assert scene.link.attached


def test_one_that_did_and_does_no_more_is_left(scene: Scene) -> None:
    scene.be_welcome()
    scene.wait_until_due()
    scene.connection.says()
    waits = 0
    while scene.link.attached:
        scene.wait_until_due()
        waits += 1
    assert waits == 4
    assert scene.connection.hung_up


def test_pauses_grow_to_half_a_minute_and_shrink_only_after_a_good_link(scene: Scene) -> None:
    def longest_pause_s(failures: int) -> float:
        longest = 0.0
        for _ in range(failures):
            scene.connection.ends()
            longest = max(longest, scene.wait_until_due())
        return longest

    scene.tick()
    assert longest_pause_s(3) <= 2.0
    assert 10.0 < longest_pause_s(40) <= 30.0
    # Welcomed and dropped at once is no good link.
    scene.be_welcome()
    assert longest_pause_s(40) > 10.0
    scene.be_welcome()
    scene.wait_until_due()
    scene.connection.ends()
    assert scene.wait_until_due() <= 0.5


def test_it_complains_once_a_minute(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.tick()
    began = scene.now
    while scene.now < began + 300.0:
        scene.connection.ends()
        scene.wait_until_due()
    complaints = [record for record in caplog.records if "cannot reach a coordinator" in record.message]
    assert 4 <= len(complaints) <= 6


def test_what_an_old_connection_says_is_not_heard(scene: Scene) -> None:
    scene.be_welcome()
    old = scene.connection
    old.ends()
    scene.wait_until_due()
    old.says(drain=gateway_pb2.Drain())
    old.ends()
    assert scene.heard == ["welcome"]
    assert not scene.connection.hung_up


def test_nothing_is_said_or_heard_before_the_welcome(scene: Scene) -> None:
    scene.tick()
    scene.link.say(gateway_pb2.AgentEvent(ready=gateway_pb2.Ready(board_id="b")))
    scene.link.flush()
    scene.connection.says(drain=gateway_pb2.Drain())
    assert scene.connection.kinds() == ["hello"]
    assert scene.heard == []


@pytest.mark.parametrize(("asked_s", "kept_s"), [(0.0, 5.0), (1e-9, 0.1), (1e9, 60.0)])
def test_a_senseless_heartbeat_interval_is_mended(asked_s: float, kept_s: float, scene: Scene) -> None:
    scene.be_welcome(heartbeat_s=asked_s)
    assert scene.wait_until_due() == pytest.approx(kept_s)


def test_messages_stay_below_the_limit_of_grpc(scene: Scene) -> None:
    scene.be_welcome()
    for _ in range(10):
        event = gateway_pb2.AgentEvent()
        event.record.log_tail = "x" * 1_000_000
        scene.link.say(event)
    scene.link.flush()
    assert scene.connection.messages == 1 + 3
    assert len(scene.connection.sent) == 11


def test_an_identity_in_use_is_waited_for_a_minute_and_then_said_to_a_person(scene: Scene) -> None:
    refused = gateway_pb2.Refused(reason=gateway_pb2.Refused.REASON_IDENTITY_IN_USE, message="attached from shelf 2")
    began = scene.now

    def be_refused_for_ever() -> None:
        while True:
            scene.wait_until_due()
            scene.connection.says(refused=refused)

    with pytest.raises(RefusedError, match="attached for 60 s\\. It says: attached from shelf 2") as raised:
        be_refused_for_ever()
    assert 60.0 <= scene.now - began <= 66.0
    assert "delete the file `agent-id`" in raised.value.hint
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    "reason",
    [
        gateway_pb2.Refused.REASON_PROTOCOL,
        gateway_pb2.Refused.REASON_NOT_ENROLLED,
        gateway_pb2.Refused.REASON_BAD_HELLO,
    ],
)
def test_any_other_refusal_is_final(reason: gateway_pb2.Refused.Reason, scene: Scene) -> None:
    scene.tick()
    with pytest.raises(RefusedError, match="It says: never"):
        scene.connection.says(refused=gateway_pb2.Refused(reason=reason, message="never"))
