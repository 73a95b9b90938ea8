"""What no single key can tell: conditions over axes that aren't there, a sweep of nothing, a sweep without end.

Each check yields `Complaint`s with a place in the long form; `load` leads it back to the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from farm.sweeps.axes import Axis
from farm.sweeps.conditions import Conditions, Point, plain_number
from farm.sweeps.parts import did_you_mean
from farm.sweeps.points import CycleError, TooManyPointsError, iterate_points, merged, ordered_axes
from farm.sweeps.problems import key_name
from farm.sweeps.runtime_value import COMMAND
from farm.sweeps.schema import Sweep
from farm.sweeps.yaml_text import Path

__all__ = ["MOST_JOBS", "Complaint", "complaints"]

MOST_JOBS = 20_000
"""Points x repeats of one sweep; a shelf of a hundred boards needs days for more."""
_MOST_LOOKED_AT = 200_000


@dataclass(frozen=True)
class Complaint:
    """What is wrong, and where in the long form; `of_key`: with the key, not with its value."""

    loc: Path
    message: str
    of_key: bool = False


def complaints(sweep: Sweep, *, whole: bool = True) -> Iterator[Complaint]:
    """Everything that is wrong with a sweep whose keys are each right by themselves.

    With `whole` false some of its keys were left out because they are wrong: what depends on all of it is not judged.
    """
    found = [*_conditions(sweep), *_includes(sweep)]
    if whole:
        found += [*_models(sweep), *_times(sweep)]
    yield from found
    if whole and not found:
        yield from _size(sweep)


def _models(sweep: Sweep) -> Iterator[Complaint]:
    runtimes = sweep.axes.runtime.values if sweep.axes.runtime is not None else ()
    if not sweep.models and (not runtimes or any(value.runtime != COMMAND for value in runtimes)):
        yield Complaint(("models",), "there is no model; name one, like `models: {cnn: models/cnn.onnx}`")


def _conditions(sweep: Sweep) -> Iterator[Complaint]:
    for index, rule in enumerate(sweep.exclude):
        loc: Path = ("exclude", index)
        if not any(True for _ in rule.entries()):
            yield Complaint(loc, "this excludes everything: it has no condition")
        yield from _one_condition(sweep, rule, loc)
    for path, axis in _all_axes(sweep):
        for index, clause in enumerate(axis):
            loc = (*path, index, "when")
            if clause.when.board is not None:
                yield Complaint(
                    (*loc, "board"),
                    "`when` cannot ask for a board; leave boards out with `exclude: {board: …}`",
                    of_key=True,
                )
            yield from _one_condition(sweep, clause.when, loc)
    circle = "the conditions of `{}` and others go round in a circle"
    try:
        ordered_axes(sweep.axes)
    except CycleError as error:
        yield Complaint(("axes", *error.path), circle.format(key_name(error.path)), of_key=True)
    for index, item in enumerate(sweep.include):
        try:
            ordered_axes(merged(sweep.axes, item))
        except CycleError as error:
            yield Complaint(("include", index, *error.path), circle.format(key_name(error.path)), of_key=True)
    if sweep.compare is not None:
        loc = ("compare", "baseline")
        if sweep.compare.baseline.board is not None:
            yield Complaint(
                (*loc, "board"), "a baseline is a point, not a board: both run on the same board", of_key=True
            )
        yield from _one_condition(sweep, sweep.compare.baseline, loc)


def _all_axes(sweep: Sweep) -> Iterator[tuple[Path, Axis[object]]]:
    for path, axis in sweep.axes.named().items():
        yield ("axes", *path), axis
    for index, item in enumerate(sweep.include):
        for path, axis in item.named().items():
            yield ("include", index, *path), axis


def _one_condition(sweep: Sweep, conditions: Conditions, loc: Path) -> Iterator[Complaint]:
    axes = sweep.axes.named()
    for path, condition in conditions.entries():
        if path == ("board",):
            continue
        if path == ("model",):
            yield from _known_values(condition, list(sweep.models), (*loc, *path))
        elif path not in axes:
            yield _no_such_axis((*loc, *path), path, ["model", *_axis_names(sweep)])
        elif path == ("runtime",) and sweep.axes.runtime is not None:
            yield from _known_runtimes(sweep, condition, (*loc, *path))
        elif path not in {("precision",)}:
            values = [value for value in axes[path].values if not isinstance(value, (dict, list))]
            if len(values) == len(axes[path].values) and not _added(sweep, path):
                yield from _known_values(condition, values, (*loc, *path))


def _axis_names(sweep: Sweep) -> list[str]:
    return [_axis_name(path) for path in sweep.axes.named()]


def _axis_name(path: Path) -> str:
    return key_name(path[1:] if path[0] == "knobs" else path)


def _no_such_axis(loc: Path, path: Path, names: list[str]) -> Complaint:
    name, listed = _axis_name(path), ", ".join(names) or "none"
    return Complaint(loc, f"`{name}` is no axis of this sweep{did_you_mean(name, names)} (axes: {listed})", of_key=True)


def _added(sweep: Sweep, path: Path) -> bool:
    return any(path in item.named() for item in sweep.include)


def _known_values(condition: JsonValue, values: list[object], loc: Path) -> Iterator[Complaint]:
    """A plain value that the axis does not have is a slip: it would never hold."""
    words = [str(value) for value in values]
    for index, item in enumerate(condition if isinstance(condition, list) else [condition]):
        text = str(item).removeprefix("!=").strip()
        if isinstance(item, dict) or text[:1] in {">", "<", "~"}:
            continue
        if text not in words and item not in values and not _same_number(text, words):
            place = (*loc, index) if isinstance(condition, list) else loc
            yield _no_such_value(place, loc, text, words)


def _same_number(text: str, words: list[str]) -> bool:
    wanted = plain_number(text)
    return wanted is not None and any(plain_number(word) == wanted for word in words)


def _known_runtimes(sweep: Sweep, condition: JsonValue, loc: Path) -> Iterator[Complaint]:
    axes = [sweep.axes.runtime, *(item.runtime for item in sweep.include)]
    values = [value for axis in axes if axis is not None for value in axis.values]
    labels = [value.label for value in values]
    for index, item in enumerate(condition if isinstance(condition, list) else [condition]):
        place = (*loc, index) if isinstance(condition, list) else loc
        word = str(item).removeprefix("!=").strip()
        if word.startswith("~"):
            continue
        test = Conditions(runtime=word)
        if not any(test.hold(Point("", runtime=value)) for value in values):
            yield _no_such_value(place, loc, word, labels)


def _no_such_value(place: Path, loc: Path, word: str, words: list[str]) -> Complaint:
    listed = ", ".join(words) or "none"
    return Complaint(
        place, f"`{key_name(loc)}`: `{word}` is none of its values{did_you_mean(word, words)} (values: {listed})"
    )


def _includes(sweep: Sweep) -> Iterator[Complaint]:
    axes = sweep.axes.named()
    for index, item in enumerate(sweep.include):
        loc: Path = ("include", index)
        if not item.named() and not item.model:
            yield Complaint(loc, "this adds nothing: it names no axis")
        for path in item.named():
            if path not in axes:
                yield _no_such_axis((*loc, *path), path, _axis_names(sweep))
        for place, name in enumerate(item.model):
            if name not in sweep.models:
                listed = ", ".join(sweep.models)
                yield Complaint(
                    (*loc, "model", place),
                    f"there is no model `{name}`{did_you_mean(name, list(sweep.models))} (models: {listed})",
                )


def _times(sweep: Sweep) -> Iterator[Complaint]:
    least_s = sweep.launches * sweep.scenario.as_model().min_duration_s + (sweep.launches - 1) * sweep.cooldown
    if sweep.as_limits().attempt_s <= least_s:
        yield Complaint(
            ("limits", "attempt"),
            f"{sweep.launches} launches measure for at least {least_s:g} s, so this limit would end every attempt",
        )


def _size(sweep: Sweep) -> Iterator[Complaint]:
    baseline = others = points = 0
    try:
        for point in iterate_points(sweep, most=_MOST_LOOKED_AT):
            points += 1
            if points * sweep.repeats > MOST_JOBS:
                raise TooManyPointsError
            if sweep.compare is not None:
                baseline, others = (
                    (baseline + 1, others) if sweep.compare.baseline.hold(point) else (baseline, others + 1)
                )
    except TooManyPointsError:
        factors = [f"{len(sweep.models)} models"] if len(sweep.models) > 1 else []
        factors += [f"{len(axis.values)} {key_name(path[-1:])}" for path, axis in sweep.axes.named().items()]
        factors += [f"{sweep.repeats} repeats"] if sweep.repeats > 1 else []
        yield Complaint(
            ("axes",),
            f"{' x '.join(factors)} are too many jobs (at most {MOST_JOBS} for each board); "
            "take values away, or split the sweep in several files",
            of_key=True,
        )
        return
    if not points:
        yield Complaint(("exclude",), "nothing is left to run: every point is excluded", of_key=True)
    elif sweep.compare is not None and not baseline:
        yield Complaint(("compare", "baseline"), "no point of the sweep is this baseline", of_key=True)
    elif sweep.compare is not None and not others:
        yield Complaint(
            ("compare", "baseline"), "every point of the sweep is the baseline: nothing to compare", of_key=True
        )
