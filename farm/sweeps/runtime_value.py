"""A value of the `runtime` axis: a runner, and which version of its runtime.

onnxruntime                       the runner's default version
onnxruntime==1.20.*               this one (PEP 508), so versions are an axis like any other
tflite-runtime                    the litert runner on another package
{command: [./bench, "{model}"]}   any executable
{runtime: litert, requirement: "ai-edge-litert>=2"}      the long form, taken at its word
"""

from __future__ import annotations

import re
import shlex
from types import MappingProxyType
from typing import ClassVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue

from farm.errors import ExpressionError
from farm.sweeps.parts import Part, did_you_mean, kind_of
from farm.sweeps.yaml_text import Path

__all__ = ["COMMAND", "NATURAL_RUNTIME", "RuntimeValue"]

COMMAND = "command"

# Names that people write, with the runner and the package of the index that is meant.
_PACKAGES = MappingProxyType(
    {
        "litert": ("litert", "ai-edge-litert"),
        "ai-edge-litert": ("litert", "ai-edge-litert"),
        "tflite-runtime": ("litert", "tflite-runtime"),
        "onnxruntime-gpu": ("onnxruntime", "onnxruntime-gpu"),
        "onnxruntime-openvino": ("onnxruntime", "onnxruntime-openvino"),
        "opencv-dnn": ("opencv-dnn", "opencv-python-headless"),
    }
)
_KNOWN = (
    *("onnxruntime", "openvino", "tensorrt", "ncnn", "mnn", "mxnet", "executorch", "torch", "tensorflow", "caffe"),
    *("tvm", "tflite-micro", "coreml", "native", COMMAND, *_PACKAGES),
)
NATURAL_RUNTIME = MappingProxyType({"onnx": "onnxruntime", "tflite": "litert"})
"""What runs a format when the sweep names no runtime."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class RuntimeValue(Part):
    """A runner, the requirement that its environment is built with (empty: the runner's default), a command's words."""

    expected: ClassVar[str] = "a runtime like `onnxruntime` or `onnxruntime==1.20.*`, or `{command: [./bench]}`"
    short_forms: ClassVar[tuple[JsonSchemaValue, ...]] = (
        {"type": "string", "pattern": r"^\s*[A-Za-z0-9]", "examples": ["onnxruntime", "onnxruntime==1.20.*", "litert"]},
        {
            "type": "object",
            "properties": {
                "command": {
                    "description": "a program and its arguments; `{model}`, `{threads}`, `{batch}` are filled in",
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
                    ],
                }
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    )

    runtime: str
    requirement: str = ""
    command: tuple[str, ...] = ()

    @classmethod
    def spell_out(cls, written: object) -> object:
        if isinstance(written, str):
            runtime, requirement = _parse(written)
            _refuse_slip(written, runtime)
            return {"runtime": runtime, "requirement": requirement}
        if isinstance(written, dict) and set(written) == {"command"}:
            return {"runtime": COMMAND, "command": written["command"]}
        return written

    @classmethod
    def source_of(cls, written: object, loc: Path) -> Path:
        return loc if isinstance(written, dict) and loc[0] in written else ()

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, written: object) -> object:
        if isinstance(written, str):
            written = shlex.split(written)
        if not isinstance(written, (list, tuple)):
            raise ExpressionError(
                f'expected a program and its arguments, like `[./bench, "{{model}}"]`, found {kind_of(written)}'
            )
        for word in written:
            if isinstance(word, bool) or not isinstance(word, (str, int, float)):
                raise ExpressionError(f"the words of a command are texts and numbers, found {kind_of(word)}")
        return tuple(str(word) for word in written)

    @field_validator("requirement")
    @classmethod
    def _readable(cls, requirement: str) -> str:
        return str(_requirement(requirement, requirement)) if requirement else ""

    @model_validator(mode="after")
    def _complete(self) -> RuntimeValue:
        if not _NAME.fullmatch(self.runtime):
            raise ValueError(f"`{self.runtime}` is not the name of a runtime: letters, digits and - . _")
        if self.runtime == COMMAND and not self.command:
            raise ValueError('the runtime `command` needs to know which: write `{command: [./bench, "{model}"]}`')
        if self.command and self.runtime != COMMAND:
            raise ValueError(f"a `command` belongs to the runtime `command`, not to `{self.runtime}`")
        return self

    @classmethod
    def parse(cls, written: str) -> RuntimeValue:
        """What `onnxruntime==1.20.*` means, whether or not a runtime of that name is known."""
        runtime, requirement = _parse(written)
        return cls(runtime=runtime, requirement=requirement)

    @property
    def package(self) -> str:
        """The package of the index that its environment is built from, normalised."""
        name = (
            Requirement(self.requirement).name
            if self.requirement
            else _PACKAGES.get(self.runtime, ("", self.runtime))[1]
        )
        return canonicalize_name(name)

    @property
    def label(self) -> str:
        """What a person would write: `onnxruntime==1.20.*`, `litert`, `command ./bench`."""
        return f"{COMMAND} {self.command[0]}" if self.command else self.requirement or self.runtime

    def covers(self, other: RuntimeValue) -> bool:
        """Whether `other` is what this one means in a condition: without a version it means every version."""
        if self.requirement and Requirement(self.requirement).specifier:
            return self == other
        return (self.runtime, self.package) == (other.runtime, other.package)


def _parse(written: str) -> tuple[str, str]:
    """Runner and requirement of `onnxruntime==1.20.*`."""
    text = written.strip()
    requirement = _requirement(text, written)
    name = canonicalize_name(requirement.name)
    runtime, package = _PACKAGES.get(name, (requirement.name, requirement.name))
    if not requirement.specifier and not requirement.extras:
        default = _PACKAGES.get(runtime, ("", runtime))[1]
        return runtime, "" if canonicalize_name(package) == canonicalize_name(default) else package
    return runtime, str(requirement).replace(requirement.name, package, 1)


def _refuse_slip(written: str, runtime: str) -> None:
    if runtime not in _KNOWN and (guess := did_you_mean(runtime.lower(), _KNOWN, cutoff=0.8)):
        raise ValueError(
            f"there is no runtime `{written}`{guess} (One of that name is written `{{runtime: {runtime}}}`.)"
        )


def _requirement(text: str, written: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        single = re.fullmatch(r"([\w.-]+)\s*=\s*([\w.*]+)", text)
        hint = (
            f"write `{single[1]}=={single[2]}`"
            if single
            else "write `onnxruntime`, `onnxruntime==1.20.*` or `onnxruntime>=1.20,<1.22`"
        )
        raise ValueError(f"`{written}` is not a runtime with a version (PEP 508): {hint}") from None
    if requirement.url or requirement.marker:
        raise ValueError(f"`{written}`: a version may stand here, an address or a marker may not")
    return requirement
