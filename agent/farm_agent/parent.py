"""Ending with the process that started this one, whatever it ended by.

A pidfd (pidfd_open(2), Linux 5.3, Python 3.9) becomes readable when the process is gone, costs nothing until then, and
unlike PR_SET_PDEATHSIG does not fire when only the thread ends that started us. Without it the parent's id is looked at
once a second: it changes when the parent dies.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Callable

__all__ = ["watch_parent"]

_LOOK_EVERY_S = 1.0


def watch_parent(on_death: Callable[[], None]) -> None:
    """Call back once, from a thread of its own, when the parent of this process has ended."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent, on_death), name="farm-agent-parent", daemon=True).start()


def _watch(parent: int, on_death: Callable[[], None]) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except (AttributeError, OSError):
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_S)
    else:
        # It may have died, and its id been taken, before the descriptor was open.
        if os.getppid() == parent:
            select.select([descriptor], [], [])
        os.close(descriptor)
    on_death()
