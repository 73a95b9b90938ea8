"""What is written for later and not shown: the log of the embedded coordinator, and the traceback of a defect.

<home>/logs/farm.log               what `farm submit` hosted, newest last; set aside at 4 MB
<home>/logs/crash-20260412-….txt   one unexpected exception of the command line
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.coordinator.places import Places

__all__ = ["log_to_file", "write_crash"]

_LOG_BYTES = 4_000_000


@contextmanager
def log_to_file(places: Places) -> Iterator[None]:
    """Have what is logged meanwhile in a file: on the terminal it would run through the live picture."""
    import logging
    from logging.handlers import RotatingFileHandler

    from farm.errors import StoreError

    try:
        handler = RotatingFileHandler(places.logs / "farm.log", maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"The log {places.logs / 'farm.log'} cannot be written: {error.strerror or error}.",
            hint="Make room on that disk, or let FARM_HOME name a folder that you may write to.",
        ) from error
    logging.raiseExceptions = False  # A full disk must not be answered with a traceback for each line.
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        with suppress(OSError):  # the disk may be full
            handler.close()


def write_crash(error: BaseException, arguments: list[str]) -> Path:
    """Write an unexpected exception down; the file, in a temporary folder where the farm's own cannot be written."""
    import platform
    import tempfile
    import time
    import traceback

    from farm import __version__
    from farm.coordinator.places import Places

    text = (
        f"farm {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"farm {' '.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    )
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    try:
        path = Places.from_environment().create().logs / name
        path.write_text(text, encoding="utf-8")
    except Exception:
        path = Path(tempfile.mkdtemp(prefix="farm-")) / name
        path.write_text(text, encoding="utf-8")
    return path
