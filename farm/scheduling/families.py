"""Set-up families: what a board must change before a job can start.

Three things cost time between two jobs, and a family is the first two of them:

    knobs         a clock or a voltage is changed by a reboot          the dearest
    environment   an interpreter and the wheels of one runtime         dear the first time, cheaper afterwards
    model         a file that is sent once and kept                    cheap, once per board and model

Jobs of one family follow each other on a board without a change. The costs are assumptions until a farm has
measured its own; only their order matters much.

    >>> from farm.model.job import Config, JobSpec
    >>> def setup(**config):
    ...     return make_setup(JobSpec(job_id="j", run_id="r", model=None, config=Config("onnxruntime", **config)))
    >>> costs, stock, fast = SetupCosts(), setup(), setup(knobs={"arm_freq": "2000"})
    >>> board = BoardSetup()
    >>> board.become(stock)
    >>> board.cost_s(stock, costs), board.cost_s(fast, costs)
    (0.0, 75.0)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from farm.model.job import JobSpec

__all__ = ["DEFAULT_COSTS", "BoardSetup", "Environment", "Knobs", "Setup", "SetupCosts", "make_setup"]

Knobs = tuple[tuple[str, str], ...]
Environment = tuple[str, str, str]


class Setup(NamedTuple):
    """What a job needs a board to be: knob values, (runtime, requirement, build), sha256 of the model."""

    knobs: Knobs
    environment: Environment
    model: str


@dataclass(frozen=True)
class SetupCosts:
    """Seconds for each change. Assumed, as in the synthetic queues that the order was measured on."""

    knobs_s: float = 75.0
    environment_first_s: float = 25.0
    environment_s: float = 8.0
    model_s: float = 4.0


DEFAULT_COSTS = SetupCosts()


@dataclass(slots=True)
class BoardSetup:
    """What a board was last set to, and what it has kept. A board not heard of yet has everything to change."""

    knobs: Knobs | None = None
    environment: Environment | None = None
    model: str | None = None
    environments: set[Environment] = field(default_factory=set)
    models: set[str] = field(default_factory=set)

    def cost_s(self, setup: Setup, costs: SetupCosts) -> float:
        """Seconds from here to `setup`."""
        cost = self.family_cost_s(setup.knobs, setup.environment, costs)
        return cost + costs.model_s if setup.model and setup.model not in self.models else cost

    def family_cost_s(self, knobs: Knobs, environment: Environment, costs: SetupCosts) -> float:
        """Seconds from here to a family, its models left out."""
        cost = 0.0 if knobs == self.knobs else costs.knobs_s
        if environment != self.environment:
            cost += costs.environment_s if environment in self.environments else costs.environment_first_s
        return cost

    def become(self, setup: Setup) -> None:
        """The board was given a job of this set-up."""
        self.knobs = setup.knobs
        self.environment = setup.environment
        self.model = setup.model
        self.environments.add(setup.environment)
        self.models.add(setup.model)


def make_setup(spec: JobSpec) -> Setup:
    """The set-up that a job needs; the model is empty where it needs none."""
    config = spec.config
    return Setup(
        tuple(sorted(config.knobs.items())) if config.knobs else (),
        (config.runtime, config.requirement, config.build),
        spec.model.artifact.sha256 if spec.model is not None else "",
    )
