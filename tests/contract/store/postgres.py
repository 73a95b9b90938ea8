"""A real PostgreSQL server for as long as the tests need one, from the distribution's own programs.

Its data lie in a new folder under the temporary one, it listens on a free port of loopback, and nothing of it is
synced: a crash of the machine would lose it, a crash of the server would not. PostgreSQL refuses to run as root, so
under root it runs as the user `postgres` that the Debian package makes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_USER = "postgres"
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB", "autovacuum=off")


@dataclass
class PostgresServer:
    """Started by `start_server`; `url(name)` addresses one of its databases."""

    programs: Path
    folder: Path
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = " ".join(f"-c {setting}" for setting in _SETTINGS)
        options += f" -c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """At once, as a crash would; what was committed is still there after `start`."""
        self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _control(self, act: str, *arguments: str) -> None:
        self.run("pg_ctl", act, "-w", "-t", "60", "-D", str(self.folder / "data"), *arguments)

    def run(self, program: str, *arguments: str) -> None:
        log = self.folder / "output"
        with log.open("ab") as output:
            ended = subprocess.run(
                [*_as_owner(), str(self.programs / program), *arguments],
                stdout=output,
                stderr=output,
                cwd=self.folder,
                check=False,
            )
        if ended.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)} ended with {ended.returncode}:\n{log.read_text()}")


def start_server() -> PostgresServer | str:
    """The server, or in words why there is none."""
    programs = _programs()
    if programs is None:
        return "PostgreSQL is not installed: apt install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="farm-postgres-"))
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam(_USER)
        except KeyError:
            return f"this is root, whom PostgreSQL refuses, and there is no user `{_USER}`"
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = PostgresServer(programs, folder, _free_port())
    server.run(
        "initdb", "-D", str(folder / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
    )
    server.start()
    return server


def _programs() -> Path | None:
    """The folder of the newest installed version's programs."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _as_owner() -> Sequence[str]:
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups") if os.geteuid() == 0 else ()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
