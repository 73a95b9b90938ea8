"""Strategies for every value that travels: whatever fits the store and the protos, and nothing else."""

from __future__ import annotations

from hypothesis import strategies as st

from devicefarm.columns import FLOATS, INTEGERS
from farm.model.attempt import (
    AttemptRecord,
    Column,
    ErrorKind,
    Launch,
    Lease,
    Outcome,
    Phase,
    PhaseSpan,
    SensorSeries,
    Telemetry,
    ThrottleEvent,
    Verification,
)
from farm.model.board import Board, BoardFacts, BoardHealth, BoardIntent, BoardState, Provenance, RuntimeOffer
from farm.model.job import ArtifactRef, Config, Gate, JobSpec, JobState, Limits, Model, Scenario, ScenarioKind
from farm.model.live import BoardStatus, FarmStatus, JobChange, WatchUpdate
from farm.sweeps.expand import ModelFile

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
wholes = st.integers(0, 2**63 - 1)
smalls = st.integers(0, 2**31 - 1)
seconds = st.floats(0, allow_nan=False, allow_infinity=False)
maps = st.dictionaries(texts, texts, max_size=3)
name_tuples = st.lists(texts, max_size=3).map(tuple)


def _few(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=2).map(tuple)


leases = st.builds(Lease, names, wholes)
artifacts = st.builds(ArtifactRef, digests, wholes, texts)
models = st.builds(Model, texts, texts, texts, artifacts, st.none() | artifacts)
configs = st.builds(Config, names, texts, texts, smalls, smalls, texts, maps, maps)
scenarios = st.builds(
    Scenario,
    st.sampled_from(ScenarioKind),
    seconds,
    wholes,
    seconds,
    wholes,
    seconds,
    wholes,
    st.dictionaries(texts, seconds, max_size=2),
)
gates = st.builds(Gate, st.none() | st.floats(allow_nan=False), seconds)
specs = st.builds(
    JobSpec,
    names,
    names,
    st.none() | models,
    configs,
    scenarios,
    gates,
    st.builds(Limits, seconds, wholes),
    smalls,
    seconds,
    smalls,
)


def columns(codec: str) -> st.SearchStrategy[Column]:
    return st.builds(Column, st.just(codec), wholes, st.binary(max_size=20))


launches = st.builds(
    Launch,
    smalls,
    seconds,
    seconds,
    wholes,
    seconds,
    seconds,
    seconds,
    columns(INTEGERS),
    wholes,
    seconds,
    seconds,
    maps,
)


@st.composite
def _series(draw: st.DrawFn) -> SensorSeries:
    count = draw(wholes)
    return SensorSeries(
        draw(names),
        draw(texts),
        draw(texts),
        Column(INTEGERS, count, draw(st.binary(max_size=9))),
        Column(FLOATS, count, draw(st.binary(max_size=9))),
    )


telemetries = st.builds(Telemetry, _few(_series()), _few(st.builds(ThrottleEvent, seconds, seconds, texts, texts)))
verifications = st.builds(
    Verification,
    st.none() | st.booleans(),
    st.floats(0, allow_nan=False),
    st.none() | seconds,
    texts,
    st.just("") | digests,
)
records = st.builds(
    AttemptRecord,
    lease=leases,
    board_id=names,
    attempt=smalls,
    outcome=st.sampled_from(Outcome),
    error_kind=st.none() | st.sampled_from(ErrorKind),
    error=texts,
    log_tail=texts,
    phases=_few(st.builds(PhaseSpan, st.sampled_from(Phase), seconds, seconds, texts)),
    launches=_few(launches),
    telemetry=telemetries,
    context_before=maps,
    context_after=maps,
    verification=st.none() | verifications,
    started_unix_s=seconds,
    duration_s=seconds,
    environment=texts,
    isolation=texts,
    knobs_read_back=maps,
)

facts = st.builds(
    BoardFacts,
    texts,
    texts,
    texts,
    texts,
    smalls,
    name_tuples,
    wholes,
    texts,
    texts,
    texts,
    texts,
    name_tuples,
    texts,
    maps,
)
boards = st.builds(
    Board,
    names,
    names,
    names,
    st.sampled_from(Provenance),
    facts,
    maps,
    _few(st.builds(RuntimeOffer, names, name_tuples, texts)),
    name_tuples,
    name_tuples,
)
board_statuses = st.builds(
    BoardStatus,
    boards,
    st.sampled_from(BoardState),
    st.sampled_from(BoardHealth),
    st.sampled_from(BoardIntent),
    st.none() | leases,
)
farm_statuses = st.builds(
    FarmStatus,
    texts,
    texts,
    wholes,
    smalls,
    texts,
    seconds,
    wholes,
    wholes,
    texts,
    _few(board_statuses),
    texts,
)
changes = st.builds(
    JobChange,
    names,
    st.sampled_from(JobState),
    st.none() | st.sampled_from(Outcome),
    st.none() | st.sampled_from(ErrorKind),
    texts,
    texts,
    smalls,
    st.none() | st.sampled_from(Phase),
    seconds,
    texts,
    st.none() | specs,
)
updates = st.builds(WatchUpdate, _few(changes), _few(board_statuses), st.booleans(), st.booleans(), seconds)
model_files = st.builds(ModelFile, names, texts, texts, artifacts, st.none() | artifacts)
