"""The command `farm`: the names of its commands, and what becomes of an error.

Only the standard library and typer are imported here and at the top of the command files: `farm --help` must answer at
once. What is heavy (ray, grpc, SQL, numpy, rich) is imported where a command needs it.
"""

from __future__ import annotations

import os
import sys

import typer

from farm import __version__
from farm.cli import agent, boards, cancel, jobs, results, runs, service, submit, sweep, watch

__all__ = ["app", "main"]

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
    from farm.errors import FarmError

    try:
        app()
    except FarmError as error:
        typer.echo(f"farm: {error.message}", err=True)
        if error.hint:
            typer.echo(f"      {error.hint}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe went away (`farm results | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
