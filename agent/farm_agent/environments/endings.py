"""How a process ended, as an attempt's outcome: what happened, whose fault it is, what to try."""

from __future__ import annotations

import signal

from devicefarm.v1 import attempt_pb2
from farm_agent.environments.process import Bounds, End, Ended
from farm_agent.errors import AttemptError, CancelledError

__all__ = ["failure_of"]

MEANINGS = {
    "SIGSEGV": "it touched memory that is not its own: a fault of the runtime, or a damaged model",
    "SIGBUS": "a mapped file was cut short or the memory behind it failed",
    "SIGILL": "it used an instruction that this CPU does not have: the wheel is built for another one; "
    "with numpy on a Jetson, OPENBLAS_CORETYPE=ARMV8 in the agent's environment helps",
    "SIGABRT": "the runtime gave up; its last words are in the log",
    "SIGFPE": "it divided by zero",
    "SIGXCPU": "it used up its processor time",
    "SIGSYS": "it made a system call that is forbidden here",
}


def failure_of(ended: Ended, what: str, during: str, bounds: Bounds) -> AttemptError | None:
    """The error that the ending stands for; None when the process ended by itself with status 0."""
    tail = ended.log_tail
    if ended.end is End.CANCELLED:
        return CancelledError(f"{what} was cancelled {during}", log_tail=tail)
    if ended.end is End.SILENT:
        return _failed(
            f"{what} hung and was stopped: it said nothing for {bounds.silence_s:g} s {during}",
            "the log's end says what it did last; a model that takes so long for one inference needs a smaller batch",
            tail,
        )
    if ended.end is End.MEMORY:
        return _failed(
            f"{what} was stopped {during}: it took {_mib(ended.peak_rss_bytes)} of memory, "
            f"the limit is {_mib(bounds.memory_bytes)}",
            "a smaller batch or a smaller model, or a higher limits.memory",
            tail,
        )
    if ended.returncode == 0:
        return None
    if ended.returncode > 0:
        return _failed(f"{what} ended with exit status {ended.returncode} {during}", "the log's end says why", tail)
    return _signalled(ended, what, during)


def _signalled(ended: Ended, what: str, during: str) -> AttemptError:
    try:
        name = signal.Signals(-ended.returncode).name
    except ValueError:
        name = f"signal {-ended.returncode}"
    if name == "SIGKILL" and not ended.oom_killed:
        # Nobody but a person, another program or the machine's own supervision does that: no word about the job.
        return AttemptError(
            f"{what} was killed from outside (SIGKILL) {during}",
            kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
            log_tail=ended.log_tail,
            hint="neither the agent nor the kernel's out-of-memory killer did it",
        )
    if name == "SIGKILL":
        return _failed(
            f"{what} was killed {during}: the board ran out of memory",
            "a smaller batch or a smaller model, or a limits.memory below what the board has",
            ended.log_tail,
        )
    meaning = MEANINGS.get(name, "")
    return _failed(f"{what} crashed with {name} {during}{': ' if meaning else ''}{meaning}", "", ended.log_tail)


def _failed(message: str, hint: str, tail: str) -> AttemptError:
    return AttemptError(message, outcome=attempt_pb2.OUTCOME_FAILED, log_tail=tail, hint=hint)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
