"""Which boards a line of text means, and why a board is not among them."""

from __future__ import annotations

import pytest

from farm.errors import ExpressionError
from farm.model.board import Board, BoardFacts, Provenance, RuntimeOffer
from farm.model.selector import Selector

PI = Board(
    "pi-100000001",
    "raspberry-pi-4",
    "shelf2-pi",
    facts=BoardFacts(
        architecture="aarch64",
        cpu_count=4,
        memory_bytes=1_966_161_920,  # MemTotal of a Pi 4 sold with 2 GiB
        kernel="6.1.21-v8+",
        cpu_features=("asimd", "crc32"),
        extra={"firmware": "2024-09-02"},
    ),
    tags={"shelf": "2", "cooling": "fan"},
    runtimes=(RuntimeOffer("onnxruntime", ("onnx",)), RuntimeOffer("tensorrt", ("onnx",), "no NVIDIA GPU")),
    knobs=("clock", "governor"),
)
SIMULATED = Board("sim-1", "simulated-pi4", "sim", provenance=Provenance.SIMULATED)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "type=raspberry-pi-4",
        "type==raspberry-pi-4",
        "type=raspberry-pi-5|raspberry-pi-4",
        "type~raspberry-pi-*",
        "type!=raspberry-pi-5",
        "name=shelf2-pi,id~pi-*",
        "ram>=2GiB",
        "ram=2GiB",
        "ram<4GB",
        "cpus=4",
        "cpus>3,cpus<5,cpus>=4,cpus<=4",
        "arch=arm64",
        "provenance=hardware",
        "shelf=2",
        "tag.shelf=2",
        "cooling!=none",
        "rack!=7",
        "kernel>=6.1",
        "kernel<6.10",
        "cpu_features=asimd",
        "cpu_features~crc*",
        "fact.firmware>=2024-08",
        "runtime=onnxruntime",
        "runtime!=tensorrt",
        "knob=clock",
        " type = raspberry-pi-4 , ram >= 2GiB ",
    ],
)
def test_a_board_that_fulfils_every_clause_matches(written: str) -> None:
    selector = Selector.parse(written)
    assert selector.matches(PI)
    assert selector.why_not(PI) == ""


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("type=raspberry-pi-5", "`type=raspberry-pi-5`: its type is `raspberry-pi-4`"),
        ("type=raspberry-pi-4,ram>=4GiB", "`ram>=4GiB`: its ram is 1.83GiB"),
        ("cpus>4", "`cpus>4`: its cpus is 4"),
        ("provenance=simulated", "`provenance=simulated`: its provenance is `hardware`"),
        ("shelf=3", "`shelf=3`: its tag `shelf` is `2`"),
        ("rack=7", "`rack=7`: it has no tag `rack`"),
        ("kernel>=6.6", "`kernel>=6.6`: its kernel is `6.1.21-v8+`"),
        ("os!=windows", "`os!=windows`: its os is unknown"),
        ("python>=3.9", "`python>=3.9`: its python is unknown"),
        ("cpu_features=sve", "`cpu_features=sve`: it has cpu_features asimd, crc32"),
        ("runtime=tensorrt", "`runtime=tensorrt`: it has runtime onnxruntime"),
        ("sensor=vcgencmd", "`sensor=vcgencmd`: it has no sensor"),
        ("name~shelf3-*", "`name~shelf3-*`: its name is `shelf2-pi`"),
    ],
)
def test_the_first_clause_that_fails_is_named_with_the_boards_own_value(written: str, why: str) -> None:
    selector = Selector.parse(written)
    assert not selector.matches(PI)
    assert selector.why_not(PI) == why


def test_an_open_selector_matches_a_simulated_board_too() -> None:
    assert Selector.parse("").matches(SIMULATED)
    assert Selector.parse("provenance=simulated").matches(SIMULATED)
    assert not Selector.parse("provenance!=simulated").matches(SIMULATED)


@pytest.mark.parametrize(
    ("memory_bytes", "asked", "matches"),
    [
        (951_058_432, "1GiB", True),  # Pi 3 with 76 MB for the GPU
        (4_071_399_424, "4GiB", True),  # Jetson Nano
        (10 * 2**30, "12GiB", False),
        (4 * 2**30, "4GiB", True),
        (3 * 2**30, "4GiB", False),
        (0, "1B", False),
    ],
)
def test_ram_is_the_size_a_board_is_sold_with(memory_bytes: int, asked: str, matches: bool) -> None:
    board = Board("b", "linux", "b", facts=BoardFacts(memory_bytes=memory_bytes))
    assert Selector.parse(f"ram>={asked}").matches(board) is matches


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("tpye=linux", "there is no key `tpye`; did you mean `type`?"),
        ("cpu>=4", "did you mean `cpus`?"),
        ("type=linux,,ram>=1GiB", "nothing between two commas"),
        ("type", "expected a key, one of = != >= <= > < ~, and a value"),
        ("type=", "a value is missing"),
        ("type=raspberry-*", "for a glob write `~` in place of `=`: `type~raspberry-*`"),
        ("ram>=2", "selector clause `ram>=2`: `2` has no unit"),
        ("ram~2*", "`ram` is a number"),
        ("cpus=four", "expected a number of processors, found `four`"),
        ("cpus>1|2", "takes one value"),
        ("runtime>litert", "is a set of names"),
        ("provenance=simulator", "did you mean `simulated`?"),
    ],
)
def test_a_clause_that_cannot_be_read_is_named(written: str, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Selector.parse(written)
    assert says in caught.value.message
