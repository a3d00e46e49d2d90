"""Reading a configuration from YAML: every fault at once, each with its place and the way out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent_knowledge import limits
from agent_knowledge.errors import ConfigError, nearest, shown

_NAMED = re.compile(r"'([^']*)'")
_SHOWN_FAULTS = 50
_KEY_CHARACTERS = 200
"""Limits of a message."""
_SECRET_KEYS = {"api_key", "url", "base_url", "router_url", "router_key"}
_SHAPES = {
    "model_type": "keys and values",
    "dict_type": "keys and values",
    "tuple_type": "a list, as in [first, second]",
}
Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str, ...]
"""A key path; the place in a list is a number from 0, written out."""
_TAKE_OUT = (
    "take this key out; where the agent's own tasks show that it errs, 'agent-knowledge tune' fits"
    " policy.leaning to them"
)
_GONE: Mapping[Place, str] = {
    ("policy", "thresholds", "gap"): (
        "is gone: the text alone sends no task to retrieval any more, all evidence is weighed as"
        f" one and 'retrieval' is its threshold; {_TAKE_OUT}"
    ),
    ("policy", "thresholds", "clear_pattern"): (
        "is gone: a match alone outweighs nothing any more, all evidence is weighed as one and"
        f" 'pattern' is its threshold; {_TAKE_OUT}"
    ),
}
"""Keys that were, by the end of their path: what became of each, and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class ConfigFault:
    """One thing that is wrong: where (key path), and what to do about it."""

    key: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        key = self.key if len(self.key) <= _KEY_CHARACTERS else f"{self.key[:_KEY_CHARACTERS]}..."
        return f"{key or 'the file'}{where}: {self.text}"


def read_text(path: Path) -> str:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with path.open("rb") as file:  # not only a regular file: a shell may pass a pipe
            return _within_limit(path, file.read(limits.CONFIG_BYTES + 1)).decode("utf-8")
    except FileNotFoundError as error:
        msg = f"no configuration at {str(path)!r}; 'agent-knowledge init' writes one"
        raise ConfigError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the configuration {str(path)!r}: {error}; it must be a UTF-8 text file"
        raise ConfigError(msg) from error


def _within_limit(path: Path, data: bytes) -> bytes:
    if len(data) > limits.CONFIG_BYTES:
        most = f"at most {limits.CONFIG_BYTES:,} bytes are read"
        msg = f"the configuration {str(path)!r} is too large; {most}"
        raise ConfigError(msg)
    return data


