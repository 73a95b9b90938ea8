"""How near the order comes to what no order can beat. Ratios of modelled seconds: the machine plays no part."""

from __future__ import annotations

import pytest

from benchmarks.scheduling import FirstInFirstOut, make_instance
from farm.scheduling.forecast import forecast, lower_bound_s

MOST_ABOVE_BOUND = 1.10


@pytest.mark.parametrize("seed", range(2))
def test_a_farm_of_a_hundred_boards_ends_within_a_tenth_of_the_bound(seed: int) -> None:
    instance = make_instance(seed, mean_s=53.0)
    bound_s = lower_bound_s(instance.jobs, duration_s=instance.duration_s)
    sticky = forecast(instance.jobs, duration_s=instance.duration_s)
    naive = forecast(instance.jobs, order=FirstInFirstOut(), duration_s=instance.duration_s)
    assert bound_s <= sticky.makespan_s <= MOST_ABOVE_BOUND * bound_s
    assert naive.makespan_s > 1.5 * bound_s
    assert sticky.reboots * 20 < naive.reboots
