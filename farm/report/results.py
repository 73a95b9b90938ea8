"""Results as a table: one line per job, numbers first, and every doubt beside its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from farm.model.attempt import Outcome
from farm.model.board import Provenance
from farm.model.job import Job
from farm.model.result import Summary
from farm.report.fitting import Column, fitted
from farm.report.live import OUTCOME_STYLES, VERDICT_STYLES
from farm.report.marking import marked
from farm.report.quantities import UNKNOWN, celsius, hertz, per_second, seconds, size
from farm.report.run_view import COMMAND, clipped, runtime_label
from farm.store.queries import ResultEntry

__all__ = ["result_row", "results_table"]

_VERSIONS = {"litert": ("ai-edge-litert", "tflite-runtime")}
"""Under which names a runtime tells its version, where it is not its own."""
_TOO_FEW = "too few samples"
_FIGURES = [field.name for field in fields(Summary) if field.name not in {"batch", "latency_p50_interval", "findings"}]


def results_table(
    jobs: Sequence[Job],
    results: Mapping[str, ResultEntry],
    board_names: Mapping[str, tuple[str, Provenance]],
    width: int | None = None,
) -> RenderableType:
    """Every job of a run in the order of the sweep; those without a number say why.

    On a terminal of `width` characters only what fits: model, config, inputs/s, p50 and verdict always.
    """
    entries = [results.get(job.job_id) for job in jobs]
    summaries = [entry.summary if entry is not None else None for entry in entries]
    configs = [job.spec.config for job in jobs]
    axes = _extra_axes(jobs)

    def told(tell: Callable[[Summary], str]) -> tuple[str, ...]:
        return tuple(tell(summary) if summary is not None else "" for summary in summaries)

    def config_column(head: str, cells: tuple[str, ...], **more: Any) -> Column:
        """What was asked is never left out, but for what was asked the same everywhere."""
        return Column(head, cells, rank=int(len(set(cells)) == 1), **more)

    columns = [
        Column("model", tuple(job.spec.model.name if job.spec.model is not None else "" for job in jobs)),
        config_column(
            "runtime",
            tuple(_runtime(job, entry) for job, entry in zip(jobs, entries)),
            short=tuple(runtime_label(config) for config in configs),
        ),
        config_column("precision", tuple(config.precision for config in configs), short_head="prec."),
        config_column("threads", tuple(str(config.threads) for config in configs), right=True, short_head="thr."),
        config_column("batch", tuple(str(config.batch) for config in configs), right=True),
        *(config_column(axis, tuple(_varied(job).get(axis, "") for job in jobs)) for axis in axes),
        Column("board", tuple(_board(entry, job, board_names) for job, entry in zip(jobs, entries)), 2),
        Column("inputs/s", told(lambda it: per_second(it.throughput_per_s)), right=True, style="bold"),
        Column("p50", told(lambda it: seconds(it.latency_p50_s)), right=True),
        Column("+-", told(_half_width), 4, right=True),
        Column("p90", told(lambda it: seconds(it.latency_p90_s)), 3, right=True, why_unknown=_TOO_FEW),
        Column("p99", told(lambda it: seconds(it.latency_p99_s)), 5, right=True, why_unknown=_TOO_FEW),
        Column("load", told(lambda it: seconds(it.load_s or None)), 8, right=True, why_unknown="the runner said none"),
        Column("memory", told(lambda it: size(it.peak_rss_bytes)), 6, right=True),
        Column("temp", told(lambda it: celsius(it.temperature_max_c)), 7, right=True),
        Column("clock", told(lambda it: hertz(it.clock_max_hz)), 9, right=True),
        Column("verdict", tuple(_verdict(job, summary) for job, summary in zip(jobs, summaries)), prose=True),
    ]
    return fitted(columns, width, elsewhere="`farm results --json`")


def result_row(
    job: Job, entry: ResultEntry | None, board_names: Mapping[str, tuple[str, Provenance]]
) -> dict[str, Any]:
    """One job as plain values, for `--json` and `--csv`: SI units in the names, None where there is no number."""
    config = job.spec.config
    name, provenance = board_names.get(entry.board_id if entry else job.board_id, ("", Provenance.HARDWARE))
    row: dict[str, Any] = {
        "job": job.job_id,
        "model": job.spec.model.name if job.spec.model is not None else None,
        "model_sha256": job.spec.model.artifact.sha256 if job.spec.model is not None else None,
        "runtime": config.runtime,
        "requirement": config.requirement or None,
        "runtime_version": _version(entry),
        "precision": config.precision,
        "threads": config.threads,
        "batch": config.batch,
        "build": config.build or None,
        "knobs": dict(config.knobs),
        "options": dict(config.options),
        "repeat": job.spec.repeat,
        "board": name or None,
        "board_id": (entry.board_id if entry else job.board_id) or None,
        "provenance": provenance.value,
        "state": job.state.value,
        "outcome": job.outcome.value if job.outcome is not None else None,
        "error": job.error or None,
    }
    summary = entry.summary if entry is not None else None
    interval = summary.latency_p50_interval if summary is not None else None
    return {
        **row,
        **{name: getattr(summary, name) if summary is not None else None for name in _FIGURES},
        "latency_p50_low_s": interval.low if interval is not None else None,
        "latency_p50_high_s": interval.high if interval is not None else None,
        "verdict": summary.verdict.value if summary is not None else None,
        "findings": [f"{it.verdict.value}: {it.evidence}" for it in summary.findings] if summary is not None else [],
    }


def _half_width(summary: Summary) -> str:
    """Of the median's interval, as a share of the median."""
    if summary.latency_p50_s <= 0.0:
        return UNKNOWN
    interval = summary.latency_p50_interval
    return f"{(interval.high - interval.low) / 2.0 / summary.latency_p50_s:.1%}"


