"""Reading a configuration from YAML: every fault at once, each with its place and the way out."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent_knowledge.config.schema import KnowledgeConfig
from agent_knowledge.errors import ConfigError, nearest

_SECRET_KEYS = {"api_key", "url", "base_url"}
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong: where (key path), and what to do about it."""

    key: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.key or 'the file'}{where}: {self.text}"


def load_config(path: str | Path) -> KnowledgeConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: The file cannot be read or is no YAML, or with every fault in it at once.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        msg = f"no configuration at {str(path)!r}; 'agent-knowledge init' writes one"
        raise ConfigError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the configuration {str(path)!r}: {error}; it must be a UTF-8 text file"
        raise ConfigError(msg) from error
    return parse_config(text, name=str(path)).at(file.resolve().parent)


def parse_config(text: str, *, name: str = "configuration") -> KnowledgeConfig:
    """Read and check a configuration given as YAML text.

    Args:
        text: The YAML.
        name: What to call it in messages.

    Raises:
        ConfigError: With every fault at once.
    """
    try:
        loader = _Loader(text)
        raw: object = {}
        try:
            root = loader.get_single_node()
            if root:
                raw = cast("object", loader.construct_document(root))
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        at = f", line {place.line + 1}, column {place.column + 1}" if place else ""
        what = getattr(error, "problem", None) or str(error) or type(error).__name__
        msg = f"{name}{at}: this is not valid YAML ({what}); mend that line"
        raise ConfigError(msg) from error
    lines = _line_numbers(root) if root is not None else {}
    faults = [Fault(_dotted(place), text, lines.get(place)) for place, text in loader.repeated]
    faults += _faults_of(raw, lines)
    if not faults:
        return KnowledgeConfig.model_validate(raw)
    raise ConfigError(_report(name, faults))


def _report(name: str, faults: Iterable[Fault]) -> str:
    listed = sorted(set(faults), key=lambda f: (f.line or 0, f.key))
    head = f"{name}: {len(listed)} fault{'s' if len(listed) > 1 else ''}"
    return "\n".join([head, *(f"  {fault}" for fault in listed)])


def _faults_of(raw: object, lines: Mapping[Place, int]) -> list[Fault]:
    if not isinstance(raw, dict):
        return [Fault("", f"expected keys such as 'agents:', found {type(raw).__name__}")]
    raw = cast("dict[str, Any]", raw)
    faults: list[Fault] = []
    try:
        KnowledgeConfig.model_validate(raw)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            place = tuple(p for p in detail["loc"] if p != "[key]")
            line = next(
                (lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None
            )
            faults.append(
                Fault(_dotted(place), _explain(detail, place, _value_at(raw, place)), line)
            )
    for place, text in _semantic_faults(raw):
        faults.append(Fault(_dotted(place), text, lines.get(place)))
    return faults


def _explain(detail: ErrorDetails, place: Place, value: object) -> str:
    """Say a validation error as value, what is accepted, nearest known name."""
    shown = "(hidden)" if place and place[-1] in _SECRET_KEYS else _short(value)
    context = detail.get("ctx") or {}
    if detail["type"] == "extra_forbidden":
        return f"unknown key; {nearest(str(place[-1]), _known_keys(place[:-1]))}"
    if detail["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"{shown} is not accepted; {nearest(str(value), allowed)} ({', '.join(allowed)})"
    if detail["type"] == "missing":
        return "is required and missing"
    if detail["type"] == "string_pattern_mismatch":
        bad = value if isinstance(value, str) else place[-1]
        return f"{bad!r} is no name; use letters, digits, '.', '_' and '-', at most 63"
    return f"{shown} is not accepted: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _known_keys(place: Place) -> list[str]:
    """The keys that a section accepts: walk the schema along a key path."""
    model: Any = KnowledgeConfig
    for step in place:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(step))
            model = field.annotation if field else None
        else:  # a mapping of names: its value type
            model = get_args(model)[-1] if get_args(model) else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _semantic_faults(raw: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """What no single key shows: names that point nowhere, and keys that exclude each other."""
    known = {
        kind: _mapping(raw.get(kind)) for kind in ("sources", "examples", "endpoints", "agents")
    }
    faults: list[tuple[Place, str]] = []
    for name, source in known["sources"].items():
        section = _mapping(source)
        if bool(section.get("path")) == bool(section.get("external")):
            text = "give either a path (file, folder or glob) or external: true"
            faults.append((("sources", name), text))
    for name, endpoint in known["endpoints"].items():
        serves = _mapping(endpoint).get("serves")
        if isinstance(serves, str) and serves not in known["examples"]:
            text = f"no example set {serves!r}; {nearest(serves, known['examples'])}"
            faults.append((("endpoints", name, "serves"), text))
    for name, agent in known["agents"].items():
        faults += _agent_faults(name, _mapping(agent), known)
    return faults


def _agent_faults(
    name: str, agent: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> list[tuple[Place, str]]:
    faults: list[tuple[Place, str]] = []
    for kind in ("sources", "examples"):
        listed = agent.get(kind)
        if not isinstance(listed, list):
            continue
        for i, item in enumerate(cast("list[object]", listed)):
            if isinstance(item, str) and item not in known[kind]:
                what = "source" if kind == "sources" else "example set"
                text = f"no {what} {item!r}; {nearest(item, known[kind])}"
                faults.append((("agents", name, kind, i), text))
    endpoint = agent.get("endpoint")
    if isinstance(endpoint, str):
        place = ("agents", name, "endpoint")
        if endpoint not in known["endpoints"]:
            faults.append(
                (place, f"no endpoint {endpoint!r}; {nearest(endpoint, known['endpoints'])}")
            )
        else:
            serves = _mapping(known["endpoints"][endpoint]).get("serves")
            if isinstance(serves, str) and serves not in (agent.get("examples") or []):
                text = f"it serves {serves!r}, which is not among this agent's examples; add it"
                faults.append((place, text))
    return faults


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _value_at(raw: object, place: Place) -> object:
    for step in place:
        try:
            raw = cast("Any", raw)[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _dotted(place: Place) -> str:
    return ".".join(str(p) for p in place)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _line_numbers(root: yaml.Node) -> dict[Place, int]:
    """The line of each key path, counted from 1; an alias is not followed into itself."""
    lines: dict[Place, int] = {}
    seen: set[int] = set()

    def visit(node: yaml.Node, place: Place) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*place, str(key.value))
                lines[here] = key.start_mark.line + 1
                visit(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                here = (*place, i)
                lines[here] = value.start_mark.line + 1
                visit(value, here)

    visit(root, ())
    return lines


class _Loader(yaml.SafeLoader):
    """A safe loader that reports a key given twice, which YAML itself lets pass in silence."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[tuple[Place, str]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base class's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                line = key.start_mark.line + 1
                self.repeated.append(((str(key.value),), f"is given twice, again on line {line}"))
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)
