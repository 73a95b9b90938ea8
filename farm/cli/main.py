"""The command `farm`: the names of its commands, and what becomes of an error.

Only the standard library and typer are imported here and at the top of the command files: `farm --help` must answer at
once. What is heavy (asyncio, ray, grpc, SQL, numpy, rich) is imported where a command needs it.
"""

from __future__ import annotations

import errno
import os
import sys

import typer
from typer.exceptions import TyperException

from farm import __version__
from farm.cli import agent, boards, cancel, jobs, results, runs, service, submit, sweep, watch

__all__ = ["app", "main"]

_INTERRUPTED = 130
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

app = typer.Typer(
    name="farm",
    help="Run models x boards x configs on real boards, and get numbers that can be trusted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"farm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Run models x boards x configs on real boards, and get numbers that can be trusted."""


for module in (submit, watch, results, runs, jobs, boards, cancel, service, sweep, agent):
    module.register(app)


def main() -> None:
    """Run the command line; every FarmError becomes one paragraph and its documented exit code."""
    try:
        code = _run()
    except KeyboardInterrupt:
        _say("farm: interrupted")
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (`farm results | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run() -> int:
    from farm.errors import FarmError, StoreError

    try:
        # Not on its own: the wording of mistakes is to be ours.
        code = app(prog_name="farm", standalone_mode=False) or 0
        sys.stdout.flush()
    except FarmError as error:
        _complain(error.message, error.hint)
        return error.exit_code
    except TyperException as error:
        return _wrong_words(error)
    except SystemExit as end:
        # Typer's own answer to a reader that went away is 1.
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _complain(
                f"{error.filename or 'The answer'} cannot be written: {error.strerror}.", "Make room on that disk."
            )
            return StoreError.exit_code
        return _defect(error)
    return int(code)


def _defect(error: Exception) -> int:
    from farm.cli.logs import write_crash
    from farm.errors import FarmError

    path = write_crash(error, sys.argv[1:])
    words = str(error).strip().splitlines()
    _complain(
        f"this is a defect of the farm: {type(error).__name__}{f': {words[0]}' if words else ''}",
        f"What was measured is kept. Please report it, with the traceback in {path}",
    )
    return FarmError.exit_code


def _wrong_words(error: TyperException) -> int:
    """The command line makes no sense, or is only half of one: then its help says more."""
    text = error.format_message()
    if text.startswith("Usage:"):
        _say(text)
    else:
        context = getattr(error, "ctx", None)
        _complain(text, f"{context.command_path if context is not None else 'farm'} --help")
    return error.exit_code


def _complain(what: str, hint: str) -> None:
    first, *rest = [*what.splitlines(), *hint.splitlines()] or [""]
    _say(f"farm: {first}")
    for line in rest:
        _say(f"      {line}")


def _say(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
