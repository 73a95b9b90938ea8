"""`farm sweep`: check a sweep file, print the schema that editors complete by."""

from __future__ import annotations

from pathlib import Path

import typer

from farm.cli.output import JSON_OPTION, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Check sweep files; print their JSON Schema.", no_args_is_help=True)
    group.command("check", help="Load a sweep and its model files; say what is wrong, with line and column.")(check)
    group.command("schema", help="Print the JSON Schema of sweep files, for editors.")(schema)
    app.add_typer(group, name="sweep")


def check(
    file: Path = typer.Argument(..., metavar="SWEEP.yaml", help="The sweep file."),
    as_json: bool = JSON_OPTION,
) -> None:
    """No board and no coordinator is needed; `farm submit --dry-run` also asks the boards."""
    from farm.cli.submit import load_sweep
    from farm.coordinator.places import Places
    from farm.sweeps.points import iterate_points

    sweep, files = load_sweep(file, Places.from_environment())
    points = sum(1 for _ in iterate_points(sweep))
    if as_json:
        print_json(
            {
                "name": sweep.name,
                "points": points,
                "files": [
                    {
                        "model": one.file.model,
                        "format": one.file.format,
                        "precision": one.file.precision,
                        "sha256": one.file.artifact.sha256,
                        "path": str(one.path),
                    }
                    for one in files
                ],
            }
        )
        return
    typer.echo(f"{file}: good. {points} points, {len(sweep.models)} models in {len(files)} files.")


def schema() -> None:
    """The same document as docs/sweep.schema.json."""
    from farm.sweeps.json_schema import json_schema_text

    typer.echo(json_schema_text(), nl=False)
