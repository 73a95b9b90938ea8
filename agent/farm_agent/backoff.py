"""How long to wait before dialling again: full jitter, so that a farm does not dial in step after an outage.

Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: a random share of a doubling ceiling.
"""

from __future__ import annotations

import random

__all__ = ["Backoff"]

_FIRST_S = 0.5
_LONGEST_S = 30.0


class Backoff:
    """Pauses between 0 and a ceiling that doubles from 0.5 s to 30 s.

    >>> backoff = Backoff(random.Random(1))
    >>> all(backoff.next_pause_s() <= ceiling for ceiling in (0.5, 1, 2, 4, 8, 16, 30, 30, 30))
    True
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._ceiling_s = _FIRST_S

    def next_pause_s(self) -> float:
        """The pause to make now; the next ceiling is twice as high."""
        pause_s = self._rng.uniform(0.0, self._ceiling_s)
        self._ceiling_s = min(2.0 * self._ceiling_s, _LONGEST_S)
        return pause_s

    def reset(self) -> None:
        """The link was good."""
        self._ceiling_s = _FIRST_S
