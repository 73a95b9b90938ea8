"""A scripted coordinator, a link that can be cut, and real agent processes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any, Callable, TypeVar

import grpc
import pytest

from devicefarm.v1 import artifact_pb2, artifact_pb2_grpc, attempt_pb2, gateway_pb2, gateway_pb2_grpc, job_pb2
from farm_agent.lease import Lease

PATIENCE_S = 30.0
PLUGIN = Path(__file__).parent / "plugin"
T = TypeVar("T")


class Stream:
    """One `Attach` as the coordinator sees it."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.context = context
        self.outgoing: queue.SimpleQueue[gateway_pb2.AttachResponse | None] = queue.SimpleQueue()
        self.hello = gateway_pb2.Hello()

    def send(self, **directive: Any) -> None:
        self.outgoing.put(gateway_pb2.AttachResponse(directives=[gateway_pb2.Directive(**directive)]))


class ScriptedCoordinator(gateway_pb2_grpc.GatewayServiceServicer, artifact_pb2_grpc.ArtifactServiceServicer):
    """Writes down what agents say, and says what the test tells it to. Set its attributes before the agent dials."""

    def __init__(self) -> None:
        self.heartbeat_s = 0.2
        self.acks = True
        self.refusal: gateway_pb2.Refused | None = None
        self.refusals = 0
        self.on_hello: Callable[[Stream], None] | None = None
        self.artifacts: dict[str, bytes] = {}
        self.fetches: list[int] = []
        self.break_fetch_after: list[int] = []
        self.corrupt_fetches = 0
        self.break_put_after: list[int] = []
        self.partial_puts: dict[str, bytes] = {}
        self.puts: list[int] = []
        self.streams: list[Stream] = []
        self.events: list[gateway_pb2.AgentEvent] = []
        self.messages: list[gateway_pb2.AttachRequest] = []
        self._changed = threading.Condition()
        self.port = 0
        self._server: grpc.Server | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(self, server)
        artifact_pb2_grpc.add_ArtifactServiceServicer_to_server(self, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server

    def stop(self) -> None:
        for stream in self.streams:
            stream.outgoing.put(None)
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None

    @property
    def stream(self) -> Stream:
        return self.streams[-1]

    def until(self, found: Callable[[], T | None], what: str) -> T:
        """Wait until `found` finds something in what agents said."""
        with self._changed:
            give_up = time.monotonic() + PATIENCE_S
            while True:
                result = found()
                if result:
                    return result
                if not self._changed.wait(max(0.0, give_up - time.monotonic())):
                    said = [event.WhichOneof("event") for event in self.events]
                    raise AssertionError(f"{what}: not within {PATIENCE_S} s; heard {said}")

    def hello(self, number: int = 1) -> gateway_pb2.Hello:
        """The Hello of the n-th stream that was welcomed."""
        return self.until(lambda: self.streams[number - 1].hello if len(self.streams) >= number else None, "a Hello")

    def ready(self, count: int = 1) -> None:
        """Wait for the n-th credit there ever was."""
        self.until(lambda: len(self.all("ready")) >= count, f"{count} credits")

    def all(self, kind: str) -> list[Any]:
        return [getattr(event, kind) for event in list(self.events) if event.WhichOneof("event") == kind]

    def phase(self, lease: Lease, phase: attempt_pb2.Phase) -> None:
        """Wait until this attempt has entered that phase."""
        self.until(
            lambda: [
                said
                for said in self.all("phase_changed")
                if said.phase == phase and Lease.from_message(said.lease) == lease
            ],
            f"phase {phase} of {lease}",
        )

    def record(self, lease: Lease, count: int = 1) -> attempt_pb2.AttemptRecord:
        """Wait for the record of this attempt; for its n-th copy."""

        def found() -> list[attempt_pb2.AttemptRecord] | None:
            records = [said for said in self.all("record") if (said.job_id, said.fence) == lease]
            return records if len(records) >= count else None

        return self.until(found, f"record {count} of {lease}")[-1]

    def assign(self, board_id: str, job: job_pb2.JobSpec, fence: int = 1) -> Lease:
        self.stream.send(assign=gateway_pb2.Assign(board_id=board_id, fence=fence, attempt=fence, job=job))
        return Lease(job.job_id, fence)

    def ack(
        self, lease: Lease, disposition: gateway_pb2.Ack.Disposition = gateway_pb2.Ack.DISPOSITION_RECORDED
    ) -> None:
        self.stream.send(ack=gateway_pb2.Ack(lease=lease.to_message(), disposition=disposition))

    # What gRPC calls.

    def Enrol(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "no certificates here")

    def Attach(self, request_iterator: Any, context: Any) -> Iterator[gateway_pb2.AttachResponse]:  # noqa: N802
        stream = Stream(context)
        threading.Thread(target=self._listen, args=(stream, request_iterator), daemon=True).start()
        yield from iter(stream.outgoing.get, None)

    def _listen(self, stream: Stream, requests: Iterator[gateway_pb2.AttachRequest]) -> None:
        with contextlib.suppress(grpc.RpcError, Exception):
            for request in requests:
                with self._changed:
                    self.messages.append(request)
                for event in request.events:
                    self._hear(stream, event)
        stream.outgoing.put(None)

    def _hear(self, stream: Stream, event: gateway_pb2.AgentEvent) -> None:
        kind = event.WhichOneof("event")
        with self._changed:
            if kind == "hello":
                stream.hello.CopyFrom(event.hello)
                if self.refusal is not None:
                    self.refusals += 1
                    stream.send(refused=self.refusal)
                    stream.outgoing.put(None)
                    self._changed.notify_all()
                    return
                self.streams.append(stream)
                if self.on_hello is not None:
                    self.on_hello(stream)
                else:
                    stream.send(
                        welcome=gateway_pb2.Welcome(
                            coordinator_id="scripted",
                            epoch=len(self.streams),
                            heartbeat_s=self.heartbeat_s,
                            lease_s=30.0,
                        )
                    )
            self.events.append(event)
            if kind == "record" and self.acks:
                lease = Lease(event.record.job_id, event.record.fence)
                stream.send(
                    ack=gateway_pb2.Ack(lease=lease.to_message(), disposition=gateway_pb2.Ack.DISPOSITION_RECORDED)
                )
            self._changed.notify_all()

    def Fetch(self, request: artifact_pb2.FetchRequest, context: Any) -> Iterator[artifact_pb2.FetchResponse]:  # noqa: N802
        content = self.artifacts.get(request.sha256)
        if content is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such artifact")
            return
        self.fetches.append(request.offset)
        corrupt = self.corrupt_fetches > 0
        self.corrupt_fetches -= corrupt
        break_after = self.break_fetch_after.pop(0) if self.break_fetch_after else None
        size, offset = 1000, request.offset
        while True:
            if break_after is not None and offset - request.offset >= break_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            data = content[offset : offset + size]
            last = offset + len(data) >= len(content)
            if corrupt and last:
                data = bytes([data[0] ^ 1]) + data[1:]
            yield artifact_pb2.FetchResponse(offset=offset, data=data, last=last)
            if last:
                return
            offset += len(data)

    def Put(self, request_iterator: Iterator[artifact_pb2.PutRequest], context: Any) -> artifact_pb2.PutResponse:  # noqa: N802
        first = next(request_iterator)
        sha256 = first.artifact.sha256
        if sha256 in self.artifacts:
            return artifact_pb2.PutResponse(complete=True)
        content = self.partial_puts.get(sha256, b"")
        self.puts.append(first.offset)
        if first.offset != len(content):
            return artifact_pb2.PutResponse(resume_at=len(content))
        break_after = self.break_put_after.pop(0) if self.break_put_after else None
        arrived = 0
        for request in itertools.chain([first], request_iterator):
            content += request.data
            arrived += len(request.data)
            self.partial_puts[sha256] = content
            if break_after is not None and arrived >= break_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            if request.last:
                break
        if hashlib.sha256(content).hexdigest() != sha256:
            context.abort(grpc.StatusCode.DATA_LOSS, "another digest")
        with self._changed:
            self.artifacts[sha256] = content
            self._changed.notify_all()
        return artifact_pb2.PutResponse(complete=True)


class CuttableLink:
    """A TCP relay in front of a port, to be cut or to swallow everything."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.closed_doors = False
        self.swallows = False
        self._over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._over:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.closed_doors:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            while True:
                with contextlib.suppress(OSError, ValueError):
                    for end in select.select([near, far], [], [])[0]:
                        data = end.recv(65536)
                        if not data:
                            return
                        if not self.swallows:
                            (far if end is near else near).sendall(data)
                    continue
                return


class AgentProcess:
    """A real agent, started from a state folder that outlives it."""

    def __init__(self, address: str, state: Path, bench: Path, plugin: Path, log: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "farm_agent", "--join", address, "--state", str(state)]
        self._command += ["--board", f"bench:{bench}", *arguments]
        self.state = state
        self.bench = bench
        self.log_path = log
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(plugin), str(PLUGIN), os.environ.get("PYTHONPATH", "")]),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def board_id(self) -> str:
        return f"bench-{self.bench.name}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, **options: Any) -> AgentProcess:
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options
            )
        return self

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As a power cut would, but for the page cache."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def exit_code(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return self.log_path.read_text()

    def knob(self) -> str:
        path = self.bench / "knob"
        return path.read_text() if path.exists() else '"as-it-was"'

    def spooled(self) -> list[Path]:
        return sorted((self.state / "spool").glob("*.record"))

    def journal(self) -> str:
        return "".join(path.read_text() for path in (self.state / "journal").iterdir())

    def until(self, found: Callable[[], object]) -> None:
        """Wait for what only shows in the agent's files, as long as it runs."""
        give_up = time.monotonic() + PATIENCE_S
        while not found():
            assert self.is_running(), self.log()
            assert time.monotonic() < give_up, self.log()
            time.sleep(0.02)

    def runner_pid(self) -> int:
        return int((self.bench / "runner").read_text())


def make_job(
    job_id: str = "job",
    options: Mapping[str, object] | None = None,
    knobs: Mapping[str, object] | None = None,
    **spec: Any,
) -> job_pb2.JobSpec:
    """A job for the bench board."""
    return job_pb2.JobSpec(
        job_id=job_id,
        run_id="run",
        config=job_pb2.Config(
            runtime="bench",
            options={name: json.dumps(value) for name, value in (options or {}).items()},
            knobs={name: json.dumps(value) for name, value in (knobs or {}).items()},
        ),
        **{"launches": 1, **spec},
    )


@pytest.fixture
def coordinator() -> Iterator[ScriptedCoordinator]:
    scripted = ScriptedCoordinator()
    yield scripted
    scripted.stop()


@pytest.fixture
def cuttable_link(coordinator: ScriptedCoordinator) -> Iterator[CuttableLink]:
    link = CuttableLink(coordinator.port)
    yield link
    link.close()


@pytest.fixture
def job() -> Callable[..., job_pb2.JobSpec]:
    return make_job


@pytest.fixture
def make_agent(tmp_path: Path, coordinator: ScriptedCoordinator) -> Iterator[Callable[..., AgentProcess]]:
    """Makes agents that are not started yet; `address` and more arguments may be given."""
    info = tmp_path / "plugin" / "bench_board-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-board\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[farm_agent.boards]\nbench = bench_board:open_board\n")
    made: list[AgentProcess] = []

    def make(*arguments: str, address: str = "", name: str = "one", state: Path | None = None) -> AgentProcess:
        bench = tmp_path / name
        bench.mkdir(exist_ok=True)
        agent = AgentProcess(
            address or coordinator.address,
            state or tmp_path / f"{name}-state",
            bench,
            info.parent,
            tmp_path / f"{name}.log",
            *arguments,
        )
        made.append(agent)
        return agent

    yield make
    for agent in made:
        if agent.is_running():
            agent.signal(signal.SIGCONT)
            agent.kill()
        with contextlib.suppress(OSError, ValueError):
            os.killpg(agent.runner_pid(), signal.SIGKILL)


@pytest.fixture
def agent(make_agent: Callable[..., AgentProcess]) -> AgentProcess:
    """A running agent with the board `bench-one`."""
    return make_agent().start()