def _verdict(job: Job, summary: Summary | None) -> Text:
    """What to think of the number, with the evidence; or why there is none."""
    if summary is not None:
        verdict = summary.verdict
        evidence = f" ({summary.findings[0].evidence})" if summary.findings else ""
        return Text.assemble((verdict.value, VERDICT_STYLES.get(verdict, "yellow")), (evidence, "dim"))
    if job.outcome is None:
        return Text(job.state.value, style="dim")
    if job.outcome is Outcome.PASSED:
        return Text("passed, measured nothing", style="dim")
    reason = job.error.splitlines()[0] if job.error else ""
    return Text.assemble((job.outcome.value, OUTCOME_STYLES[job.outcome][1]), (f" {reason}", "dim"))


def _runtime(job: Job, entry: ResultEntry | None) -> str:
    """With the version that really ran."""
    label = runtime_label(job.spec.config)
    version = _version(entry)
    return f"{job.spec.config.runtime} {version}" if version else label


def _version(entry: ResultEntry | None) -> str | None:
    if entry is None:
        return None
    runtime = entry.config.runtime
    names = (runtime, *_VERSIONS.get(runtime, ()))
    return next((entry.runtime_versions[name] for name in names if name in entry.runtime_versions), None)


def _board(entry: ResultEntry | None, job: Job, names: Mapping[str, tuple[str, Provenance]]) -> Text:
    board_id = entry.board_id if entry is not None else job.board_id
    if not board_id:
        return Text("")
    return marked(*names.get(board_id, (board_id[:12], Provenance.HARDWARE)))


def _varied(job: Job) -> dict[str, str]:
    config = job.spec.config
    options = {name: clipped(value) for name, value in config.options.items()}
    return {**config.knobs, **options, "build": config.build, "repeat": str(job.spec.repeat)}


def _extra_axes(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Knobs and options that any job has, and builds and repeats where they vary."""
    names = dict.fromkeys(name for job in jobs for name in (*job.spec.config.knobs, *job.spec.config.options))
    if len({job.spec.config.options.get(COMMAND) for job in jobs}) <= 1:
        names.pop(COMMAND, None)
    if any(job.spec.config.build for job in jobs):
        names["build"] = None
    if any(job.spec.repeat for job in jobs):
        names["repeat"] = None
    return tuple(names)
