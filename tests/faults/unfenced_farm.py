"""The farm with its fence taken down: the control run that the kill storm must catch.

Run like the command line it stands for: `python unfenced_farm.py up --foreground …`. Every record is believed, whoever
holds the lease, and a second result overwrites nothing but is not refused either.
"""

from __future__ import annotations

from farm.cli.main import main
from farm.store import batch, leases, statements


def _anybody_holds(job: leases.Standing, fence: int, board_id: str) -> bool:
    return True


leases._holds = _anybody_holds
setattr(batch, "INSERT_RESULT", statements.INSERT_RESULT.prefix_with("OR IGNORE", dialect="sqlite"))  # noqa: B010 - a mutant

if __name__ == "__main__":
    main()
