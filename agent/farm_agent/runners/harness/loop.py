"""The measuring loop: one inference after another, each timed from the call to its complete output.

This is MLPerf's single-stream scenario; `offline` is the same with batches as large as the config says. A turn costs
two clock reads, one store into a preallocated array and one comparison. What goes on beside it (judging, progress)
happens between blocks of at most half a second. The garbage collector is off meanwhile, as in `timeit`.
"""

import gc
import time
from array import array
from typing import Any, Callable, NamedTuple

__all__ = ["Rule", "Series", "clock_ns", "loop_overhead_s", "measure"]

BLOCK_COUNT = 4096
BLOCK_NS = 500000000


def _clock_of_python_3_6() -> int:
    return int(time.perf_counter() * 1e9)


clock_ns: Callable[[], int] = getattr(time, "perf_counter_ns", _clock_of_python_3_6)


class Rule(NamedTuple):
    """When to stop: both minimums are met, or either maximum is. Durations in nanoseconds."""

    min_ns: int
    min_count: int
    max_ns: int
    max_count: int

    def met(self, count: int, elapsed_ns: int) -> bool:
        if count >= self.max_count or elapsed_ns >= self.max_ns:
            return True
        return count >= self.min_count and elapsed_ns >= self.min_ns

    def fraction(self, count: int, elapsed_ns: int) -> float:
        """How far it is, 0 to 1: the slower of the two minimums, or the nearer maximum."""
        minimums = min(
            count / self.min_count if self.min_count else 1.0, elapsed_ns / self.min_ns if self.min_ns else 1.0
        )
        maximums = max(count / self.max_count, elapsed_ns / self.max_ns) if self.max_ns else 1.0
        return min(1.0, max(minimums, maximums))


class Series(NamedTuple):
    """Latencies in nanoseconds in order, and the wall time from the first call to the end of the last."""

    latency_ns: "array[int]"
    elapsed_ns: int


def measure(
    invoke: Callable[[], Any],
    rule: Rule,
    between: Callable[[int, int], None] = lambda count, elapsed_ns: None,
    clock: Callable[[], int] = clock_ns,
) -> Series:
    """Call `invoke` until the rule is met; `between(count, elapsed_ns)` is called between blocks.

    At least one inference is always made. What `invoke` raises passes through.
    """
    latencies = array("Q")
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        began = now = clock()
        while True:
            size = _block_size(rule, len(latencies), now - began)
            block = array("Q", bytes(8 * size))
            turn = 0
            block_end = _block_end(rule, began, now)
            while turn < size:
                start = clock()
                invoke()
                now = clock()
                block[turn] = now - start
                turn += 1
                if now >= block_end:
                    break
            latencies.extend(block[:turn])
            if rule.met(len(latencies), now - began):
                return Series(latencies, now - began)
            between(len(latencies), now - began)
    finally:
        if collecting:
            gc.enable()


def _block_size(rule: Rule, count: int, elapsed_ns: int) -> int:
    size = min(BLOCK_COUNT, rule.max_count - count)
    if elapsed_ns >= rule.min_ns:
        size = min(size, rule.min_count - count)
    return max(1, size)


def _block_end(rule: Rule, began: int, now: int) -> int:
    end = min(now + BLOCK_NS, began + rule.max_ns)
    return min(end, began + rule.min_ns) if now - began < rule.min_ns else end


def _nothing() -> None:
    pass


def loop_overhead_s(clock: Callable[[], int] = clock_ns) -> float:
    """What one turn of `measure` costs beside the inference: the best of five runs over a call that does nothing."""
    turns = 2000
    rule = Rule(0, turns, 1 << 62, turns)
    return min(measure(_nothing, rule, clock=clock).elapsed_ns for _ in range(5)) / turns / 1e9
