"""The stage that most tests of this room play on."""

from __future__ import annotations

import pytest

from farm.scheduling.core import Policy
from tests.unit.scheduling.scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene(Policy())
