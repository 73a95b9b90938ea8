"""Pins every dependency in the root pyproject.toml: `uv run --no-project --script .ci/pin.py [--upgrade | --check]`.

The pins are uv's `constraint-dependencies`, one exact version for each package and each Python that the farm runs on
(several with markers where versions differ), and `build-constraint-dependencies` for what builds the wheels. They are
kept instead of `uv.lock`, which holds the addresses of whatever index it was resolved against.

    (nothing)    pin what is not pinned yet, drop what is not needed any more, keep the rest as it is
    --upgrade    forget all pins and take the newest versions that fit
    --check      write nothing; exit 1 when a dependency is not pinned, or a pin is for nothing
"""

# /// script
# requires-python = ">=3.10"
# dependencies = ["packaging==26.3", "tomlkit==0.15.2"]
# ///

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
MEMBERS = ("agent", "protos")
RUNTIME, BUILD = "constraint-dependencies", "build-constraint-dependencies"


def resolve(root: Path) -> list[str]:
    """Every package of every group and platform but our own, as `name==version ; marker`, sorted."""
    command = ["uv", "export", "--quiet", "--all-packages", "--all-groups", "--all-extras", "--no-emit-workspace"]
    command += ["--no-hashes", "--no-annotate", "--no-header", "--project", str(root)]
    return _requirements(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def resolve_build(root: Path, constraints: list[str]) -> list[str]:
    """What builds the wheels, and what that needs."""
    files = [root / "pyproject.toml", *(root / member / "pyproject.toml" for member in MEMBERS)]
    needed = sorted({need for file in files for need in tomlkit.parse(file.read_text())["build-system"]["requires"]})
    with tempfile.TemporaryDirectory() as name:
        bounds = Path(name) / "constraints.txt"
        bounds.write_text("\n".join(constraints))
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10", "--no-config"]
        command += ["--no-annotate", "--no-header", "--constraints", str(bounds), "-"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, input="\n".join(needed))
    return _requirements(done.stdout)


def _requirements(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    # Options, such as an index, are this machine's business.
    found = (Requirement(line) for line in lines if line and not line.startswith(("#", "-")))
    pins = {
        str(Requirement(f"{need.name}{need.specifier}{f' ; {need.marker}' if need.marker else ''}")) for need in found
    }
    return sorted(pins, key=str.lower)


def copy_without_pins(folder: Path) -> Path:
    for member in (".", *MEMBERS):
        target = folder / member
        target.mkdir(exist_ok=True)
        shutil.copy(ROOT / member / "pyproject.toml", target)
    path = folder / "pyproject.toml"
    document = tomlkit.parse(path.read_text())
    settings = _settings(document)
    settings.pop(RUNTIME, None)
    settings.pop(BUILD, None)
    (folder / "README.md").touch()
    path.write_text(tomlkit.dumps(document))
    return folder


def _settings(document: tomlkit.TOMLDocument) -> Any:
    tool: Any = document["tool"]
    return tool["uv"]


def _array(pins: list[str]) -> tomlkit.items.Array:
    array = tomlkit.array()
    for pin in pins:
        array.add_line(tomlkit.string(pin, literal='"' in pin))
    array.add_line(indent="")
    return array


def main() -> int:
    path = ROOT / "pyproject.toml"
    document = tomlkit.parse(path.read_text())
    settings = _settings(document)
    pinned = {key: [str(pin) for pin in settings.get(key, [])] for key in (RUNTIME, BUILD)}
    if "--upgrade" in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as name:
            bare = copy_without_pins(Path(name))
            wanted = {RUNTIME: resolve(bare), BUILD: resolve_build(bare, [])}
    else:
        wanted = {RUNTIME: resolve(ROOT), BUILD: resolve_build(ROOT, pinned[BUILD])}

    if "--check" in sys.argv[1:]:
        for key in (RUNTIME, BUILD):
            for pin in sorted({*wanted[key]} - {*pinned[key]}):
                print(f"{pin}: needed and not pinned in [tool.uv] {key}")
            for pin in sorted({*pinned[key]} - {*wanted[key]}):
                print(f"{pin}: pinned in [tool.uv] {key} and not needed")
        if pinned == wanted:
            return 0
        print("Run: uv run --no-project --script .ci/pin.py")
        return 1
    for key in (RUNTIME, BUILD):
        settings[key] = _array(wanted[key])
        print(f"{key}: {len(wanted[key])} pins, {len({*wanted[key]} - {*pinned[key]})} of them new")
    path.write_text(tomlkit.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
