"""Regenerate the committed stubs: `uv run --no-project --script protos/generate.py`.

A low generator on purpose: stubs of grpcio-tools 1.62.3 load with protobuf 4.24 to 7.36 on Python 3.7 to 3.13;
the newest generator's refuse the older boards. With `--check` nothing is written and drift is an error (exit 1).
"""

# /// script
# requires-python = ">=3.9,<3.13"
# dependencies = ["grpcio-tools==1.62.3", "setuptools<80", "mypy-protobuf==3.6.0"]
# ///

from __future__ import annotations

import filecmp
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
PACKAGE = Path("devicefarm") / "v1"


def generate(target: Path) -> list[Path]:
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).glob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={ROOT}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_grpc_out={target}",
            *sources,
        ]
    )
    if status != 0:
        sys.exit(status)
    for stub in (target / PACKAGE).glob("*_pb2_grpc.py*"):
        if "Stub" not in stub.read_text():
            stub.unlink()  # a file without a service has nothing to serve
    return sorted((target / PACKAGE).glob("*_pb2*"))


def main() -> int:
    if "--check" not in sys.argv[1:]:
        for path in generate(ROOT):
            print(path.relative_to(ROOT))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = generate(Path(folder))
        committed = {path.name for path in (ROOT / PACKAGE).glob("*_pb2*") if path.is_file()}
        drifted = sorted(
            path.name
            for path in fresh
            if not (ROOT / PACKAGE / path.name).is_file()
            or not filecmp.cmp(path, ROOT / PACKAGE / path.name, shallow=False)
        )
        stale = sorted(committed - {path.name for path in fresh})
    for name in [*drifted, *stale]:
        print(f"{PACKAGE / name}: not what the .proto files give; run: uv run --no-project --script protos/generate.py")
    return 1 if drifted or stale else 0


if __name__ == "__main__":
    sys.exit(main())
