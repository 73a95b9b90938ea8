"""YAML 1.2 to plain values, with the place of every key and value kept beside them.

The values are what JSON knows: mappings with text keys, lists, text, numbers, booleans, null. What YAML has beyond
(other tags, keys that aren't text, numbers that aren't finite) is a problem with a place, and reading goes on, so that
all problems of a file are found at once; only a syntax error ends it. Anchors, aliases and `<<` work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from farm.model.identity import Json

__all__ = ["Document", "Mark", "Path", "Problem", "read_yaml"]

Path = tuple[str | int, ...]
"""Where in the values: keys and list indexes from the top."""

_MOST_VALUES = 20_000
_MOST_CHARACTERS = 1_000_000
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))
# Resolved by YAML's rules and written without a tag, but meant as text by whoever writes a sweep.
_TEXT_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("timestamp", "value"))
_MERGE_TAG = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, order=True)
class Mark:
    """A place in the text, both counted from 1 as editors do."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where."""

    mark: Mark
    message: str


@dataclass(frozen=True)
class Document:
    """The values of a file; `keys` and `values` say where each key and each value stands."""

    root: Json
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def mark(self, path: Path, *, of_key: bool = False) -> Mark:
        """Where a path stands, or else its nearest ancestor that has a place."""
        if of_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark())


def read_yaml(text: str) -> Document:
    """Read one document. Never raises: what is wrong stands in `problems`."""
    if len(text) > _MOST_CHARACTERS:
        too_long = f"the file is {len(text)} characters long; at most {_MOST_CHARACTERS} are read"
        return Document(None, problems=(Problem(Mark(), too_long),))
    yaml = YAML(typ="safe", pure=True)
    try:
        yaml.composer.warn_double_anchors = False
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        return Document(None, problems=(_syntax_problem(error, text),))
    except ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Document(None, problems=(Problem(mark, f"character {chr(error.character)!r} is not allowed in YAML"),))
    except RecursionError:
        return Document(None, problems=(Problem(Mark(), "the file is nested too deeply"),))
    except YAMLError as error:
        return Document(None, problems=(Problem(Mark(), f"this is not YAML: {error}"),))
    reading = _Reading(yaml)
    root = reading.value(node, ()) if node is not None else None
    return Document(root, reading.keys, reading.values, tuple(reading.problems))


class _TooManyError(Exception):
    """More values than any sweep has: aliases of aliases."""


class _Reading:
    """Walks the nodes of one document."""

    def __init__(self, yaml: YAML) -> None:
        self._constructor = yaml.constructor
        self._count = 0
        self._open: list[Node] = []
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.problems: list[Problem] = []

    def value(self, node: Node, path: Path) -> Json:
        try:
            return self._value(node, path)
        except _TooManyError:
            self._problem(node, f"more than {_MOST_VALUES} values, aliases counted each time")
            return None

    def _value(self, node: Node, path: Path) -> Json:
        self._count += 1
        if self._count > _MOST_VALUES:
            raise _TooManyError
        self.values[path] = _mark_of(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if any(node is ancestor for ancestor in self._open):
            self._problem(node, "an alias inside what it stands for")
            return None
        self._open.append(node)
        try:
            if isinstance(node, SequenceNode):
                self._refuse_tag(node, "seq")
                return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
            self._refuse_tag(node, "map")
            return self._mapping(node, path) if isinstance(node, MappingNode) else None
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Json]:
        result: dict[str, Json] = {}
        own: dict[str, Mark] = {}
        for key_node, value_node, merged in self._pairs(node):
            key = self._key(key_node)
            if key is None:
                continue
            if key in own and not merged:
                self._problem(key_node, f"key `{key}` is there twice; the first stands in line {own[key].line}")
                continue
            if key in result and merged:
                continue
            if not merged:
                own[key] = _mark_of(key_node)
            inner = (*path, key)
            self.keys[inner] = _mark_of(key_node)
            result[key] = self._value(value_node, inner)
        return result

    def _pairs(self, node: MappingNode) -> Iterator[tuple[Node, Node, bool]]:
        """The mapping's own pairs, then those that `<<` brings in."""
        brought: list[Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG:
                brought.extend(value_node.value if isinstance(value_node, SequenceNode) else [value_node])
            else:
                yield key_node, value_node, False
        for source in brought:
            if not isinstance(source, MappingNode):
                self._problem(source, "`<<` takes a mapping, or a list of mappings")
            elif any(source is ancestor for ancestor in self._open):
                self._problem(source, "an alias inside what it stands for")
            else:
                self._open.append(source)
                yield from ((key, value, True) for key, value, _ in self._pairs(source))
                self._open.pop()

    def _key(self, node: Node) -> str | None:
        if not isinstance(node, ScalarNode):
            self._problem(node, "a key must be text")
            return None
        return str(node.value)

    def _scalar(self, node: ScalarNode) -> Json:
        tag = str(node.tag)
        if tag in _TEXT_TAGS:
            return str(node.value)
        if tag not in _PLAIN_TAGS:
            self._problem(node, f"the tag `{tag}` is not understood; write the value without it")
            return str(node.value)
        try:
            value = self._constructor.construct_object(node)
        except (YAMLError, ValueError):
            self._problem(node, f"`{node.value}` is not a {tag.rpartition(':')[2]}")
            return str(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(node, f"`{node.value}` is not a finite number")
            return 0.0
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
            self._problem(node, f"`{node.value}` is too large a number; write it as text, in quotes")
            return 0
        return value if isinstance(value, (bool, int, float)) or value is None else str(value)

    def _refuse_tag(self, node: Node, kind: str) -> None:
        if node.tag != f"tag:yaml.org,2002:{kind}":
            self._problem(node, f"the tag `{node.tag}` is not understood; write the value without it")

    def _problem(self, node: Node, message: str) -> None:
        self.problems.append(Problem(_mark_of(node), message))


def _mark_of(node: Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax_problem(error: MarkedYAMLError, text: str) -> Problem:
    begun, place = error.context_mark, error.problem_mark or error.context_mark
    mark = Mark(place.line + 1, place.column + 1) if place is not None else Mark()
    said = " ".join(part for part in (error.context, error.problem) if part) or str(error)
    if begun is not None and begun.line + 1 != mark.line:
        said += f" (begun in line {begun.line + 1}, column {begun.column + 1})"
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    hint = ""
    if "\t" in line[: mark.column] or "\\t" in said:
        hint = "; YAML is indented with spaces, never with tabs"
    elif "mapping values are not allowed" in said:
        hint = "; check the indentation, and put a text with a colon and a space in it into quotes"
    elif "found another document" in said:
        hint = "; a sweep file holds one sweep: leave out the `---` between two"
    elif "flow" in said:
        hint = "; is a bracket not closed? A value with , [ ] { } in it needs quotes"
    return Problem(mark, f"this is not YAML: {said}{hint}")
