"""From what a validator says to what a person needs: which key, what was expected, what was probably meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from farm.errors import FarmError
from farm.model.identity import Json
from farm.sweeps.axes import near_axis
from farm.sweeps.parts import Rewrites, ShortForm, did_you_mean, kind_of
from farm.sweeps.schema import Sweep
from farm.sweeps.yaml_text import Document, Path, Problem

__all__ = ["empty_values", "explain", "key_name"]


def explain(error: ValidationError, document: Document, rewrites: Rewrites) -> Iterator[Problem]:
    """Each of the validator's complaints, in words and with its place in the file."""
    all_details = error.errors(include_url=False)
    for details in all_details:
        loc: Path = details["loc"]
        path = rewrites.source(document.root, loc)
        kind = details["type"]
        if details["input"] is None or _follows_from_another(details, all_details):
            continue
        if kind == "extra_forbidden":
            mark = document.mark((*path, loc[-1]) if path[-1:] != loc[-1:] else path, of_key=True)
            yield Problem(mark, _unknown_key(loc))
        elif kind == "missing":
            where = f"`{key_name(path)}`" if path else "the file"
            yield Problem(document.mark(path), f"{where} lacks the key `{loc[-1]}`")
        else:
            yield Problem(document.mark(path, of_key="[key]" in loc), f"{_subject(path, loc)}{_complaint(details)}")


def _follows_from_another(details: ErrorDetails, all_details: list[ErrorDetails]) -> bool:
    """A list that is too short because its items are wrong; a key that is missing because it is misspelt."""
    loc = details["loc"]
    if details["type"] == "too_short":
        return any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in all_details)
    if details["type"] == "missing":
        return any(other["type"] == "extra_forbidden" and other["loc"][:-1] == loc[:-1] for other in all_details)
    return False


def key_name(path: Path) -> str:
    """A path as a person would say it: `axes.threads`; which item of a list it is, line and column say."""
    return ".".join(step for step in path if isinstance(step, str))


def _subject(path: Path, loc: Path) -> str:
    shown = key_name(path if path else loc)
    return f"`{shown}`: " if shown else ""


def _complaint(details: ErrorDetails) -> str:
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FarmError):
        return cause.message
    if cause is not None:
        return str(cause)
    say = _WORDS.get(details["type"])
    return say(details) if say is not None else f"{details['msg']}, found {kind_of(details['input'])}"


def _not_a_part(details: ErrorDetails) -> str:
    kinds: dict[str, type[ShortForm]] = {kind.__name__: kind for kind in _all_parts(ShortForm)}
    kind = kinds.get(str(details.get("ctx", {}).get("class_name")))
    return f"expected {kind.expected if kind else 'a mapping'}, found {kind_of(details['input'])}"


def _all_parts(kind: type[ShortForm]) -> Iterator[type[ShortForm]]:
    for child in kind.__subclasses__():
        yield child
        yield from _all_parts(child)


def _not_listed(details: ErrorDetails) -> str:
    words = tuple(word.strip("' ") for word in str(details["ctx"]["expected"]).replace(" or ", ",").split(","))
    written = details["input"]
    guess = did_you_mean(written, words) if isinstance(written, str) else ""
    return f"expected one of {', '.join(words)}; found {kind_of(written)}{guess}"


def _wrong(expected: str) -> Callable[[ErrorDetails], str]:
    return lambda details: f"expected {expected}, found {kind_of(details['input'])}"


def _in_quotes(value: object) -> str:
    """YAML reads `1.20` and `true` as a number and a truth value where a name was meant."""
    return "; put it into quotes" if isinstance(value, (bool, int, float)) else ""


def _bound(words: str, key: str) -> Callable[[ErrorDetails], str]:
    return lambda details: f"expected {words} {details['ctx'][key]}, found {details['input']}"


def _pattern(details: ErrorDetails) -> str:
    if "64" in str(details["ctx"]["pattern"]):
        return f"expected a sha256, 64 hexadecimal digits; found {kind_of(details['input'])}"
    return f"expected a name of letters, digits and - . _, found {kind_of(details['input'])}"


_WORDS: Mapping[str, Callable[[ErrorDetails], str]] = MappingProxyType(
    {
        "model_type": _not_a_part,
        "model_attributes_type": _not_a_part,
        "dict_type": _wrong("a mapping"),
        "list_type": _wrong("a list"),
        "tuple_type": _wrong("a list"),
        "string_type": lambda details: (
            f"expected text, found {kind_of(details['input'])}{_in_quotes(details['input'])}"
        ),
        "int_type": _wrong("a whole number"),
        "int_from_float": _wrong("a whole number"),
        "bool_type": _wrong("true or false"),
        "literal_error": _not_listed,
        "greater_than_equal": _bound("at least", "ge"),
        "less_than_equal": _bound("at most", "le"),
        "string_pattern_mismatch": _pattern,
        "string_too_short": lambda details: "empty; give it a value, or leave the key out",
        "too_short": lambda details: "empty; give it at least one value, or leave the key out",
    }
)


def _unknown_key(loc: Path) -> str:
    key = str(loc[-1])
    near = near_axis(key) if loc[:-1] == ("axes",) or loc[0] == "include" else ""
    if near:
        return f"there is no axis `{key}`{near} (A knob of that name is written `knobs: {{{key}: …}}`.)"
    known = tuple(_keys_at(loc[:-1]))
    where = f" in `{key_name(loc[:-1])}`" if len(loc) > 1 else ""
    listed = f" (keys here: {', '.join(known)})" if known else ""
    return f"there is no key `{key}`{where}{did_you_mean(key, known)}{listed}"


def _keys_at(loc: Path) -> list[str]:
    """The keys that the type at a place in the long form knows."""
    kind: Any = Sweep
    for step in loc:
        found = next(_models_in(kind), None)
        if found is None:
            return []
        field = found.model_fields.get(str(step))
        kind = field.annotation if field is not None else found
    found = next(_models_in(kind), None)
    if found is None:
        return []
    extra = ["file", "sha256", "format", "precision"] if found.__name__ == "ModelEntry" else []
    extra += ["duration"] if found.__name__ == "ScenarioEntry" else []
    return [*found.model_fields, *extra]


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if "root" in kind.model_fields:
            yield from _models_in(kind.model_fields["root"].annotation)
        else:
            yield kind
        return
    for argument in get_args(kind):
        yield from _models_in(argument)


def empty_values(document: Document) -> Iterator[Problem]:
    """Keys and items that have no value: YAML reads `threads:` as null, and null means nothing here."""

    def walk(value: Json, path: Path) -> Iterator[Problem]:
        if value is None and path:
            yield Problem(
                document.mark(path, of_key=True), f"`{key_name(path)}` has no value; give it one, or leave it out"
            )
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from walk(item, (*path, index))

    yield from walk(document.root, ())
