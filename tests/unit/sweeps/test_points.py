"""From axes to points: conditions, what is left out, what is added."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.sweeps.conditions import Conditions, Point
from farm.sweeps.points import iterate_points
from farm.sweeps.runtime_value import RuntimeValue
from farm.sweeps.schema import Sweep


def sweep_of(**keys: Any) -> Sweep:
    return Sweep.model_validate({"models": {"b": "b.onnx", "a": "a.onnx"}, **keys})


def shown(sweep: Sweep) -> list[str]:
    return [
        " ".join(
            [
                point.model,
                point.runtime.label if point.runtime else "-",
                f"t{point.threads} b{point.batch}",
                point.build,
            ]
        ).strip()
        for point in iterate_points(sweep)
    ]


def test_every_combination_comes_once_in_a_fixed_order() -> None:
    assert shown(sweep_of(axes={"batch": [8, 1], "threads": [1, 2]})) == [
        *("a - t1 b8", "a - t1 b1", "a - t2 b8", "a - t2 b1", "b - t1 b8", "b - t1 b1", "b - t2 b8", "b - t2 b1")
    ]


def test_the_order_in_which_axes_are_written_is_irrelevant() -> None:
    one = sweep_of(axes={"batch": [8, 1], "threads": [1, 2], "fan": ["a", "b"], "clock": ["stock", 3]})
    other = sweep_of(axes={"clock": ["stock", 3], "fan": ["a", "b"], "threads": [1, 2], "batch": [8, 1]})
    assert list(iterate_points(one)) == list(iterate_points(other))


def test_an_axis_with_a_condition_is_absent_where_it_does_not_hold() -> None:
    sweep = sweep_of(
        models={"a": "a.onnx"},
        axes={
            "runtime": ["native", "litert"],
            "build": [{"when": {"runtime": "native"}, "values": ["neon", "os"]}],
        },
    )
    assert shown(sweep) == ["a native t1 b1 neon", "a native t1 b1 os", "a litert t1 b1"]


def test_clauses_add_up_and_may_overlap() -> None:
    sweep = sweep_of(axes={"batch": [1, 8, {"when": {"model": "b"}, "values": [8, 64]}]})
    assert shown(sweep) == ["a - t1 b1", "a - t1 b8", "b - t1 b1", "b - t1 b8", "b - t1 b64"]


def test_an_axis_may_depend_on_one_that_is_written_after_it() -> None:
    sweep = sweep_of(
        models={"a": "a.onnx"},
        axes={"threads": [1, {"when": {"batch": ">4"}, "values": [4]}], "batch": [1, 8]},
    )
    assert shown(sweep) == ["a - t1 b1", "a - t1 b8", "a - t4 b8"]


def test_include_adds_and_is_not_excluded_and_the_other_axes_vary() -> None:
    sweep = sweep_of(
        axes={"threads": [1, 2], "batch": [1, 8]},
        exclude=[{"batch": ">1"}],
        include=[{"threads": 16, "batch": 8, "model": "a"}, {"batch": 1, "threads": [1, 4]}],
    )
    assert shown(sweep) == [
        *("a - t1 b1", "a - t2 b1", "b - t1 b1", "b - t2 b1"),
        "a - t16 b8",
        *("a - t4 b1", "b - t4 b1"),
    ]


POINT = Point(
    model="digits",
    runtime=RuntimeValue.parse("onnxruntime==1.20.*"),
    precision="int8",
    threads=4,
    batch=64,
    build="",
    knobs={"clock": {"arm_freq": 2000, "over_voltage": 6}, "fan": "off", "jetson_clocks": True},
    options={"graph": "all", "providers": ["CPU"]},
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"model": "digits"}, True),
        ({"model": "~dig*"}, True),
        ({"model": ["cnn", "digits"]}, True),
        ({"model": "!=digits"}, False),
        ({"batch": 64}, True),
        ({"batch": "64"}, True),
        ({"batch": ">64"}, False),
        ({"batch": ">=64"}, True),
        ({"batch": "<=64", "threads": 4}, True),
        ({"batch": "<64"}, False),
        ({"batch": [1, 64]}, True),
        ({"batch": [">100", "<2"]}, False),
        ({"batch": "!=64"}, False),
        ({"runtime": "onnxruntime"}, True),
        ({"runtime": "onnxruntime==1.20.*"}, True),
        ({"runtime": "onnxruntime==1.21.*"}, False),
        ({"runtime": "~onnx*"}, True),
        ({"runtime": "!=litert"}, True),
        ({"runtime": ["litert", "onnxruntime"]}, True),
        ({"runtime": "command"}, False),
        ({"precision": "int8"}, True),
        ({"precision": "i8"}, True),
        ({"precision": "!=i8"}, False),
        ({"precision": ["fp32"]}, False),
        ({"build": "neon"}, False),
        ({"build": "!=neon"}, True),
        ({"fan": "off"}, True),
        ({"clock": {"arm_freq": 2000}}, True),
        ({"clock": {"arm_freq": ">1800", "over_voltage": "<=6"}}, True),
        ({"clock": {"arm_freq": ">2000"}}, False),
        ({"clock": {"gpu_freq": 500}}, False),
        ({"clock": "stock"}, False),
        ({"clock": "!=stock"}, True),
        ({"jetson_clocks": True}, True),
        ({"jetson_clocks": 1}, False),
        ({"governor": "performance"}, False),
        ({"governor": "!=performance"}, True),
        ({"options": {"graph": "all"}}, True),
        ({"options": {"providers": [["CPU"]]}}, True),
        ({"options": {"providers": [["CUDA"]]}}, False),
        ({"options": {"graph": "all"}, "model": "cnn"}, False),
    ],
)
def test_a_condition_holds_or_not(condition: dict[str, Any], holds: bool) -> None:
    assert Conditions.model_validate(condition).hold(POINT) is holds


def test_a_frequency_in_a_condition_is_compared_in_hertz() -> None:
    point = Point("m", knobs={"cpu_frequency": 1_500_000_000})
    assert Conditions.model_validate({"cpu_frequency": ">1.2GHz"}).hold(point)
    assert Conditions.model_validate({"cpu_frequency": "1.5GHz"}).hold(point)
    assert not Conditions.model_validate({"cpu_frequency": ">=2GHz"}).hold(point)


THREADS, BATCHES, FANS = [1, 2, 4], [1, 8, 64], ["off", "on"]
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "threads": st.sampled_from([1, 2, ">1", "<=2", "!=4", [1, 4]]),
        "batch": st.sampled_from([1, ">8", "!=64", [8, 64]]),
        "fan": st.sampled_from(["off", "!=off", "~o*"]),
        "model": st.sampled_from(["a", "!=a", "~*"]),
    },
).filter(bool)


@given(
    st.lists(CONDITIONS, max_size=4),
    st.lists(st.tuples(CONDITIONS, st.sampled_from([16, 32])), max_size=2),
    st.lists(st.sampled_from([1, 2, 64]), max_size=2, unique=True),
)
def test_no_excluded_point_comes_through_and_none_is_lost(
    excludes: list[dict[str, Any]], clauses: list[tuple[dict[str, Any], int]], extra_batches: list[int]
) -> None:
    clauses = [(when, value) for when, value in clauses if "batch" not in when]
    sweep = sweep_of(
        axes={
            "threads": THREADS,
            "fan": FANS,
            "batch": [*BATCHES, *({"when": when, "values": [value]} for when, value in clauses)],
        },
        exclude=excludes,
        include=[{"batch": value, "threads": 16} for value in extra_batches],
    )
    points = list(iterate_points(sweep))
    assert len({repr(point) for point in points}) == len(points), "each point once"
    swept = [point for point in points if not point.included]
    rules = [Conditions.model_validate(rule) for rule in excludes]
    assert not any(rule.hold(point) for rule in rules for point in swept)
    for point in swept:
        allowed = point.batch in BATCHES or any(
            point.batch == value and Conditions.model_validate(when).hold(point) for when, value in clauses
        )
        assert allowed, "a value came through whose condition does not hold"
    # Counted another way: every combination by hand.
    by_hand = {
        (model, threads, fan, batch)
        for model in ("a", "b")
        for threads in THREADS
        for fan in FANS
        for batch in [
            *BATCHES,
            *(
                value
                for when, value in clauses
                if Conditions.model_validate(when).hold(Point(model, threads=threads, knobs={"fan": fan}))
            ),
        ]
        if not any(rule.hold(Point(model, threads=threads, batch=batch, knobs={"fan": fan})) for rule in rules)
    }
    assert {(point.model, point.threads, point.knobs["fan"], point.batch) for point in swept} == by_hand
    assert sum(point.included for point in points) == 2 * 2 * len(extra_batches)
