"""A model that was cut off anywhere is noticed before a board gets it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import ModelFileError
from farm.modelfiles.onnx_layout import LayoutError, check_onnx
from farm.modelfiles.resolve import ResolvedFile
from farm.modelfiles.tflite_layout import check_tflite

ROOT = Path(__file__).parents[3]
OWN = sorted(path for path in (ROOT / "models").iterdir() if path.suffix in {".onnx", ".tflite"})
SHARED = ROOT.parent / "shared/data/models"
OTHERS = sorted(SHARED.glob("*.tflite"))


def check(path: Path) -> Callable[[bytes], None]:
    return check_onnx if path.suffix == ".onnx" else check_tflite


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_every_cut_through_one_of_our_models_is_noticed(path: Path) -> None:
    cut_through(path)


@pytest.mark.skipif(not OTHERS, reason="../shared/data/models is not beside this checkout")
def test_every_cut_through_a_model_of_mlperf_tiny_is_noticed() -> None:
    for path in OTHERS:
        cut_through(path)


def cut_through(path: Path) -> None:
    data = path.read_bytes()
    check(path)(data)
    seeded = random.Random(7)
    unnoticed = []
    for cut in [*range(1, 40), *(seeded.randrange(1, len(data)) for _ in range(150))]:
        try:
            check(path)(data[:-cut])
        except LayoutError:
            continue
        unnoticed.append(data[-cut:])
    # Protobuf: without the metadata (tag 0x72) that stand whole at its end, an ONNX file is whole too.
    assert all(path.suffix == ".onnx" and rest[0] == 0x72 and rest[1] == len(rest) - 2 for rest in unnoticed)
    assert len(unnoticed) <= 1


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_damaged_bytes_are_refused_or_harmless_but_never_a_crash(path: Path) -> None:
    data = path.read_bytes()
    seeded = random.Random(11)
    refused = 0
    for _ in range(150):
        spoilt = bytearray(data)
        for _ in range(30):
            at = seeded.randrange(min(len(data), 12_000))
            if not 4 <= at < 8:
                spoilt[at] = seeded.randrange(256)
        try:
            check(path)(bytes(spoilt))
        except LayoutError:
            refused += 1
    assert refused, "some of it hits the structure"


def test_the_message_names_the_file_and_what_is_missing(find: Callable[..., list[ResolvedFile]], folder: Path) -> None:
    for name in ("digits-float32.onnx", "digits-float32.tflite"):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(ModelFileError) as caught:
            find(name, folder)
        assert name in caught.value.message
        assert "truncated" in caught.value.message
        assert caught.value.hint == "download or convert it again"


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def test_weights_in_another_file_are_told_with_what_to_do() -> None:
    external = field(13, field(1, b"location") + field(2, b"cnn.onnx_data")) + bytes([14 << 3, 1])
    graph = field(1, b"\x22\x04Relu") + field(5, external)
    model = b"\x08\x08" + field(7, graph) + field(8, b"\x10\x11")
    with pytest.raises(LayoutError, match=r"another file \(`cnn.onnx_data`\)"):
        check_onnx(model)
    whole = b"\x08\x08" + field(7, field(1, b"\x22\x04Relu")) + field(8, b"\x10\x11")
    check_onnx(whole)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x08\x08", "no graph"),
        (b"\x08\x08" + field(7, b"") + field(8, b"\x10\x11"), "no operators"),
        (b"\x08" + b"\xff" * 12, "a number without end"),
        (b"\x0f\x00", "no such field type as 7"),
        (b"\x00\x00", "no field 0"),
        (b"\x08", "in the middle of a number"),
    ],
)
def test_what_is_no_onnx_model_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(LayoutError, match=says):
        check_onnx(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "identifier"),
        (b"\x10\x00\x00\x00TFL2" + bytes(40), "identifier"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(40), "truncated"),
        (b"\x08\x00\x00\x00TFL3" + b"\x7f\xff\xff\x7f" + bytes(40), "before its start"),
        (b"\x0c\x00\x00\x00TFL3" + b"\x04\x00\x04\x00" + b"\x04\x00\x00\x00", "has no operators"),
    ],
)
def test_what_is_no_tflite_model_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(LayoutError, match=says):
        check_tflite(data)
