"""Model files on a disk: found, told apart, and refused when they are not what the sweep says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.errors import ModelFileError
from farm.modelfiles.resolve import ResolvedFile
from farm.modelfiles.sources import expand_braces

Find = Callable[..., list[ResolvedFile]]


def kinds(found: list[ResolvedFile]) -> list[tuple[str, str, str]]:
    return [(item.path.name, item.file.format, item.file.precision) for item in found]


EVERYTHING = [
    ("digits-float32.onnx", "onnx", "float32"),
    ("digits-float32.tflite", "tflite", "float32"),
    ("digits-int8.onnx", "onnx", "int8"),
    ("digits-int8.tflite", "tflite", "int8"),
]


@pytest.mark.parametrize("entry", ["digits-*", "digits-*.{onnx,tflite}", "./", "'**/digits-{float32,int8}.*'"])
def test_a_glob_and_a_folder_stand_for_every_variant_and_not_for_the_golden_set(
    find: Find, folder: Path, entry: str
) -> None:
    assert kinds(find(entry, folder)) == EVERYTHING


def test_digest_size_and_golden_set_are_those_of_the_files(find: Find, models: Path) -> None:
    (found,) = find("digits-int8.tflite")
    content = (models / "digits-int8.tflite").read_bytes()
    assert found.file.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert found.file.artifact.size_bytes == len(content)
    assert found.golden_path == models / "digits-golden.npz"
    assert found.file.golden is not None
    assert found.file.golden.sha256 == hashlib.sha256(found.golden_path.read_bytes()).hexdigest()


def test_the_golden_set_can_be_named_or_left_out(find: Find, models: Path) -> None:
    assert find("{file: digits-int8.onnx, golden: none}")[0].golden_path is None
    named = find("{file: digits-int8.onnx, golden: arm-cpu-cnn-golden.npz}")
    assert named[0].golden_path == models / "arm-cpu-cnn-golden.npz"


def test_a_name_that_tells_nothing_is_helped_by_the_sweep(find: Find, folder: Path) -> None:
    (folder / "digits-int8.tflite").rename(folder / "model.dat")
    with pytest.raises(ModelFileError, match=r"model.dat doesn't tell its format"):
        find("model.dat", folder)
    assert kinds(find("{file: model.dat, format: tflite, precision: i8}", folder)) == [("model.dat", "tflite", "int8")]


def test_an_absolute_path_and_a_digest_in_capitals_work(find: Find, folder: Path) -> None:
    path = folder / "digits-int8.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert kinds(find(f"{{file: {path}, sha256: {digest.upper()}}}")) == [("digits-int8.onnx", "onnx", "int8")]


def test_another_digest_is_refused_with_both(find: Find, models: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        find(f"{{file: digits-int8.onnx, sha256: {'f' * 64}}}")
    actual = hashlib.sha256((models / "digits-int8.onnx").read_bytes()).hexdigest()
    assert actual in caught.value.message
    assert "f" * 64 in caught.value.message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("entry", "says", "hint"),
    [
        ("digit-int8.onnx", "there is no file digit-int8.onnx", "did you mean digits-int8.onnx"),
        ("modles/digits-int8.onnx", "there is no file", "there is no folder"),
        ("'*.caffemodel'", "nothing matches *.caffemodel", "relative to the sweep file"),
        ("'*.npz'", "it matches 1 other files, none of them with the ending of a model", ""),
        ("{file: digits-int8.onnx, golden: nope.npz}", "there is no golden set nope.npz", "relative to the sweep file"),
        (
            "{file: digits-int8.onnx, golden: digits-int8.tflite}",
            "it looks like a TensorFlow Lite model",
            "numpy.savez",
        ),
        ("[digits-int8.onnx, {file: digits-float32.onnx, precision: int8}]", "are both int8 onnx", "name two models"),
        ("{file: digits-int8.onnx, format: tflite}", "it looks like an ONNX model", "real format"),
        ("{file: digits-int8.tflite, format: onnx}", "it looks like a TensorFlow Lite model", "real format"),
        ("empty/", "has no model file in it", "told by their ending"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(
    find: Find, folder: Path, entry: str, says: str, hint: str
) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ModelFileError) as caught:
        find(entry, folder)
    assert "model `digits`" in caught.value.message
    assert says in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["digits-int8.onnx", "digits-int8.tflite"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "run `git lfs pull`"),
        (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", "a web page (HTML)"),
        (b"\xef\xbb\xbf  <HTML>", "a web page (HTML)"),
        (b"Not found", 'a text file that begins with "Not found"'),
        (b'{"error": "gone"}', "a JSON text"),
        (b"[tool.x]\na = 1\n", 'a text file that begins with "[tool.x]"'),
        ("Modèle à venir — bientôt".encode() * 40, "a text file"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"\x1f\x8b\x08" + bytes(100), "a gzip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"\x7fELF" + bytes(100), "a program or a library"),
        (b"\x80\x02}q\x00(" + bytes(100), "a Python pickle"),
    ],
)
def test_something_else_under_the_name_of_a_model_is_told_for_what_it_is(
    find: Find, folder: Path, name: str, content: bytes, says: str
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        find(name, folder)
    assert says in caught.value.message


def test_random_bytes_are_no_onnx_model(find: Find, folder: Path) -> None:
    (folder / "digits-int8.onnx").write_bytes(bytes(range(255, 0, -1)) * 20)
    with pytest.raises(ModelFileError, match=r"digits-int8\.onnx"):
        find("digits-int8.onnx", folder)


def test_a_file_that_cannot_be_read_says_so(find: Find, folder: Path) -> None:
    """Not even by root: nothing is mapped where this file begins."""
    (folder / "digits-int8.onnx").unlink(missing_ok=True)
    (folder / "digits-int8.onnx").symlink_to("/proc/self/mem")
    with pytest.raises(ModelFileError, match="cannot be read"):
        find("digits-int8.onnx", folder)


def test_braces_are_those_of_a_shell() -> None:
    assert expand_braces("{a,b}-{1,2}.x") == ["a-1.x", "a-2.x", "b-1.x", "b-2.x"]
    assert expand_braces("a{,-b}") == ["a", "a-b"]
