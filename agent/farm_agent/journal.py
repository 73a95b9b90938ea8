"""The journal: what must be put back if the agent is killed in the middle of an attempt.

    open -> (knob -> apply)* -> (process)* -> restore -> close

One file per running attempt, lines of JSON, each written before the thing it speaks of is done. A knob's line is
durable before the knob is touched. The next start reads what is left: it ends the runners, puts the knobs back in
reverse order, empties the work folder, and only then takes jobs. A torn last line belongs to a step that never began.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from farm_agent.boards.base import Board
from farm_agent.durable import sync_folder
from farm_agent.lease import Lease
from farm_agent.processes import StartedGroup, end_group, identify

__all__ = ["Entry", "Journal", "put_back"]

logger = logging.getLogger(__name__)


class Entry:
    """The journal of one attempt. `close` it when everything was put back, `leave` it when something was not."""

    def __init__(self, path: Path, board_id: str, lease: Lease) -> None:
        self._path = path
        self._board_id = board_id
        self._lock = threading.Lock()
        self._groups: list[StartedGroup] = []
        self._file = path.open("x", encoding="utf-8")
        self._append({"board": board_id, "job": lease.job_id, "fence": lease.fence})

    def knob(self, name: str, before: str) -> None:
        """Note durably what a knob stood at, before it is touched. Raises `OSError` when the disk refuses."""
        # With the board again: the first line may be the one that a bad disk spoils.
        self._append({"board": self._board_id, "knob": name, "before": before})
        os.fsync(self._file.fileno())
        sync_folder(self._path.parent)

    def process(self, process_group: int, work_dir: Path) -> None:
        """Note a runner. Not synced: the page cache outlives the agent, and a power cut ends the runner as well."""
        group = identify(process_group, work_dir)
        if group is not None:
            self._groups.append(group)
            self._append({"process": dataclasses.asdict(group)})

    def end_runners(self) -> int:
        """Kill what a launch left behind; how many groups that were."""
        return sum(end_group(group) for group in self._groups)

    def close(self) -> None:
        """Everything is as it was before."""
        self._file.close()
        self._path.unlink()

    def leave(self) -> None:
        """Something could not be put back: keep the file, so that it is tried again."""
        self._file.close()

    def _append(self, line: Mapping[str, object]) -> None:
        with self._lock:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


@dataclasses.dataclass(frozen=True)
class _Left:
    """What a left-over journal says."""

    board_id: str
    lease: Lease
    knobs: tuple[tuple[str, str], ...]
    groups: tuple[StartedGroup, ...]


class Journal:
    """All journals of a state folder."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work
        self._lock = threading.Lock()
        self._next = 0

    def open(self, board_id: str, lease: Lease) -> Entry:
        """Begin an attempt's journal. Raises `OSError`."""
        with self._lock:
            while True:
                path = self._folder / f"{self._next:06d}.journal"
                self._next += 1
                if not path.exists():
                    return Entry(path, board_id, lease)

    def recover(self, boards: Mapping[str, Board]) -> dict[str, str]:
        """Put everything back that an earlier agent could not, and empty the work folder.

        The result says which boards are not themselves yet, and why: they must not take jobs. Called at the start and
        from time to time while there are such boards; never while an attempt runs.
        """
        unfit: dict[str, str] = {}
        for path in sorted(self._folder.glob("*.journal"), reverse=True):
            left = _read(path)
            if left is None:
                logger.warning("the journal %s holds nothing that was begun; removed", path)
                path.unlink()
                continue
            ended = sum(end_group(group) for group in left.groups)
            board = boards.get(left.board_id)
            if board is None:
                if left.knobs:
                    logger.warning("board %s is not served now; its knobs stay in the journal %s", left.board_id, path)
                    continue
                failure = ""
            else:
                failure = put_back(board, left.knobs)
            if failure:
                unfit[left.board_id] = failure
                continue
            logger.info(
                "recovered board %s after a crash in attempt %s: %d knobs put back, %d left-over runners ended",
                left.board_id,
                left.lease,
                len(left.knobs),
                ended,
            )
            path.unlink()
        for leftover in self._work.iterdir():
            shutil.rmtree(leftover, ignore_errors=True)
        return unfit

    def retry(self, board: Board, board_id: str) -> str:
        """Try again to put one board's knobs back; empty when it is itself again, else why not."""
        for path in sorted(self._folder.glob("*.journal"), reverse=True):
            left = _read(path)
            if left is not None and left.board_id == board_id:
                failure = put_back(board, left.knobs)
                if failure:
                    return failure
                path.unlink()
        return ""


def put_back(board: Board, knobs: tuple[tuple[str, str], ...]) -> str:
    """Restore knobs in the reverse of the order they were set in; every one is tried. Empty, or what went wrong."""
    failures = []
    for name, before in reversed(knobs):
        knob = board.knobs().get(name)
        if knob is None:
            failures.append(f"knob {name} is gone from this board; it stood at {before}")
            continue
        try:
            knob.restore(before)
        except Exception as error:  # A defect of one knob must not keep the others from being put back.
            failures.append(f"knob {name} could not be put back to {before}: {error}")
    for failure in failures:
        logger.error("%s", failure)
    return "; ".join(failures)


def _read(path: Path) -> _Left | None:
    """What a journal holds, as far as it can be read; None when not even its first line can."""
    board_id = ""
    lease = Lease("", 0)
    knobs: list[tuple[str, str]] = []
    groups: list[StartedGroup] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            said = json.loads(line)
            board_id = str(said.get("board", board_id))
            if "job" in said:
                lease = Lease(str(said["job"]), int(said["fence"]))
            elif "knob" in said:
                knobs.append((str(said["knob"]), str(said["before"])))
            elif "process" in said:
                groups.append(StartedGroup(**said["process"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            logger.warning("the journal %s has a line that cannot be read", path)
    return _Left(board_id, lease, tuple(knobs), tuple(groups)) if board_id else None
