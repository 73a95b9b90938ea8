"""The command `farm-agent`: join a farm and serve this machine's boards until asked to stop.

    farm-agent --join farm.local:7060
    farm-agent --join farm.local:7060 --board simulated:pi4?seed=1 --tag shelf=2

Signals: the first SIGTERM or SIGINT (Ctrl-C) takes no new jobs and lets running ones finish, up to --drain-timeout; the
second stops them at once. Either way knobs are put back, and what was measured is sent or kept for the next start.

Exit codes: 0 asked to stop, 1 a defect, 2 bad options, 3 the state folder cannot be used, 4 refused by the coordinator.
"""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import farm_agent
from farm_agent.errors import AgentError, UsageError
from farm_agent.light import import_grpc_lightly

__all__ = ["main"]

logger = logging.getLogger("farm_agent")

_CACHE_LIMIT = "4GiB"
_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    try:
        _serve(options)
    except AgentError as error:
        print(f"farm-agent: {error}", file=sys.stderr)  # noqa: T201  # for the person who typed the command
        return error.exit_code
    return 0


def _serve(options: argparse.Namespace) -> None:
    address = _address(options.join)
    cache_limit_bytes = _size_bytes(options.cache_limit)
    tags = dict(_tag(text) for text in options.tag)

    import_grpc_lightly()
    from farm_agent.artifacts import ArtifactCache
    from farm_agent.assembly import BoardRequest, assemble
    from farm_agent.journal import Journal
    from farm_agent.link import Link
    from farm_agent.parent import watch_parent
    from farm_agent.session import Session
    from farm_agent.spool import Spool
    from farm_agent.state_folder import StateFolder, default_state_folder
    from farm_agent.worker import Workshop

    with StateFolder(options.state or default_state_folder()) as state:
        request = BoardRequest(options.board or ["linux"], options.board_id, options.name, tags)
        boards = assemble(request, state)
        journal = Journal(state.journal, state.work)
        unfit = journal.recover(boards)
        link = Link(address)
        workshop = Workshop(
            spool=Spool(state.spool),
            journal=journal,
            artifacts=ArtifactCache(state.artifacts, cache_limit_bytes, link),
            work=state.work,
        )
        session = Session(state.agent_id, boards, workshop, link, unfit, options.drain_timeout)

        def on_signal(number: int, frame: FrameType | None) -> None:
            session.stop(signal.Signals(number).name)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        if options.with_parent:
            watch_parent(lambda: session.stop("the process that started it has ended", at_once=True))
        logger.info("agent %s serves %s; joining %s", state.agent_id[:12], ", ".join(boards), address)
        try:
            session.run()
        finally:
            for board in boards.values():
                board.close()
        logger.info("stopped; %d records are kept for the next start", len(workshop.spool.leases()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="farm-agent",
        description="Join a farm and serve this machine's boards: take jobs, measure, report, put everything back.",
        epilog="Stop it with SIGTERM or Ctrl-C: running jobs may finish; a second one stops them at once. Exit codes: "
        "0 asked to stop, 1 a defect, 2 bad options, 3 the state folder cannot be used (another agent has it), 4 the "
        "coordinator refuses this agent.",
    )
    parser.add_argument("--version", action="version", version=f"farm-agent {farm_agent.__version__}")
    parser.add_argument(
        "--join", metavar="HOST:PORT", required=True, help="the coordinator's address; `farm status` says it"
    )
    parser.add_argument(
        "--board",
        metavar="KIND[:ARGS]",
        action="append",
        help="a board to serve, may be given several times (default: linux, this machine); simulated:pi4?seed=1 is a "
        "model of one",
    )
    parser.add_argument("--board-id", metavar="ID", default="", help="a stable id for the board (default: detected)")
    parser.add_argument("--name", default="", help="what people call it (default: the host name)")
    parser.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="something a selector can ask for, such as shelf=2; may be given several times",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where identity, unsent records and caches are kept (default: ~/.local/state/farm-agent)",
    )
    parser.add_argument(
        "--cache-limit",
        metavar="SIZE",
        default=_CACHE_LIMIT,
        help=f"how much of the disk cached models may take (default: {_CACHE_LIMIT})",
    )
    parser.add_argument(
        "--drain-timeout",
        metavar="SECONDS",
        type=float,
        default=600.0,
        help="how long running jobs may go on after the first signal (default: 600)",
    )
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    parser.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="default: info"
    )
    return parser


def _address(text: str) -> str:
    """`HOST:PORT` as it was given, if it is one.

    >>> _address("[::1]:7060")
    '[::1]:7060'
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (":" in host and not bracketed) or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"--join {text}: this is not HOST:PORT.",
            hint="Examples: farm.local:7060, 192.168.1.10:7060, [fe80::1]:7060. `farm status` on the coordinator "
            "says its address.",
        )
    return text


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--tag {text}: this is not KEY=VALUE.", hint="Example: --tag shelf=2")
    return key.strip(), value.strip()


def _size_bytes(text: str) -> int:
    """
    >>> _size_bytes("700MiB")
    734003200
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match.group(2) not in _UNITS or float(match.group(1)) <= 0.0:
        raise UsageError(f"--cache-limit {text}: this is not a size.", hint="Examples: 700MiB, 4GiB")
    return int(float(match.group(1)) * _UNITS[match.group(2)])