def parse(model: type[Model], text: str, *, name: str) -> Model:
    """Check a configuration given as YAML text.

    Args:
        model: The schema.
        text: The YAML.
        name: What to call it in messages.

    Raises:
        ConfigError: With every fault at once.
    """
    try:
        raw, lines, repeated = _read_yaml(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        at = f", line {place.line + 1}, column {place.column + 1}" if place else ""
        deep = "it is nested too deeply" if isinstance(error, RecursionError) else ""
        what = deep or getattr(error, "problem", None) or str(error) or type(error).__name__
        msg = f"{name}{at}: this is not valid YAML ({what}); mend that line"
        raise ConfigError(msg) from None  # the cause quotes the line, which may hold a secret
    found = [*repeated, *_shape_faults(model, raw), *_reference_faults(raw)]
    if not found:
        return model.model_validate(raw)
    faults = [ConfigFault(".".join(place), text, _line(place, lines)) for place, text in found]
    raise ConfigError(_report(name, faults))


def _report(name: str, faults: Iterable[ConfigFault]) -> str:
    listed = sorted(set(faults), key=lambda f: (f.line or 0, f.key))
    head = f"{name}: {len(listed)} fault{'s' if len(listed) > 1 else ''}"
    more = len(listed) - _SHOWN_FAULTS
    tail = [f"  and {more} more"] if more > 0 else []
    return "\n".join([head, *(f"  {fault}" for fault in listed[:_SHOWN_FAULTS]), *tail])


def _shape_faults(model: type[BaseModel], raw: object) -> list[tuple[Place, str]]:
    """What the schema does not accept."""
    if not isinstance(raw, dict):
        return [((), f"expected keys such as 'agents:', found a {type(raw).__name__}")]
    try:
        model.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return [
            (tuple(str(p) for p in detail["loc"] if p != "[key]"), _explain(model, detail))
            for detail in details
        ]
    return []


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    """Say a validation error as value, what is accepted, nearest known name.

    A value is shown only where the schema has a plain one that is no secret: whatever stands in
    the place of a section may hold one.
    """
    kind, value, key = detail["type"], detail["input"], str(detail["loc"][-1])
    if key == "[key]" or kind == "string_pattern_mismatch":
        return f"{shown(value)} is no name; use letters, digits, '.', '_' and '-', at most 63" + (
            "" if isinstance(value, str) else ", in quotes where YAML would read something else"
        )
    if kind == "extra_forbidden":
        unknown = f"unknown key; {nearest(key, _known_keys(model, detail['loc'][:-1]))}"
        return _GONE.get(tuple(map(str, detail["loc"][-3:])), unknown)
    if kind in ("missing", "value_error"):  # the other is what a reader of ours says, value and all
        own = detail["msg"].removeprefix("Value error, ")
        return "is required and missing" if kind == "missing" else own
    given = "(hidden)" if key in _SECRET_KEYS else _short(value)
    if kind in _SHAPES:
        what = given if kind == "tuple_type" else f"a {type(value).__name__}"
        return f"expected {_SHAPES[kind]}, found {what}"
    if kind == "literal_error":
        allowed = _NAMED.findall(str((detail.get("ctx") or {}).get("expected", "")))
        meant = nearest(str(value), allowed)
        accepted = f" Accepted: {', '.join(allowed)}" if meant.startswith("did") else ""
        return f"{given} is not accepted; {meant}{accepted}"
    return f"{given} is not accepted: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _known_keys(schema: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that a section accepts: walk the schema along a key path."""
    model: Any = schema
    for step in place:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(step))
            model = field.annotation if field else None
        else:  # a mapping of names: its value type
            model = get_args(model)[-1] if get_args(model) else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _reference_faults(raw: object) -> list[tuple[Place, str]]:
    """What no single key shows: names that point nowhere, and keys that exclude each other."""
    top = _mapping(raw)
    known = {
        kind: _mapping(top.get(kind)) for kind in ("sources", "examples", "endpoints", "agents")
    }
    faults: list[tuple[Place, str]] = []
    for name, source in known["sources"].items():
        faults += [(("sources", name, *place), text) for place, text in _source_faults(source)]
    for name, endpoint in known["endpoints"].items():
        serves = _mapping(endpoint).get("serves")
        if isinstance(serves, str) and serves not in known["examples"]:
            text = f"no example set {serves!r}; {nearest(serves, known['examples'])}"
            faults.append((("endpoints", name, "serves"), text))
    for name, agent in known["agents"].items():
        faults += _agent_faults(name, _mapping(agent), known)
    return faults


_WEB = re.compile(r"https?://", re.IGNORECASE)
_ORIGINS = ("path", "url", "sitemap", "retriever", "loader", "external")
"""Keys of which a source has exactly one: what it is."""
_BELONGS = {
    "collection": "path",
    "include": "sitemap",
    "limit": "sitemap",
    "options": "retriever or loader",
}
"""Keys that mean something beside another alone."""


def _source_faults(source: object) -> Iterator[tuple[Place, str]]:
    """Keys of a source that exclude each other, or lack their companion."""
    section = _mapping(source)
    given = [key for key in _ORIGINS if section.get(key)]
    if len(given) != 1:
        found = f"it has {' and '.join(given)}" if given else "it has none"
        accepted = "path (file, folder or glob), url, sitemap, retriever, loader, or external: true"
        yield (), f"give exactly one of {accepted}; {found}"
        return
    yield from _address_faults(given[0], section[given[0]])
    for key, beside in _BELONGS.items():
        if section.get(key) and given[0] not in beside.split(" or "):
            yield (key,), f"belongs beside {beside}, and this source has {given[0]}; take it out"
    if (section.get("kind") == "chroma") != bool(section.get("collection")):
        yield (
            (),
            "a Chroma database is {kind: chroma, path: FOLDER, collection: NAME}; give all three",
        )


