"""Where the farm keeps its things on this machine.

One folder, the platform's own for user data (`~/.local/share/farm` on Linux), or what `FARM_HOME` says:

    farm.sqlite      the database, unless FARM_DATABASE_URL names another
    artifacts/       files by digest: models, goldens, large columns
    models/          files taken out of packages
    agent/           the state of this machine's own agent: identity, spool, environments
    logs/            what the coordinator and the agent said
    service.json     the standing coordinator, while there is one
    pycache/         compiled modules of the standing coordinator
    ray-token        lets this user's processes into the farm's own Ray (0600)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from farm.errors import StoreError

__all__ = ["Places"]


@dataclass(frozen=True)
class Places:
    """The paths below `home`; nothing is created by looking."""

    home: Path
    database_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """As `FARM_HOME` and `FARM_DATABASE_URL` say, else the platform's user-data folder and SQLite in it."""
        named = environment.get("FARM_HOME")
        home = Path(named).expanduser() if named else platformdirs.user_data_path("farm")
        home = home.absolute()
        return cls(home, environment.get("FARM_DATABASE_URL") or f"sqlite:///{home / 'farm.sqlite'}")

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def agent(self) -> Path:
        return self.home / "agent"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def service_file(self) -> Path:
        return self.home / "service.json"

    @property
    def ray_token(self) -> Path:
        return self.home / "ray-token"

    def create(self) -> Places:
        """Make the folders, readable by this user alone."""
        try:
            for folder in (self.home, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StoreError(
                f"The farm cannot keep its data in {self.home}: {error.strerror or error}.",
                hint="Let FARM_HOME name a folder that you may write to, or mend the rights of this one.",
            ) from error
        return self
