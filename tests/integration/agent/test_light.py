"""A running agent carries nothing that a board has no use for."""

from __future__ import annotations

import subprocess
import sys

LOADED_BY_A_LINK = """
import sys
from farm_agent.light import import_grpc_lightly
import_grpc_lightly()
import farm_agent.session, farm_agent.assembly, farm_agent.boards.linux
from grpc import _common
import os
print(os.environ["GRPC_ENABLE_FORK_SUPPORT"])
print(_common.MAXIMUM_WAIT_TIMEOUT)
print(*sorted(sys.modules))
import ssl
"""


def test_what_serves_a_board_imports_no_second_grpc_and_nothing_of_the_farm() -> None:
    said = subprocess.run([sys.executable, "-c", LOADED_BY_A_LINK], capture_output=True, text=True, check=True).stdout
    fork_support, longest_wait_s, *loaded = said.split()
    assert fork_support == "false"
    assert float(longest_wait_s) >= 1.0
    assert "grpc._cython.cygrpc" in loaded
    assert not [name for name in loaded if name.startswith("grpc.aio.")]
    assert "ssl" not in loaded
    assert not {"numpy", "ray", "sqlalchemy", "farm"} & set(loaded)


def test_grpc_that_is_there_already_is_left_as_it_is() -> None:
    script = """
import grpc.aio
from farm_agent.light import import_grpc_lightly
import_grpc_lightly()
grpc.aio.insecure_channel
"""
    subprocess.run([sys.executable, "-c", script], check=True)
