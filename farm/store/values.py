"""Jobs, runs and boards as columns, and back.

What is stored is what comes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from farm.model.attempt import Outcome
from farm.model.board import Board, BoardFacts, BoardState, Provenance, RuntimeOffer
from farm.model.identity import Json, digest
from farm.model.job import (
    ArtifactRef,
    Config,
    Gate,
    Job,
    JobSpec,
    JobState,
    Limits,
    Model,
    Run,
    RunState,
    Scenario,
    ScenarioKind,
)
from farm.store.sanitise import compact, plain, plain_map, whole

__all__ = [
    "Columns",
    "Digests",
    "board_columns",
    "board_from",
    "config_from",
    "job_columns",
    "job_from",
    "run_columns",
    "run_from",
    "scenario_from",
    "spec_columns",
]

Columns = dict[str, Any]
"""One row as SQLAlchemy takes it."""


class Digests:
    """Digests of many alike configs and scenarios: each distinct one is made once, for canonical JSON is slow."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, value: Json) -> str:
        key = compact(value)
        if key not in self._known:
            self._known[key] = digest(value)
        return self._known[key]


def run_columns(run: Run, *, job_count: int) -> Columns:
    return {
        "run_id": run.run_id,
        "name": plain(run.name),
        "submitted_by": plain(run.submitted_by),
        "created_unix_s": run.created_unix_s,
        "finished_unix_s": None,
        "state": run.state.value,
        "job_count": job_count,
        "sweep_json": plain(run.sweep_json),
    }


def run_from(row: Row[Any]) -> Run:
    return Run(
        run_id=row.run_id,
        name=row.name,
        sweep_json=row.sweep_json,
        submitted_by=row.submitted_by,
        created_unix_s=row.created_unix_s,
        state=RunState(row.state),
    )


def job_columns(job: Job, *, now_unix_s: float) -> Columns:
    """Where a job stands; its number is the database's to give."""
    return {
        "job_id": job.spec.job_id,
        "run_id": job.spec.run_id,
        "state": job.state.value,
        "outcome": job.outcome.value if job.outcome else None,
        "fence": job.fence,
        "attempts": job.attempts,
        "board_id": job.board_id,
        "changed_unix_s": now_unix_s,
        "error_kind": None,
        "error": plain(job.error),
        "failed_boards_json": compact(job.failed_boards),
        "priority": job.priority,
        "estimate_s": job.estimate_s,
        "board_ids_json": compact(job.board_ids),
    }


def spec_columns(spec: JobSpec, *, digests: Digests) -> Columns:
    """The question that a job asks, all but the job's number."""
    config = spec.config.as_json()
    scenario = spec.scenario.as_json()
    return {
        "model_name": plain(spec.model.name) if spec.model else "",
        "model_format": spec.model.format if spec.model else "",
        "model_sha256": spec.model.artifact.sha256 if spec.model else "",
        "model_json": compact(asdict(spec.model)) if spec.model else None,
        "runtime": spec.config.runtime,
        "config_digest": digests.of(config),
        "config_json": compact(config),
        "scenario_kind": spec.scenario.kind.value,
        "scenario_digest": digests.of(scenario),
        "scenario_json": compact(scenario),
        "gate_json": compact(asdict(spec.gate)),
        "limits_json": compact(asdict(spec.limits)),
        "launches": spec.launches,
        "cooldown_s": spec.cooldown_s,
        "repeat": spec.repeat,
    }


def job_from(row: Row[Any]) -> Job:
    """From a row of `job` joined with its `job_spec`."""
    return Job(
        spec=JobSpec(
            job_id=row.job_id,
            run_id=row.run_id,
            model=_model_from(json.loads(row.model_json)) if row.model_json else None,
            config=config_from(row.config_json),
            scenario=scenario_from(row.scenario_json),
            gate=Gate(**json.loads(row.gate_json)),
            limits=Limits(**json.loads(row.limits_json)),
            launches=row.launches,
            cooldown_s=row.cooldown_s,
            repeat=row.repeat,
        ),
        board_ids=tuple(json.loads(row.board_ids_json)),
        priority=row.priority,
        estimate_s=row.estimate_s,
        state=JobState(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        fence=row.fence,
        attempts=row.attempts,
        failed_boards=tuple(json.loads(row.failed_boards_json)),
        board_id=row.board_id,
        error=row.error,
    )


def config_from(text: str) -> Config:
    return Config(**json.loads(text))


def scenario_from(text: str) -> Scenario:
    fields = json.loads(text)
    return Scenario(**{**fields, "kind": ScenarioKind(fields["kind"])})


def _model_from(fields: Mapping[str, Any]) -> Model:
    golden = fields["golden"]
    return Model(
        name=fields["name"],
        format=fields["format"],
        precision=fields["precision"],
        artifact=ArtifactRef(**fields["artifact"]),
        golden=ArtifactRef(**golden) if golden else None,
    )


def board_columns(board: Board, state: BoardState) -> Columns:
    """Who a board is, what was detected and what it is doing; health, intent and times are not the board's to say."""
    facts = {
        name: plain(value) if isinstance(value, str) else value
        for name, value in asdict(board.facts).items()
        if name not in {"extra", "cpu_features", "usb_devices"}
    }
    return {
        "board_id": board.board_id,
        "board_type": plain(board.board_type),
        "name": plain(board.name),
        "provenance": board.provenance.value,
        "agent_id": plain(board.agent_id),
        "state": state.value,
        "facts_json": compact(
            {
                **facts,
                "memory_bytes": whole(board.facts.memory_bytes),
                "cpu_features": [plain(feature) for feature in board.facts.cpu_features],
                "usb_devices": [plain(device) for device in board.facts.usb_devices],
                "extra": plain_map(board.facts.extra),
            }
        ),
        "tags_json": compact(plain_map(board.tags)),
        "runtimes_json": compact(
            [
                {
                    "runtime": plain(offer.runtime),
                    "formats": [plain(name) for name in offer.formats],
                    "unavailable_reason": plain(offer.unavailable_reason),
                }
                for offer in board.runtimes
            ]
        ),
        "knobs_json": compact([plain(knob) for knob in board.knobs]),
        "sensors_json": compact([plain(sensor) for sensor in board.sensors]),
    }


def board_from(row: Row[Any]) -> Board:
    facts = json.loads(row.facts_json)
    return Board(
        board_id=row.board_id,
        board_type=row.board_type,
        name=row.name,
        provenance=Provenance(row.provenance),
        facts=BoardFacts(
            **{
                **facts,
                "cpu_features": tuple(facts["cpu_features"]),
                "usb_devices": tuple(facts["usb_devices"]),
            }
        ),
        tags=json.loads(row.tags_json),
        runtimes=tuple(
            RuntimeOffer(offer["runtime"], tuple(offer["formats"]), offer["unavailable_reason"])
            for offer in json.loads(row.runtimes_json)
        ),
        knobs=tuple(json.loads(row.knobs_json)),
        sensors=tuple(json.loads(row.sensors_json)),
        agent_id=row.agent_id,
    )