def _address_faults(key: str, given: object) -> Iterator[tuple[Place, str]]:
    """Web pages at addresses that no page has."""
    if key not in ("url", "sitemap"):
        return
    listed = cast("list[object]", given if isinstance(given, list) else [given])
    for number, one in enumerate(listed):
        place = (key, str(number)) if isinstance(given, list) else (key,)
        if isinstance(one, str) and "${" in one:  # it is the page's id, and shown with each passage
            yield place, "names a variable, which no address of a page may; write the address out"
        elif isinstance(one, str) and not _WEB.match(one):
            yield place, "begins with neither http:// nor https://; give the address of a web page"


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
                faults.append((("agents", name, kind, str(i)), text))
    if not agent.get("tenant"):
        faults += [(("agents", name, "tenant"), text) for text in _tenanted(agent, known)]
    endpoint = agent.get("endpoint")
    if isinstance(endpoint, str):
        place = ("agents", name, "endpoint")
        if endpoint not in known["endpoints"]:
            faults.append(
                (place, f"no endpoint {endpoint!r}; {nearest(endpoint, known['endpoints'])}")
            )
        else:
            serves = _mapping(known["endpoints"][endpoint]).get("serves")
            listed: object = agent.get("examples") or []
            if isinstance(serves, str) and isinstance(listed, list) and serves not in listed:
                text = f"it serves {serves!r}, which is not among this agent's examples; add it"
                faults.append((place, text))
    return faults


def _tenanted(agent: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What of an agent keeps tenants apart, and needs one at run time."""
    for kind in ("sources", "examples"):
        listed: object = agent.get(kind)
        for item in cast("list[object]", listed) if isinstance(listed, list) else []:
            if isinstance(item, str) and _mapping(known[kind].get(item)).get("tenant"):
                yield (
                    f"is missing, and {item!r} keeps its tenants apart; name the key of the runtime"
                    " context that holds the tenant"
                )


def _mapping(value: object) -> Mapping[str, Any]:
    """A section with its keys as text, such as the `no` that YAML reads as false; else nothing."""
    section = cast("dict[object, Any]", value) if isinstance(value, dict) else {}
    return {str(key): content for key, content in section.items()}


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        return f"a {type(cast('object', value)).__name__}"
    return shown(value)


def _line(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of a key, or of the nearest section around it that the file has."""
    around = (place[:depth] for depth in range(len(place), 0, -1))
    return next((lines[part] for part in around if part in lines), None)


def _places(root: yaml.Node | None) -> tuple[dict[Place, int], list[tuple[Place, str]]]:
    """The line of each key, counted from 1, and the keys given twice, which YAML lets pass.

    An alias is not followed into what it names: that was seen where it was written.
    """
    lines: dict[Place, int] = {}
    repeated: list[tuple[Place, str]] = []
    seen: set[int] = set()

    def visit(node: yaml.Node, place: Place) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here, line = (*place, str(key.value)), key.start_mark.line + 1
                if here in lines:
                    repeated.append((here, f"is given twice, again on line {line}"))
                lines.setdefault(here, line)
                visit(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                here = (*place, str(i))
                lines[here] = value.start_mark.line + 1
                visit(value, here)

    if root is not None:
        visit(root, ())
    return lines, repeated


def _refuse_endless(root: yaml.Node | None) -> None:
    """Refuse aliases that name each other over and over: a few lines of them fill any memory.

    Raises:
        ValueError: With every alias written out there would be more than `limits.CONFIG_VALUES`.
    """
    if root is not None and _written_out(root, {}) > limits.CONFIG_VALUES:
        msg = f"with its aliases written out it has more than {limits.CONFIG_VALUES:,} values"
        raise ValueError(msg)


def _written_out(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node stands for; one that holds itself stands for infinitely many."""
    if id(node) not in known:
        known[id(node)] = math.inf  # until it is counted: only what is inside itself sees that
        inside = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
            if isinstance(node, yaml.SequenceNode)
            else []
        )
        known[id(node)] = 1 + sum(_written_out(part, known) for part in inside)
    return known[id(node)]


class _Loader(yaml.SafeLoader):
    """A safe loader that leaves dates as text: the schema reads them and says where one is bad."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read_yaml(text: str) -> tuple[object, dict[Place, int], list[tuple[Place, str]]]:
    """What the YAML holds, the line of each key, and the keys given twice."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        _refuse_endless(root)
        lines, repeated = _places(root)  # first: building what it holds merges `<<` into the nodes
        raw = cast("object", loader.construct_document(root) if root else {})
    finally:
        loader.dispose()
    return {} if raw is None else raw, lines, repeated
