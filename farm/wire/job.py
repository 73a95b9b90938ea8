"""job.proto: jobs, what defines them, and the lease on one."""

from __future__ import annotations

from devicefarm.v1 import job_pb2
from farm.errors import WireError
from farm.model.attempt import Lease
from farm.model.job import ArtifactRef, Config, Gate, JobSpec, Limits, Model, Scenario, ScenarioKind
from farm.wire.checks import finite, mapping, name, sha256, small, text, whole

__all__ = ["from_artifact", "from_job_spec", "from_lease", "to_artifact", "to_job_spec", "to_lease"]

_KIND = {
    ScenarioKind.SINGLE_STREAM: job_pb2.SCENARIO_KIND_SINGLE_STREAM,
    ScenarioKind.MULTI_STREAM: job_pb2.SCENARIO_KIND_MULTI_STREAM,
    ScenarioKind.OFFLINE: job_pb2.SCENARIO_KIND_OFFLINE,
    ScenarioKind.SERVER: job_pb2.SCENARIO_KIND_SERVER,
    ScenarioKind.SOAK: job_pb2.SCENARIO_KIND_SOAK,
}
_KIND_BACK = {number: value for value, number in _KIND.items()}


def to_lease(lease: Lease) -> job_pb2.LeaseRef:
    return job_pb2.LeaseRef(job_id=lease.job_id, fence=lease.fence)


def from_lease(message: job_pb2.LeaseRef, field: str = "lease") -> Lease:
    """Raises `WireError`."""
    return Lease(name(message.job_id, f"{field}.job_id"), whole(message.fence, f"{field}.fence"))


def to_artifact(ref: ArtifactRef) -> job_pb2.ArtifactRef:
    return job_pb2.ArtifactRef(sha256=ref.sha256, size_bytes=ref.size_bytes, name=ref.name)


def from_artifact(message: job_pb2.ArtifactRef, field: str = "artifact") -> ArtifactRef:
    """Raises `WireError`."""
    return ArtifactRef(
        sha256=sha256(message.sha256, f"{field}.sha256"),
        size_bytes=whole(message.size_bytes, f"{field}.size_bytes"),
        name=text(message.name),
    )


def to_job_spec(spec: JobSpec) -> job_pb2.JobSpec:
    return job_pb2.JobSpec(
        job_id=spec.job_id,
        run_id=spec.run_id,
        model=None if spec.model is None else _to_model(spec.model),
        config=_to_config(spec.config),
        scenario=_to_scenario(spec.scenario),
        gate=job_pb2.Gate(start_below_c=spec.gate.start_below_c, timeout_s=spec.gate.timeout_s),
        limits=job_pb2.Limits(attempt_s=spec.limits.attempt_s, memory_bytes=spec.limits.memory_bytes),
        launches=spec.launches,
        cooldown_s=spec.cooldown_s,
        repeat=spec.repeat,
    )


def from_job_spec(message: job_pb2.JobSpec) -> JobSpec:
    """Raises `WireError`. Only the model may be missing: a `command` may need none."""
    for part in ("config", "scenario", "gate", "limits"):
        if not message.HasField(part):
            raise WireError(f"job.{part} is missing.")
    return JobSpec(
        job_id=name(message.job_id, "job.job_id"),
        run_id=name(message.run_id, "job.run_id"),
        model=_from_model(message.model) if message.HasField("model") else None,
        config=_from_config(message.config),
        scenario=_from_scenario(message.scenario),
        gate=_from_gate(message.gate),
        limits=Limits(
            attempt_s=finite(message.limits.attempt_s, "job.limits.attempt_s"),
            memory_bytes=whole(message.limits.memory_bytes, "job.limits.memory_bytes"),
        ),
        launches=small(message.launches, "job.launches"),
        cooldown_s=finite(message.cooldown_s, "job.cooldown_s"),
        repeat=small(message.repeat, "job.repeat"),
    )


def _to_model(model: Model) -> job_pb2.Model:
    return job_pb2.Model(
        name=model.name,
        format=model.format,
        precision=model.precision,
        artifact=to_artifact(model.artifact),
        golden=None if model.golden is None else to_artifact(model.golden),
    )


def _from_model(message: job_pb2.Model) -> Model:
    if not message.HasField("artifact"):
        raise WireError("job.model.artifact is missing.")
    return Model(
        name=text(message.name),
        format=text(message.format),
        precision=text(message.precision),
        artifact=from_artifact(message.artifact, "job.model.artifact"),
        golden=from_artifact(message.golden, "job.model.golden") if message.HasField("golden") else None,
    )


def _to_config(config: Config) -> job_pb2.Config:
    return job_pb2.Config(
        runtime=config.runtime,
        requirement=config.requirement,
        precision=config.precision,
        threads=config.threads,
        batch=config.batch,
        build=config.build,
        knobs=config.knobs,
        options=config.options,
    )


def _from_config(message: job_pb2.Config) -> Config:
    return Config(
        runtime=name(message.runtime, "job.config.runtime"),
        requirement=text(message.requirement),
        precision=text(message.precision),
        threads=small(message.threads, "job.config.threads"),
        batch=small(message.batch, "job.config.batch"),
        build=text(message.build),
        knobs=mapping(message.knobs),
        options=mapping(message.options),
    )


def _to_scenario(scenario: Scenario) -> job_pb2.Scenario:
    return job_pb2.Scenario(
        kind=_KIND[scenario.kind],
        min_duration_s=scenario.min_duration_s,
        min_count=scenario.min_count,
        max_duration_s=scenario.max_duration_s,
        max_count=scenario.max_count,
        max_warmup_s=scenario.max_warmup_s,
        seed=scenario.seed,
        converge=scenario.converge,
    )


def _from_scenario(message: job_pb2.Scenario) -> Scenario:
    kind = _KIND_BACK.get(message.kind)
    if kind is None:
        raise WireError(f"job.scenario.kind is {message.kind}, which no scenario has.")
    return Scenario(
        kind=kind,
        min_duration_s=finite(message.min_duration_s, "job.scenario.min_duration_s"),
        min_count=whole(message.min_count, "job.scenario.min_count"),
        max_duration_s=finite(message.max_duration_s, "job.scenario.max_duration_s"),
        max_count=whole(message.max_count, "job.scenario.max_count"),
        max_warmup_s=finite(message.max_warmup_s, "job.scenario.max_warmup_s"),
        seed=whole(message.seed, "job.scenario.seed"),
        converge={text(key): finite(value, "job.scenario.converge") for key, value in message.converge.items()},
    )


def _from_gate(message: job_pb2.Gate) -> Gate:
    return Gate(
        start_below_c=message.start_below_c if message.HasField("start_below_c") else None,
        timeout_s=finite(message.timeout_s, "job.gate.timeout_s"),
    )
