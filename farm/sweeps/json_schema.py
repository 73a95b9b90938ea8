"""The JSON Schema of the sweep file, made from its types, for completion and squiggles in an editor.

`docs/sweep.schema.json` is this, committed; a sweep file points to it in its first line:

    # yaml-language-server: $schema=../docs/sweep.schema.json

Write it anew after a change of the types: `python -m farm.sweeps.json_schema > docs/sweep.schema.json`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic.json_schema import JsonSchemaValue

from farm.sweeps.schema import Sweep

__all__ = ["json_schema", "json_schema_text"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> JsonSchemaValue:
    """The schema, with names that stay the same when the types' inner make-up changes."""
    schema = Sweep.model_json_schema(mode="validation")
    names = _readable_names(schema)
    result = _rewritten(schema, names)
    result["$defs"] = {
        names.get(name, name): result["$defs"][name]
        for name in sorted(result["$defs"], key=lambda key: names.get(key, key))
    }
    return {"$schema": _DIALECT, **result}


def json_schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _readable_names(schema: JsonSchemaValue) -> dict[str, str]:
    """`Axis_Annotated_int__Strict_…` is `ThreadsAxis`, after the key that has such values."""
    names: dict[str, str] = {}
    for key, field in schema["$defs"]["Axes"]["properties"].items():
        for reference in _references(field):
            if reference.startswith("Axis_"):
                title = "Setting" if key in {"knobs", "options"} else key.capitalize()
                names[reference] = f"{title}Axis"
                for inner in _references(schema["$defs"][reference]):
                    if inner.startswith("Clause_"):
                        names[inner] = f"{title}Clause"
    return names


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        return own + [name for item in value.values() for name in _references(item)]
    if isinstance(value, list):
        return [name for item in value for name in _references(item)]
    return []


def _rewritten(value: Any, names: dict[str, str]) -> Any:
    """With readable names, without titles and defaults that say nothing new, and without null, which no key takes."""
    if isinstance(value, list):
        return [_rewritten(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    noise = {"title"} if isinstance(value.get("title"), str) else set()
    if isinstance(value.get("default"), (dict, list)):
        noise.add("default")
    value = {key: _rewritten(item, names) for key, item in value.items() if key not in noise}
    if isinstance(value.get("$ref"), str):
        name = value["$ref"].rpartition("/")[2]
        value["$ref"] = f"#/$defs/{names.get(name, name)}"
    alternatives = value.get("anyOf")
    if isinstance(alternatives, list) and {"type": "null"} in alternatives:
        rest = [item for item in alternatives if item != {"type": "null"}]
        others = {
            key: item for key, item in value.items() if key != "anyOf" and not (key == "default" and item is None)
        }
        return {**rest[0], **others} if len(rest) == 1 else {"anyOf": rest, **others}
    return value


if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
