"""Whether a board can run a point with a file of its model, and if not, why not: decided before any board time.

A board can when it offers the runtime (and that takes the file's format), has the knobs that are to be set, and has
the memory that the job may take. What it does not know of itself (a zero, an empty text) is no reason against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farm.model.board import Board, RuntimeOffer
from farm.model.job import ArtifactRef
from farm.sweeps.axes import STOCK
from farm.sweeps.conditions import Point
from farm.sweeps.parts import did_you_mean
from farm.sweeps.runtime_value import RuntimeValue

__all__ = ["ModelFile", "choose_file", "why_not_board"]


@dataclass(frozen=True)
class ModelFile:
    """One file of a model of the sweep, known by its digest; `model` is the key under `models`."""

    model: str
    format: str
    precision: str
    artifact: ArtifactRef
    golden: ArtifactRef | None = None


def why_not_board(board: Board, runtime: RuntimeValue, point: Point, memory_bytes: int) -> str:
    """Why the board cannot run such a job, whatever the file; empty when it can."""
    offer = _offer(board, runtime)
    if offer is None:
        offered = [found.runtime for found in board.runtimes if not found.unavailable_reason]
        listed = f"it offers {', '.join(offered)}" if offered else "it offers none"
        return f"{_shown(board)} has no runtime `{runtime.runtime}` ({listed}){did_you_mean(runtime.runtime, offered)}"
    if offer.unavailable_reason:
        return f"{_shown(board)} cannot run `{runtime.runtime}`: {offer.unavailable_reason}"
    for knob, value in point.knobs.items():
        if value != STOCK and knob not in board.knobs:
            listed = f"its knobs: {', '.join(board.knobs)}" if board.knobs else "it has none"
            return f"{_shown(board)} has no knob `{knob}` ({listed}){did_you_mean(knob, list(board.knobs))}"
    memory = board.facts.memory_bytes
    if memory and memory_bytes > memory:
        return f"{_shown(board)} has {_size(memory)} of memory, and the job may take {_size(memory_bytes)}"
    return ""


def choose_file(
    board: Board, runtime: RuntimeValue, precision: str, files: Sequence[ModelFile]
) -> tuple[ModelFile | None, str]:
    """The file of a model that the board's runtime takes in this precision, or None and why there is none.

    Of several the first in the order in which the runtime names its formats, then in the order of the files.
    """
    offer = _offer(board, runtime)
    formats = offer.formats if offer is not None else ()
    readable = [file for file in files if not formats or file.format in formats]
    if not readable:
        found = ", ".join(sorted({file.format for file in files}))
        return None, f"`{runtime.runtime}` takes {' or '.join(formats)}, and there is only {found}"
    fitting = [file for file in readable if file.precision == precision]
    if not fitting:
        found = ", ".join(sorted({file.precision for file in readable}))
        form = f" in {' or '.join(formats)}" if formats else ""
        return None, f"there is no {precision} file{form}, only {found}"
    memory = board.facts.memory_bytes
    best = min(fitting, key=lambda file: formats.index(file.format) if formats else 0)
    if memory and best.artifact.size_bytes > memory:
        return None, f"the file is {_size(best.artifact.size_bytes)}, and {_shown(board)} has {_size(memory)} of memory"
    return best, ""


def open_precisions(boards: Sequence[Board], runtime: RuntimeValue, files: Sequence[ModelFile]) -> list[str]:
    """What a point runs in that names no precision: everything that there is a file of for this runtime."""
    formats = {name for board in boards if (offer := _offer(board, runtime)) is not None for name in offer.formats}
    readable = [file.precision for file in files if not formats or file.format in formats]
    return list(dict.fromkeys(readable or [file.precision for file in files]))


def _offer(board: Board, runtime: RuntimeValue) -> RuntimeOffer | None:
    return next((offer for offer in board.runtimes if offer.runtime == runtime.runtime), None)


def _shown(board: Board) -> str:
    return f"`{board.name}` ({board.board_type})"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.3g} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.3g} MiB"
