"""Warm-up ends when the series is level, not after a fixed count.

Inferences are gathered into windows of at least 5 runs and 50 ms. The series is level when the medians of the last
three windows lie within 2 % of each other, or no farther apart than their own noise (three standard errors of a median,
estimated from the median absolute deviation). A bound on time ends it in any case, and the result says which it was.
"""

from array import array
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple

from .loop import Rule, clock_ns, measure

__all__ = ["Warmup", "is_level", "warm_up"]

WINDOW_NS = 50000000
WINDOW_COUNT = 5
WINDOWS = 3
TOLERANCE = 0.02


class Warmup(NamedTuple):
    inferences: int
    elapsed_ns: int
    level: bool


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0


def _median_and_error(window: Sequence[int]) -> Tuple[float, float]:
    center = median(window)
    deviation = median([abs(value - center) for value in window])
    # 1.4826 makes the deviation a sigma, 1.2533 is a median's standard error over a mean's, for a normal distribution.
    return center, 1.4826 * 1.2533 * deviation / len(window) ** 0.5


def is_level(windows: Sequence[Sequence[int]]) -> bool:
    """Whether the last three windows of latencies say the same."""
    if len(windows) < WINDOWS:
        return False
    judged = [_median_and_error(window) for window in windows[-WINDOWS:]]
    centers = [center for center, _ in judged]
    spread = max(centers) - min(centers)
    return spread <= max(TOLERANCE * min(centers), 3 * max(error for _, error in judged))


def warm_up(
    invoke: Callable[[], Any],
    max_ns: int,
    between: Callable[[int, int], None] = lambda count, elapsed_ns: None,
    clock: Callable[[], int] = clock_ns,
) -> Warmup:
    """Run until level or until `max_ns` have passed; none at all when `max_ns` is zero."""
    windows: List[array[int]] = []
    began = clock()
    count = 0
    while True:
        elapsed = clock() - began
        if elapsed >= max_ns:
            return Warmup(count, elapsed, False)
        left = max_ns - elapsed
        window = measure(invoke, Rule(min(WINDOW_NS, left), WINDOW_COUNT, left, 1 << 20), clock=clock).latency_ns
        count += len(window)
        windows = [*windows[1 - WINDOWS :], window]
        if len(window) >= WINDOW_COUNT and is_level(windows):
            return Warmup(count, clock() - began, True)
        between(count, clock() - began)
