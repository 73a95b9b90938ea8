"""One coordinator at a time, and what a second one hears."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from farm.errors import AlreadyRunningError, StaleEpochError, StoreError
from farm.store.store import Epoch, Store
from farm.store.writes import WriteResult
from tests.contract.store.things import board_writes

_HOLDER = """
import sys
from farm.store.store import Store
store = Store.open(sys.argv[1])
print(store.hold("main", host="elsewhere").number, flush=True)
sys.stdin.read()
"""


def test_each_start_raises_the_epoch(open_store: Callable[[], Store]) -> None:
    for number in (1, 2, 3):
        store = open_store()
        assert store.hold("main", host="bench-1") == Epoch("main", number)
        store.close()


def test_a_second_coordinator_hears_who_is_there(open_store: Callable[[], Store]) -> None:
    open_store().hold("main", host="bench-1")
    second = open_store()
    with pytest.raises(
        AlreadyRunningError, match=rf"shard main.*process {os.getpid()} on bench-1, since \d{{4}}-"
    ) as error:
        second.hold("main", host="bench-2")
    assert "farm down" in error.value.hint
    assert second.hold("other", host="bench-2") == Epoch("other", 1)


def test_closing_lets_the_next_one_in(open_store: Callable[[], Store]) -> None:
    first, second = open_store(), open_store()
    first.hold("main", host="bench-1")
    first.close()
    first.close()
    assert second.hold("main", host="bench-2").number == 2


def test_a_holder_that_is_killed_holds_no_longer(url: str, open_store: Callable[[], Store]) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        store = open_store()
        with pytest.raises(AlreadyRunningError, match=f"process {holder.pid} on elsewhere"):
            store.hold("main", host="bench-1")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert _hold_when_free(store).number == 2


def _hold_when_free(store: Store) -> Epoch:
    """PostgreSQL needs a moment to see that the holder's connection is gone."""
    while True:
        try:
            return store.hold("main", host="bench-1")
        except AlreadyRunningError:
            continue


def test_a_takeover_stops_the_old_one_and_inherits_its_lock(open_store: Callable[[], Store]) -> None:
    zombie, heir, third = open_store(), open_store(), open_store()
    old = zombie.hold("main", host="bench-1")
    new = heir.hold("main", host="bench-1", takeover=True)
    assert heir.apply(new, board_writes("pi-4")) == [WriteResult.ACCEPTED]
    with pytest.raises(StaleEpochError, match="epoch 2, this one's is 1"):
        zombie.apply(old, board_writes("pi-5"))
    assert set(heir.load_boards()) == {"pi-4"}
    zombie.close()
    heir.apply(new, board_writes("pi-4"))
    with pytest.raises(AlreadyRunningError):
        third.hold("main", host="bench-1")


def test_of_many_who_start_at_once_one_holds(open_store: Callable[[], Store]) -> None:
    def attempt(store: Store) -> int:
        try:
            return store.hold("main", host="bench-1").number
        except AlreadyRunningError:
            return 0

    stores = [open_store() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, stores)) == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("shard", ["", "../x", "a b", "a.b"])
def test_a_shard_has_a_plain_name(store: Store, shard: str) -> None:
    with pytest.raises(StoreError, match="cannot name a shard"):
        store.hold(shard, host="bench-1")
