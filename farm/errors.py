"""Every way the farm can fail, drawn before any code.

    FarmError                     a sentence for the person who must act, whose fault it is, what to try
    ├── SweepError                the sweep file is wrong              exit 2   job
    ├── ExpressionError           a selector or a unit can't be read   exit 2   job
    ├── ModelFileError            a model file is not what it says     exit 3   job
    ├── NoBoardError              no board matches, or none came       exit 4   infrastructure
    ├── CoordinatorError          cannot be reached, or refuses        exit 5   infrastructure
    │   ├── AlreadyRunningError   two coordinators on one database     exit 5   farm
    │   ├── InsecureAddressError  not loopback and no TLS              exit 5   farm
    │   └── WireError             a peer's message makes no sense      exit 5   agent
    ├── StoreError                the database or the disk fails       exit 6   infrastructure
    │   ├── StaleEpochError       a newer coordinator took over        exit 6   farm
    │   └── UnknownRunError       no such run, job, result or board    exit 7   job
    ├── RunFailedError            jobs of the run did not pass         exit 8   job
    └── InterruptedRunError       Ctrl-C; resume with --resume         exit 130 job

The exit codes are documented in docs/exit-codes.md; 1 is kept for a defect of the farm itself.
"""

from __future__ import annotations

from typing import ClassVar

from farm.model.attempt import ErrorKind

__all__ = [
    "AlreadyRunningError",
    "CoordinatorError",
    "ExpressionError",
    "FarmError",
    "InsecureAddressError",
    "InterruptedRunError",
    "ModelFileError",
    "NoBoardError",
    "RunFailedError",
    "StaleEpochError",
    "StoreError",
    "SweepError",
    "UnknownRunError",
    "WireError",
]


class FarmError(Exception):
    """What happened, in a sentence; `hint` says what to try next."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[ErrorKind] = ErrorKind.FARM

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class SweepError(FarmError):
    """The sweep file is wrong; the message begins with `file:line:column`."""

    exit_code = 2
    kind = ErrorKind.JOB


class ExpressionError(FarmError, ValueError):
    """A selector, or a value with its unit, cannot be read; also a `ValueError`, so that a validator may raise it."""

    exit_code = 2
    kind = ErrorKind.JOB


class ModelFileError(FarmError):
    """A model file is missing, truncated, of another format or of another digest than the sweep says."""

    exit_code = 3
    kind = ErrorKind.JOB


class NoBoardError(FarmError):
    """No board matches a selector, or none attached in time."""

    exit_code = 4
    kind = ErrorKind.INFRASTRUCTURE


class CoordinatorError(FarmError):
    """The coordinator cannot be reached, or refuses."""

    exit_code = 5
    kind = ErrorKind.INFRASTRUCTURE


class AlreadyRunningError(CoordinatorError):
    """Another coordinator holds this database."""

    kind = ErrorKind.FARM


class InsecureAddressError(CoordinatorError):
    """Asked to listen beyond loopback without TLS."""

    kind = ErrorKind.FARM


class WireError(CoordinatorError):
    """A message from a peer has a value that cannot be; the message names the field."""

    kind = ErrorKind.AGENT


class StoreError(FarmError):
    """The database cannot be opened, written or migrated; the disk may be full."""

    exit_code = 6
    kind = ErrorKind.INFRASTRUCTURE


class StaleEpochError(StoreError):
    """A newer gateway has raised the epoch; this one must stop writing and end."""

    kind = ErrorKind.FARM


class UnknownRunError(StoreError):
    """No run, job, result or board of that name."""

    exit_code = 7
    kind = ErrorKind.JOB


class RunFailedError(FarmError):
    """The run is finished and some of its jobs did not pass."""

    exit_code = 8
    kind = ErrorKind.JOB


class InterruptedRunError(FarmError):
    """Stopped by the person at the keyboard; what was measured is kept."""

    exit_code = 130
    kind = ErrorKind.JOB
