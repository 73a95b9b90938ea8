"""Keeping the agent light: it shares its cores and its memory with what is being measured.

Three things that gRPC does for programs of another kind are left out when it is imported:

- its asyncio half is imported always and takes 8 MB; the agent uses threads only;
- with it comes asyncio's TLS, 4 MB; gRPC brings TLS of its own, and nothing here uses asyncio's;
- each waiting thread is woken ten times a second, so that signal handlers run where the main thread waits inside gRPC
  (grpc/grpc#19464); ours never does, and 0.1 % of a core is a third of the agent's budget.

Its fork handlers are off: they are for programs that fork and go on using gRPC. The agent forks only to start runners,
and between fork and exec the handlers abort the child now and then (seen with grpcio 1.80 on Python 3.9, which uses
fork(2) where later ones use vfork(2)).

None of it changes what gRPC does for us. A release of gRPC in which these names have moved is as heavy as it comes.

And what was needed for a moment (the start, a large record) is given back to the system before the next measurement.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["give_memory_back", "import_grpc_lightly"]

_LONGEST_WAIT_S = 5.0


def import_grpc_lightly() -> None:
    """Import gRPC without what an agent never uses; nothing where it was imported already."""
    if "grpc" in sys.modules:
        return
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    # It writes of refused connections and the like by itself; the link says the same in one line.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.modules["grpc.aio"] = types.ModuleType("grpc.aio")
    with _hidden("ssl"):
        importlib.import_module("grpc")
    common: Any = importlib.import_module("grpc._common")
    if hasattr(common, "MAXIMUM_WAIT_TIMEOUT"):
        common.MAXIMUM_WAIT_TIMEOUT = _LONGEST_WAIT_S


def give_memory_back() -> None:
    """Return freed memory to the system, where the C library can (malloc_trim(3), glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Importing it fails inside, as on a Python that was built without it; not afterwards."""
    if name in sys.modules:
        yield
        return
    hidden: dict[str, Any] = {name: None}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        del sys.modules[name]
