"""The command `farm`: the names of its commands, and what becomes of an error.

Only the standard library and typer are imported here and at the top of the command files: `farm --help` must answer at
once. What is heavy (asyncio, ray, grpc, SQL, numpy, rich) is imported where a command needs it.
"""

from __future__ import annotations

import os
import sys

import typer

from farm import __version__
from farm.cli import agent, boards, cancel, jobs, results, runs, service, submit, sweep, watch

__all__ = ["app", "main"]

_INTERRUPTED = 130

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
        _run()
    except KeyboardInterrupt:
        _say("farm: interrupted")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`farm results | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _run() -> None:
    from farm.errors import FarmError

    try:
        app()
    except SystemExit as end:
        # Typer's own answer to a reader that went away is 1.
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise
    except FarmError as error:
        _say(f"farm: {error.message}")
        if error.hint:
            _say(f"      {error.hint}")
        sys.exit(error.exit_code)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        from farm.cli.logs import write_crash

        path = write_crash(error, sys.argv[1:])
        words = str(error).strip().splitlines()
        _say(f"farm: a defect of the farm: {type(error).__name__}{f': {words[0]}' if words else ''}")
        _say(f"      What was measured is kept. Please report it, with the traceback in {path}")
        sys.exit(FarmError.exit_code)


def _say(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
