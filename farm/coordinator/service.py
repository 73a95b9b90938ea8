"""The standing coordinator: `farm up` starts it, `farm down` stops it, and nothing else on the host is touched.

    farm up ──> ray start --head (on loopback, with our own token) ──> GatewayHost, a detached named restarting actor
                                                                        └─ the same Coordinator as everywhere
    farm down ─> Shutdown (drain) ─> SIGTERM, then SIGKILL, to the processes that carry this service's mark

Every process of the service inherits one environment variable, `FARM_SERVICE_ID`, from the first of them. It is how
`farm down` finds them, workers that Ray started later included: `ray stop` would end every Ray on the host.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from farm.coordinator.places import Places
from farm.errors import AlreadyRunningError, CoordinatorError

__all__ = ["ServiceRecord", "find_service", "marked_processes", "start_cluster", "stop_processes"]

MARK = "FARM_SERVICE_ID"
_OBJECT_STORE_BYTES = 80_000_000
_START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ServiceRecord:
    """What `farm up` wrote down about what it started."""

    service_id: str
    address: str
    ray_address: str
    """Of the Ray cluster that hosts the gateway."""
    own_cluster: bool
    """False where `--ray-address` named a cluster that is not ours to stop."""
    session_dir: str
    started_unix_s: float
    processes: tuple[tuple[int, float], ...] = ()
    """Process id and creation time of each process at the end of `farm up`."""

    def write(self, places: Places) -> None:
        temporary = places.service_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2))
        temporary.replace(places.service_file)


def find_service(places: Places) -> ServiceRecord | None:
    """The service that `farm up` recorded; None when there is none or none of its processes lives."""
    try:
        fields = json.loads(places.service_file.read_text())
        record = ServiceRecord(
            **{**fields, "processes": tuple((int(pid), float(at)) for pid, at in fields["processes"])}
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise CoordinatorError(
            f"{places.service_file} is damaged: {error}",
            hint="Remove it; then `farm up` starts anew. It named the processes of the service: if any lives "
            f"on, `ps e -A | grep {MARK}` shows it, and `kill` ends it.",
        ) from error
    return record if _living(record.processes) or marked_processes(record.service_id) else None


def start_cluster(places: Places, service_id: str, say: Callable[[str], None]) -> tuple[str, str]:
    """Start a Ray of our own on loopback; returns its address and its session folder.

    Ray resolves 127.0.0.1 to the machine's outward address unless it is told that there will be no cluster
    (RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0, ray/_private/services.py); with it, every port is bound to loopback only.
    """
    say("starting Ray (some seconds)")
    # Unix sockets have short paths (107 bytes), so not below the user's data folder.
    session_dir = Path(tempfile.mkdtemp(prefix="farm-ray-"))
    port = _free_port()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head"),
        *("--node-ip-address", "127.0.0.1", "--port", str(port)),
        # Nobody asks for it, but it can't be left out, and its default is the port of any other Ray on the host.
        *("--ray-client-server-port", str(_free_port())),
        *("--include-dashboard", "false", "--include-log-monitor", "false", "--no-monitor"),
        *("--disable-usage-stats", "--object-store-memory", str(_OBJECT_STORE_BYTES), "--temp-dir", str(session_dir)),
    ]
    environment = {**os.environ, **ray_environment(places), MARK: service_id}
    # A gateway that is killed must be back in seconds: compiled modules are kept, whatever the caller does with his.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(places.home / "pycache")
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_START_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        stop_processes(marked_processes(service_id))
        raise CoordinatorError(
            f"Ray did not start within {_START_TIMEOUT_S:.0f} s.",
            hint=f"Its logs are below {session_dir}. A run needs no Ray: `farm submit` hosts a coordinator itself.",
        ) from error
    if done.returncode != 0:
        stop_processes(marked_processes(service_id))
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise CoordinatorError(f"Ray could not be started: {last}", hint=f"Its logs are below {session_dir}.")
    return f"127.0.0.1:{port}", str(session_dir)


def ray_environment(places: Places) -> dict[str, str]:
    """What Ray's processes, and ours that talk to it, must have in their environment."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(_token_file(places)),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Under `uv run` Ray would start its workers by `uv run` again, from a copy of the working folder.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }


def new_service_id(places: Places) -> str:
    """A fresh mark; raises AlreadyRunningError where a service lives."""
    if (running := find_service(places)) is not None:
        raise AlreadyRunningError(
            f"A coordinator is up already, at {running.address}.", hint="`farm status` shows it, `farm down` stops it."
        )
    return uuid.uuid4().hex


def record_service(places: Places, service_id: str, address: str, ray_address: str, session_dir: str) -> ServiceRecord:
    """Write down what runs now."""
    record = ServiceRecord(
        service_id=service_id,
        address=address,
        ray_address=ray_address,
        own_cluster=bool(session_dir),
        session_dir=session_dir,
        started_unix_s=time.time(),
        processes=tuple((process.pid, process.create_time()) for process in marked_processes(service_id)),
    )
    record.write(places)
    return record


def marked_processes(service_id: str) -> list[psutil.Process]:
    """Every living process of this user that carries the service's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == service_id and process.pid != os.getpid():
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def stop_processes(processes: Iterable[psutil.Process], *, patience_s: float = 5.0) -> int:
    """SIGTERM to all at once, SIGKILL to those that stay; returns how many there were."""
    alive = list(processes)
    for act in (psutil.Process.terminate, psutil.Process.kill):
        for process in alive:
            try:
                act(process)
            except psutil.NoSuchProcess:
                continue
        _, stubborn = psutil.wait_procs(alive, timeout=patience_s)
        if not stubborn:
            break
    return len(alive)


def stop_service(places: Places, record: ServiceRecord) -> int:
    """End every process of the service and forget it; returns how many there were."""
    ended = 0
    # A worker that Ray was starting while the others were ended carries the mark too: look again until none does.
    while processes := [*marked_processes(record.service_id), *_living(record.processes)]:
        ended += stop_processes(set(processes))
    if record.session_dir:
        shutil.rmtree(record.session_dir, ignore_errors=True)
    places.service_file.unlink(missing_ok=True)
    return ended


def _living(processes: Iterable[tuple[int, float]]) -> list[psutil.Process]:
    """Those that still are who they were: a process id alone may have been given to another."""
    found = []
    for pid, created in processes:
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < 0.01 and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _token_file(places: Places) -> Path:
    if not places.ray_token.exists():
        descriptor = os.open(places.ray_token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
    return places.ray_token


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
