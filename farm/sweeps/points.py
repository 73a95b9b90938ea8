"""From axes to points: every combination that the conditions allow, in an order that depends on nothing else.

Models by name, then the axes in the order of `Axes.named`, each axis' values as written. An axis whose `when` names
another one takes its turn after that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from farm.sweeps.axes import Axes, Axis
from farm.sweeps.conditions import Point
from farm.sweeps.schema import Sweep
from farm.sweeps.yaml_text import Path

__all__ = ["CycleError", "TooManyPointsError", "iterate_points", "merged", "ordered_axes"]

NO_MODEL = ""
"""The model of a point in a sweep of commands that need none."""


class CycleError(Exception):
    """Axes whose conditions need one another; `path` is one of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


class TooManyPointsError(Exception):
    """More combinations than anybody can wait for."""


def ordered_axes(axes: Axes) -> list[tuple[Path, Axis[Any]]]:
    """The axes, each after those that its conditions name. `CycleError` when that cannot be."""
    named = axes.named()
    order: list[tuple[Path, Axis[Any]]] = []
    done: set[Path] = set()
    on_the_way: list[Path] = []

    def place(path: Path) -> None:
        if path in done or path not in named:
            return
        if path in on_the_way:
            raise CycleError(path)
        on_the_way.append(path)
        for clause in named[path]:
            for needed, _ in clause.when.entries():
                place(needed)
        on_the_way.pop()
        done.add(path)
        order.append((path, named[path]))

    for path in named:
        place(path)
    return order


def iterate_points(sweep: Sweep, *, most: int | None = None) -> Iterator[Point]:
    """Every point once. `TooManyPointsError` when more than `most` combinations had to be looked at."""
    looked_at = 0
    seen: set[str] = set()
    sources: list[tuple[Sequence[str], Axes, bool]] = [(_models(sweep), sweep.axes, False)]
    sources += [(item.model or _models(sweep), merged(sweep.axes, item), True) for item in sweep.include]
    plain_excludes = [rule for rule in sweep.exclude if rule.board is None]
    for models, axes, included in sources:
        order = ordered_axes(axes)
        for model in models:
            for point in _combinations(Point(model=model, included=included), order):
                looked_at += 1
                if most is not None and looked_at > most:
                    raise TooManyPointsError
                if not included and any(rule.hold(point) for rule in plain_excludes):
                    continue
                key = repr(point)
                if key not in seen:
                    seen.add(key)
                    yield point


def _models(sweep: Sweep) -> Sequence[str]:
    return sorted(sweep.models) or [NO_MODEL]


def merged(axes: Axes, changes: Axes) -> Axes:
    """The axes of the points that an `include` adds: those that it names in place of the sweep's."""
    fixed = {name: getattr(changes, name) for name in Axes.model_fields if name not in {"knobs", "options"}}
    return axes.model_copy(
        update={
            **{name: axis for name, axis in fixed.items() if axis is not None},
            "knobs": {**axes.knobs, **changes.knobs},
            "options": {**axes.options, **changes.options},
        }
    )


def _combinations(point: Point, order: Sequence[tuple[Path, Axis[Any]]]) -> Iterator[Point]:
    if not order:
        yield point
        return
    (path, axis), rest = order[0], order[1:]
    values = [value for clause in axis if clause.when.hold(point) for value in clause.values]
    if not values:
        yield from _combinations(point, rest)
    for value in values:
        yield from _combinations(_with(point, path, value), rest)


def _with(point: Point, path: Path, value: Any) -> Point:
    changes: dict[str, Any] = {str(path[0]): value}
    if len(path) == 2:
        changes = {str(path[0]): {**getattr(point, str(path[0])), str(path[1]): value}}
    return dataclasses.replace(point, **changes)
