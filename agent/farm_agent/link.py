"""The link: the way to the coordinator, which is dialled, welcomed, kept alive, lost, and dialled again for ever.

    away -> dialled -> attached -> away …
             15 s for the Welcome; afterwards a heartbeat as often as the Welcome says

An end is noticed in three ways: the stream ends; HTTP/2 keepalive finds that nothing comes back (connection.py); or a
coordinator that answers heartbeats, with an empty message, no longer does. The session's loop alone calls what is
here, except for `fetch`, which workers call.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, Union

import farm_agent
from devicefarm.v1 import artifact_pb2, gateway_pb2
from farm_agent.artifacts import TransferBrokenError
from farm_agent.backoff import Backoff
from farm_agent.connection import Connection
from farm_agent.errors import RefusedError
from farm_agent.stop import StopSignal

__all__ = ["PROTOCOL", "Ended", "Link", "LinkEvent", "Received"]

logger = logging.getLogger(__name__)

PROTOCOL = 1
_WELCOME_S = 15.0
_DEFAULT_HEARTBEAT_S = 5.0
_SILENT_BEATS = 3.0
_IDENTITY_PATIENCE_S = 60.0
_IDENTITY_PAUSE_S = 5.0
_COMPLAIN_EVERY_S = 60.0
_MESSAGE_BYTES = 3 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """The coordinator said something on this connection."""

    connection: Connection
    response: gateway_pb2.AttachResponse


@dataclass(frozen=True)
class Ended:
    """This connection is of no use any more."""

    connection: Connection
    why: str


LinkEvent = Union[Received, Ended]


class Link:
    """`post` hears of everything that comes in, from threads of gRPC; hand it back to `hear` or `end` in the loop."""

    def __init__(
        self,
        address: str,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        dial: type[Connection] = Connection,
    ) -> None:
        self.address = address
        self._clock = clock
        self._connect = dial
        self.connection: Connection | None = None
        self.attached = False
        self._backoff = Backoff(rng if rng is not None else random.Random())
        self._post: Callable[[LinkEvent], None] = lambda event: None
        self._outgoing: list[gateway_pb2.AgentEvent] = []
        self._outgoing_bytes = 0

        self._dialled_at = 0.0
        self._welcomed_at = 0.0
        self._heard_at = 0.0
        self._heartbeat_s = _DEFAULT_HEARTBEAT_S
        self._beat_at = 0.0
        self._beats_are_answered = False

        self._dial_at = 0.0
        self._complain_at = 0.0
        self._refused_since: float | None = None

    def listen(self, post: Callable[[LinkEvent], None]) -> None:
        """Say where events go; before the first `tick`."""
        self._post = post

    def due(self) -> float:
        """When `tick` has something to do, on the monotonic clock."""
        if self.connection is None:
            return self._dial_at
        if not self.attached:
            return self._dialled_at + _WELCOME_S
        return self._beat_at

    def tick(self, hello: Callable[[], gateway_pb2.Hello], heartbeat: Callable[[], gateway_pb2.Heartbeat]) -> None:
        """Do what is due: dial, give a connection up, send a heartbeat."""
        now = self._clock()
        if now < self.due():
            return
        if self.connection is None:
            self._dial(hello())
        elif not self.attached:
            self._lose(f"no answer within {_WELCOME_S:g} s")
        elif self._beats_are_answered and now - self._heard_at > _SILENT_BEATS * self._heartbeat_s:
            self._lose(f"the coordinator has been silent for {now - self._heard_at:.0f} s")
        else:
            self._beat_at = now + self._heartbeat_s
            self.say(gateway_pb2.AgentEvent(heartbeat=heartbeat()))
            self.flush()

    def hear(self, received: Received) -> Sequence[gateway_pb2.Directive]:
        """What the coordinator asks for, the Welcome included; nothing from a connection that was given up.

        Raises `RefusedError` when it will not have this agent.
        """
        if received.connection is not self.connection:
            return ()
        self._heard_at = self._clock()
        directives = received.response.directives
        self._beats_are_answered |= not directives
        heeded = []
        for directive in directives:
            kind = directive.WhichOneof("directive")
            if kind == "refused":
                self._be_refused(directive.refused)
                return ()
            if kind == "welcome":
                self._be_welcome(directive.welcome)
            if self.attached:
                heeded.append(directive)
            else:
                logger.warning("the coordinator said %s before it said welcome; ignored", kind)
        return heeded

    def end(self, ended: Ended) -> None:
        """A connection is of no use any more."""
        if ended.connection is self.connection:
            self._lose(ended.why)

    def say(self, event: gateway_pb2.AgentEvent) -> None:
        """Send this with the next message; when nobody is attached, it is not said."""
        if not self.attached:
            return
        self._outgoing.append(event)
        self._outgoing_bytes += event.ByteSize()
        if self._outgoing_bytes > _MESSAGE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was said since the last time, as one message."""
        if self._outgoing and self.connection is not None:
            self.connection.send(self._outgoing)
        self._outgoing.clear()
        self._outgoing_bytes = 0

    def close(self, patience_s: float = 0.0) -> None:
        """Hang up; with patience, let what was sent arrive."""
        self.flush()
        connection, self.connection = self.connection, None
        self.attached = False
        if connection is not None:
            connection.hang_up(patience_s)

    def fetch(self, sha256: str, offset: int, stop: StopSignal) -> Iterator[artifact_pb2.FetchResponse]:
        """Chunks of a file over the connection of the moment (`artifacts.Source`): a fetch outlives links."""
        connection = self.connection
        if connection is None or not self.attached:
            raise TransferBrokenError("there is no link to the coordinator")
        return connection.fetch(sha256, offset, stop)

    def _dial(self, hello: gateway_pb2.Hello) -> None:
        connection = self._connect(
            self.address,
            lambda connection, response: self._post(Received(connection, response)),
            lambda connection, end: self._post(Ended(connection, str(end))),
        )
        self.connection = connection
        self._dialled_at = self._clock()
        self._beats_are_answered = False
        connection.send([gateway_pb2.AgentEvent(hello=hello)])
        connection.start()

    def _be_welcome(self, welcome: gateway_pb2.Welcome) -> None:
        now = self._clock()
        self.attached = True
        self._refused_since = None
        self._welcomed_at = now
        # A coordinator that errs must neither make us spin nor fall silent.
        self._heartbeat_s = min(max(welcome.heartbeat_s, 0.1), 60.0) if welcome.heartbeat_s else _DEFAULT_HEARTBEAT_S
        self._beat_at = now + self._heartbeat_s
        logger.info("attached to %s, coordinator %s, epoch %d", self.address, welcome.coordinator_id, welcome.epoch)

    def _lose(self, why: str) -> None:
        now = self._clock()
        if self.attached:
            logger.warning("lost the link to %s (%s); what runs goes on", self.address, why)
            self._complain_at = now + _COMPLAIN_EVERY_S
            if now - self._welcomed_at >= self._heartbeat_s:
                self._backoff.reset()
        elif now >= self._complain_at:
            logger.warning(
                "cannot reach a coordinator at %s (%s). Still trying. Check that it runs (farm status), that host and "
                "port are right, and that no firewall stands between.",
                self.address,
                why,
            )
            self._complain_at = now + _COMPLAIN_EVERY_S
        self._outgoing.clear()
        self.close()
        self._dial_at = now + self._backoff.next_pause_s()

    def _be_refused(self, refused: gateway_pb2.Refused) -> None:
        now = self._clock()
        if refused.reason == gateway_pb2.Refused.REASON_IDENTITY_IN_USE:
            if self._refused_since is None:
                self._refused_since = now
                logger.warning("refused for now (%s); an earlier link of this agent may linger", refused.message)
            if now - self._refused_since < _IDENTITY_PATIENCE_S:
                self.close()
                self._dial_at = now + min(self._backoff.next_pause_s(), _IDENTITY_PAUSE_S)
                return
            raise RefusedError(
                f"The coordinator at {self.address} refuses this agent: another one with the same identity has been "
                f"attached for {_IDENTITY_PATIENCE_S:g} s. It says: {refused.message}",
                hint="If this board's disk is a copy of another's, stop this agent and delete the file `agent-id` in "
                "its state folder: it makes an identity of its own then. Otherwise find and stop the other agent; "
                "`farm boards` says where it runs.",
            )
        reason = gateway_pb2.Refused.Reason.Name(refused.reason)[len("REASON_") :].lower().replace("_", " ")
        raise RefusedError(
            f"The coordinator at {self.address} refuses this agent ({reason}). It says: {refused.message}",
            hint="Install the same release of the farm on both sides; this agent is "
            f"{farm_agent.__version__}, protocol {PROTOCOL}."
            if refused.reason == gateway_pb2.Refused.REASON_PROTOCOL
            else "The coordinator's log says more.",
        )
