"""Every way the agent can fail, drawn before any code.

AgentError                    a sentence for the person who must act, and what to try    exit 1
├── UsageError                bad options                                                exit 2
├── StateFolderError          the state folder is in use, unreadable or full             exit 3
├── RefusedError              the coordinator refuses this agent for good                exit 4
├── AttemptError              one attempt failed: outcome, whose fault, tail of the log  (never ends the agent)
│   └── CancelledError        it was asked to stop
├── KnobError                 a knob refused or could not be put back
└── ArtifactError             a file could not be fetched or has another digest
"""

from __future__ import annotations

from typing import ClassVar

from devicefarm.v1 import attempt_pb2

__all__ = [
    "AgentError",
    "ArtifactError",
    "AttemptError",
    "CancelledError",
    "KnobError",
    "RefusedError",
    "StateFolderError",
    "UsageError",
]


class AgentError(Exception):
    """What happened, in a sentence; `hint` says what to try next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(AgentError):
    """Bad options on the command line."""

    exit_code = 2


class StateFolderError(AgentError):
    """The state folder is held by another agent, unreadable or full."""

    exit_code = 3


class RefusedError(AgentError):
    """The coordinator refuses this agent, and asking again will not help."""

    exit_code = 4


class AttemptError(AgentError):
    """One attempt failed. The agent lives on and reports it."""

    def __init__(
        self,
        message: str,
        *,
        outcome: attempt_pb2.Outcome = attempt_pb2.OUTCOME_ERROR,
        kind: attempt_pb2.ErrorKind = attempt_pb2.ERROR_KIND_JOB,
        log_tail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.outcome = outcome
        self.kind = kind
        self.log_tail = log_tail


class CancelledError(AttemptError):
    """The attempt was asked to stop: by a person, a time limit or a drain."""

    def __init__(self, message: str, *, log_tail: str = "") -> None:
        super().__init__(message, outcome=attempt_pb2.OUTCOME_CANCELLED, log_tail=log_tail)


class KnobError(AgentError):
    """A knob has no such value (the job's fault), or the board refused it or could not be put back (the board's)."""

    def __init__(self, message: str, *, kind: attempt_pb2.ErrorKind, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class ArtifactError(AgentError):
    """A file could not be fetched, or what came has another digest."""
