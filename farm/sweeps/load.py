"""A sweep file's text to a `Sweep`, or to everything that is wrong with it at once.

sweep.yaml:7:3: there is no key `thread` in `axes`; did you mean `threads`?
sweep.yaml:9:14: `scenario.min_duration`: `10S`: `S` is not a unit of duration; did you mean `s`?
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from pydantic import ValidationError

from farm.errors import SweepError
from farm.model.identity import Json
from farm.sweeps.checks import complaints
from farm.sweeps.parts import Rewrites
from farm.sweeps.problems import empty_values, explain
from farm.sweeps.schema import Sweep
from farm.sweeps.yaml_text import Document, Mark, Path, Problem, read_yaml

__all__ = ["SweepFileError", "check", "load"]

_MOST_SHOWN = 25


class SweepFileError(SweepError):
    """The problems of one file; each line of the message begins with `file:line:column`."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        shown = [f"{name}:{found.mark.line}:{found.mark.column}: {found.message}" for found in problems[:_MOST_SHOWN]]
        if len(problems) > _MOST_SHOWN:
            shown.append(f"{name}: and {len(problems) - _MOST_SHOWN} more")
        super().__init__("\n".join(shown), hint="docs/sweep-file.md describes every key, with examples.")
        self.problems = problems


def load(text: str, name: str) -> Sweep:
    """The sweep. `name` is the file's, for messages and as the sweep's own name where it has none.

    Raises `SweepFileError` (a `SweepError`) with all problems of the file.

    >>> load("models: {cnn: cnn.onnx}", "first.yaml").name
    'first'
    """
    sweep, problems = check(text, name)
    if sweep is None:
        raise SweepFileError(name, problems)
    return sweep


def check(text: str, name: str) -> tuple[Sweep | None, tuple[Problem, ...]]:
    """The sweep, or None and what is wrong, in the order of the file."""
    document = read_yaml(text)
    if document.root is None and document.problems:
        return None, document.problems
    if not isinstance(document.root, Mapping):
        return None, (*document.problems, _not_a_sweep(document))
    rewrites = Rewrites()
    found = [*document.problems, *empty_values(document)]
    sweep: Sweep | None = None
    try:
        sweep = Sweep.model_validate(document.root, context=rewrites)
    except ValidationError as error:
        found += explain(error, document, rewrites)
        rest = _what_is_right(
            document.root, {rewrites.source(document.root, item["loc"])[:1] for item in error.errors()}
        )
    else:
        rest = sweep
    for complaint in complaints(rest, whole=not found) if rest is not None else ():
        path = rewrites.source(document.root, complaint.loc)
        found.append(Problem(document.mark(path, of_key=complaint.of_key), complaint.message))
    if found or sweep is None:
        return None, _one_each_place(found)
    return (sweep if sweep.name else sweep.model_copy(update={"name": _name_of(name)})), ()


def _what_is_right(root: Mapping[str, Json], wrong: set[Path]) -> Sweep | None:
    """The sweep without the keys that are wrong, so that the others are judged in the same go."""
    keys = {str(path[0]) for path in wrong if path}
    if "axes" in keys:
        keys |= {"include", "exclude", "compare"}
    models = root.get("models")
    names = list(models) if isinstance(models, Mapping) else []
    rest = {key: value for key, value in root.items() if key not in keys}
    try:
        return Sweep.model_validate({**rest, "models": dict.fromkeys(names, "stands-in.onnx")})
    except ValidationError:
        return None


def _not_a_sweep(document: Document) -> Problem:
    if document.root is None:
        return Problem(
            Mark(), "the file is empty; a sweep needs at least `models:`, like `models: {cnn: models/cnn.onnx}`"
        )
    kind = "a list" if isinstance(document.root, list) else "a single value"
    return Problem(document.mark(()), f"expected {Sweep.expected}; found {kind}")


def _one_each_place(problems: list[Problem]) -> tuple[Problem, ...]:
    """In the order of the file, the first of those that stand at the same place."""
    kept: dict[Mark, Problem] = {}
    for problem in problems:
        kept.setdefault(problem.mark, problem)
    return tuple(sorted(kept.values()))


def _name_of(file_name: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(file_name).stem).strip("-._")
    return stem[:100] or "sweep"
