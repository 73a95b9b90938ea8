"""Where the files of a model lie: a path, a glob, a folder; relative to the sweep file."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from farm.errors import ModelFileError
from farm.sweeps.formats import guess_format

__all__ = ["expand_braces", "find_files"]

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_FILES = 200


def find_files(written: str, base: Path, model: str) -> list[Path]:
    """The files that a source stands for, sorted; `ModelFileError` when there are none.

    A glob or a folder stands for every model file in it, told by the ending; a plain path stands for that file
    whatever its name is.
    """
    path = base / Path(written).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(inner for inner in path.iterdir() if inner.is_file() and guess_format(inner.name))
        if not found:
            raise ModelFileError(
                f"model `{model}`: the folder {written} has no model file in it",
                hint="model files are told by their ending (.onnx, .tflite, …); name others as a path, with `format`",
            )
        return found
    if not re.search(r"[*?\[{]", written):
        raise ModelFileError(
            f"model `{model}`: there is no file {written} (looked for {path})",
            hint=_nearby(path) or "paths are relative to the sweep file",
        )
    hits = {Path(hit) for pattern in expand_braces(str(Path(written).expanduser())) for hit in _glob(pattern, base)}
    found = sorted(hit for hit in hits if hit.is_file() and guess_format(hit.name))
    if not found:
        others = f"; it matches {len(hits)} other files, none of them with the ending of a model" if hits else ""
        raise ModelFileError(
            f"model `{model}`: nothing matches {written} in {base}{others}",
            hint=_nearby(path) or "paths are relative to the sweep file; try the pattern with `ls`",
        )
    if len(found) > _MOST_FILES:
        raise ModelFileError(f"model `{model}`: {written} matches {len(found)} files", hint="write a narrower pattern")
    return found


def expand_braces(pattern: str) -> list[str]:
    """As a shell does it.

    >>> expand_braces("m/digits-{float32,int8}.{onnx,tflite}")[:3]
    ['m/digits-float32.onnx', 'm/digits-float32.tflite', 'm/digits-int8.onnx']
    """
    match = _BRACES.search(pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [text for choice in match[1].split(",") for text in expand_braces(f"{before}{choice}{after}")]


def _glob(pattern: str, base: Path) -> Iterator[str]:
    # Path.glob refuses absolute patterns.
    for hit in glob.iglob(pattern, root_dir=base, recursive=True):  # noqa: PTH207
        yield str(base / hit)


def _nearby(path: Path) -> str:
    """What lies beside the place where the file should be."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        missing, folder = folder, folder.parent
        if folder.is_dir():
            names = [inner.name for inner in folder.iterdir() if inner.is_dir()]
            near = get_close_matches(missing.name, names, n=1)
            return f"there is no folder {missing}" + (
                f"; did you mean {near[0]}?" if near else "; paths are relative to the sweep file"
            )
    names = [inner.name for inner in _listed(folder)]
    near = get_close_matches(path.name, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return [inner for inner in folder.iterdir() if inner.is_file()]
    except OSError:
        return []
