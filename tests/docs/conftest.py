"""What these tests read: the pages of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """Path from the root to the text of every Markdown page."""
    names = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.md")))
    ours = (name for name in names if not any(part.startswith(".") for part in name.parts))
    return {str(name): (ROOT / name).read_text(encoding="utf-8") for name in ours}


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]
