"""Which columns of a record travel as artifacts."""

from __future__ import annotations

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.delivery import columns_to_put

KIB = 1024


def _record(*sizes_kib: int) -> attempt_pb2.AttemptRecord:
    columns = [attempt_pb2.Column(inline=bytes(size * KIB)) for size in sizes_kib]
    return attempt_pb2.AttemptRecord(launches=[attempt_pb2.Launch(latency_ns=column) for column in columns])


@pytest.mark.parametrize(
    ("sizes_kib", "put_kib"),
    [
        ([], []),
        ([100, 512], []),
        ([100, 513], [513]),
        ([600, 10, 900], [900, 600]),
        ([400] * 7, []),
        ([400] * 10, [400, 400, 400]),
    ],
)
def test_the_largest_go_until_the_rest_fits_into_a_message(sizes_kib: list[int], put_kib: list[int]) -> None:
    record = _record(*sizes_kib)
    columns = columns_to_put(record)
    assert [len(column.inline) // KIB for column in columns] == put_kib
    for column in columns:
        column.artifact.sha256 = "0" * 64
    assert record.ByteSize() <= 3 * 1024 * KIB + 10 * KIB
    assert columns_to_put(record) == []


def test_telemetry_counts_as_well() -> None:
    record = attempt_pb2.AttemptRecord()
    record.telemetry.series.add().values.inline = bytes(600 * KIB)
    record.telemetry.series.add().at_ns.inline = bytes(700 * KIB)
    assert [len(column.inline) for column in columns_to_put(record)] == [700 * KIB, 600 * KIB]
