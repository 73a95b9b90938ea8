"""The standing coordinator at a glance."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from farm.model.live import FarmStatus
from farm.report.boards import boards_table
from farm.report.quantities import seconds

__all__ = ["status_table"]


def status_table(address: str, status: FarmStatus, width: int | None = None) -> RenderableType:
    """Where it is, what it holds, and its boards."""
    head = Text.assemble(
        (f"farm {status.version}", "bold"),
        f" at {address}  ({status.host}, process {status.pid}, epoch {status.epoch}, up {seconds(status.uptime_s)})\n",
        f"database  {status.database_url}\n",
        f"jobs      {status.jobs_queued} queued, {status.jobs_leased} running\n",
        f"boards    {status.boards_attached} attached of {len(status.boards)}",
    )
    parts: list[RenderableType] = [head]
    if status.trouble:
        parts.append(Text(f"trouble   {status.trouble}", style="bold red"))
    if status.boards:
        rows = [
            (board.board, board.state, board.health, board.intent, board.lease.job_id[:12] if board.lease else "")
            for board in status.boards
        ]
        parts += [Text(""), boards_table(rows, width, last="works on")]
    return Group(*parts)
