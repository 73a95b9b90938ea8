"""`farm agent …`: the same command as `farm-agent`, for machines that have the whole farm."""

from __future__ import annotations

import sys

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command(
        "agent",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
        help="Serve this machine's boards to a farm: the same as farm-agent (see farm agent --help).",
    )(agent)


def agent(context: typer.Context) -> None:
    """Hand everything on to the agent's own command line."""
    from farm_agent.cli import main

    sys.exit(main(context.args))
