"""Results as a table: one line per job, numbers first, and every doubt beside its number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from farm.model.attempt import Outcome
from farm.model.board import Provenance
from farm.model.job import Job
from farm.model.result import Summary
from farm.report.live import OUTCOME_STYLES, VERDICT_STYLES
from farm.report.quantities import celsius, hertz, per_second, seconds, size
from farm.report.run_view import runtime_label
from farm.store.queries import ResultEntry

__all__ = ["result_row", "results_table"]

_NUMERIC = ("threads", "batch", "inputs/s", "p50", "+-", "p90", "p99", "load", "memory", "temp", "clock")


def results_table(
    jobs: Sequence[Job], results: Mapping[str, ResultEntry], board_names: Mapping[str, tuple[str, Provenance]]
) -> Table:
    """Every job of a run in the order of the sweep; those without a number say why."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    axes = _extra_axes(jobs)
    heads = ("model", "runtime", "precision", "threads", "batch", *axes, "board")
    measures = ("inputs/s", "p50", "+-", "p90", "p99", "load", "memory", "temp", "clock", "verdict")
    for head in (*heads, *measures):
        table.add_column(head, justify="right" if head in _NUMERIC else "left", no_wrap=True)
    for job in jobs:
        config = job.spec.config
        entry = results.get(job.job_id)
        varied = {**config.knobs, **config.options, "build": config.build, "repeat": str(job.spec.repeat)}
        table.add_row(
            job.spec.model.name if job.spec.model is not None else "",
            _runtime(job, entry),
            config.precision,
            str(config.threads),
            str(config.batch),
            *(varied.get(axis, "") for axis in axes),
            _board(entry.board_id if entry else job.board_id, board_names),
            *(_measures(entry.summary) if entry is not None and entry.summary is not None else _nothing(job)),
        )
    return table


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
        "runtime": runtime_label(config),
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
        "verdict": None,
    }
    summary = entry.summary if entry is not None else None
    if summary is not None:
        figures = asdict(summary)
        interval = figures.pop("latency_p50_interval")
        findings = figures.pop("findings")
        figures.pop("batch")
        row |= {
            **figures,
            "latency_p50_low_s": interval["low"],
            "latency_p50_high_s": interval["high"],
            "verdict": summary.verdict.value,
            "findings": [f"{found['verdict'].value}: {found['evidence']}" for found in findings],
        }
    return row


def _measures(summary: Summary) -> Iterable[Text | str]:
    interval = summary.latency_p50_interval
    half = (interval.high - interval.low) / 2.0 / summary.latency_p50_s if summary.latency_p50_s > 0.0 else 0.0
    verdict = summary.verdict
    evidence = f" ({summary.findings[0].evidence})" if summary.findings else ""
    return (
        Text(per_second(summary.throughput_per_s), style="bold"),
        seconds(summary.latency_p50_s),
        f"{half:.1%}",
        seconds(summary.latency_p90_s),
        seconds(summary.latency_p99_s),
        seconds(summary.load_s),
        size(summary.peak_rss_bytes),
        celsius(summary.temperature_max_c),
        hertz(summary.clock_max_hz),
        Text.assemble((verdict.value, VERDICT_STYLES.get(verdict, "yellow")), (evidence, "dim")),
    )


def _nothing(job: Job) -> Iterable[Text | str]:
    if job.outcome is None:
        told = Text(job.state.value, style="dim")
    elif job.outcome is Outcome.PASSED:
        told = Text("passed, measured nothing", style="dim")
    else:
        reason = job.error.splitlines()[0] if job.error else ""
        told = Text.assemble((job.outcome.value, OUTCOME_STYLES[job.outcome][1]), (f" {reason}", "dim"))
    return (*("" for _ in range(9)), told)


def _runtime(job: Job, entry: ResultEntry | None) -> str:
    """With the version that really ran."""
    label = runtime_label(job.spec.config)
    version = _version(entry)
    return f"{job.spec.config.runtime} {version}" if version else label


def _version(entry: ResultEntry | None) -> str | None:
    if entry is None:
        return None
    return entry.runtime_versions.get(f"{entry.config.runtime}.version") or entry.runtime_versions.get("version")


def _board(board_id: str, names: Mapping[str, tuple[str, Provenance]]) -> Text:
    if not board_id:
        return Text("")
    name, provenance = names.get(board_id, (board_id[:12], Provenance.HARDWARE))
    if provenance is Provenance.HARDWARE:
        return Text(name)
    return Text.assemble(name, (f" ({provenance.value})", "magenta"))


def _extra_axes(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Knobs and options that any job has, and builds and repeats where they vary."""
    names = dict.fromkeys(name for job in jobs for name in (*job.spec.config.knobs, *job.spec.config.options))
    names.pop("command", None)
    if any(job.spec.config.build for job in jobs):
        names["build"] = None
    if any(job.spec.repeat for job in jobs):
        names["repeat"] = None
    return tuple(names)
