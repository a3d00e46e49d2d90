"""Putting an agent, or its leaning, into a configuration file, and disturbing nothing else there.

The text is edited at the places that the YAML parser names, so everything else stays byte for byte.
(Loading and dumping by a library that keeps comments does not: it moves the comment
above the next agent into this one, and lays out anew what it was not asked to touch.) The edited
text is then read as a configuration, and must say what the old one said but for the leaning;
layouts for which it would not, such as a policy that agents share by an anchor, are refused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast

import yaml

from agent_knowledge.config.schema import KnowledgeConfig
from agent_knowledge.config.sections import Leaning
from agent_knowledge.errors import ConfigError, nearest

_SECTIONS = ("policy", "leaning")


def leaning_block(agent: str, present: Leaning, wanted: Leaning) -> str:
    """The YAML that sets a leaning, for a person to paste.

    Args:
        agent: The agent's name.
        present: Its leaning as configured.
        wanted: The leaning to set; what is left at its default is not written out.
    """
    name = agent if yaml.safe_load(agent) == agent else f'"{agent}"'
    either = _differing(Leaning(), wanted) | _differing(present, wanted)
    values = {key: either[key] for key in Leaning.model_fields if key in either}
    return "\n".join(_lines(("agents", name, *_SECTIONS), values))


def write_agent(file: Path, name: str, new: KnowledgeConfig) -> None:
    """Add an agent to a configuration file, which is replaced in one step; see `put_agent`.

    Args:
        file: The file.
        name: The agent's name.
        new: The agent, with the sources and example sets that are not there yet.

    Raises:
        ConfigError: As of `put_agent`, or the file cannot be read or written. It is then as it was.
    """
    _rewrite(file, lambda text: put_agent(text, name, new), "agent")


def _rewrite(file: Path, edited: Callable[[str], str], what: str) -> None:
    target = file.resolve()
    try:
        with target.open(encoding="utf-8", newline="") as opened:
            text = opened.read()
        _replace(target, edited(text))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot write {str(file)!r} ({error}); put the {what} there yourself"
        raise ConfigError(msg) from error


def put_agent(text: str, name: str, new: KnowledgeConfig) -> str:
    """Add an agent to the text of a configuration, with what it needs that is not there yet.

    Args:
        text: YAML; may be empty.
        name: The agent's name.
        new: The agent, with the sources and example sets to add.

    Returns:
        The text with these keys added, and nothing else changed.

    Raises:
        ConfigError: It is no valid configuration, something of that name is there already, or
            nothing can be added without changing more.
    """
    promised = KnowledgeConfig.parse(text).model_dump()
    added = new.model_dump(mode="json", exclude_defaults=True)
    edited = text
    for section in ("sources", "examples", "agents"):
        for key in getattr(new, section):
            if key in promised[section]:
                msg = f"{section}: {key!r} is there already; give another name"
                raise ConfigError(msg)
            edited = _entered(edited, section, {key: added[section].get(key, {})})
        promised[section] |= new.model_dump()[section]
    if not _says(edited, promised):
        msg = (
            f"agents: {name!r} cannot be added to this file without changing more than that, as"
            " where an anchor shares the section; put it there yourself"
        )
        raise ConfigError(msg)
    return edited


def _entered(text: str, section: str, entry: Mapping[str, object]) -> str:
    """The text with an entry at the end of one of its sections, which is begun if need be."""
    root = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))
    if isinstance(root, yaml.ScalarNode) and root.value:  # `null` or `~` for nothing
        return _put(text, root, _inline({section: entry}))
    if not isinstance(root, yaml.MappingNode) or not (root.value or root.flow_style):
        before = text if not text or text.endswith("\n") else f"{text}\n"
        return before + "\n".join(_dumped({section: entry})) + "\n"
    there = _value(root, section)
    if there is None:
        return _append(text, root, _inline({section: entry})[1:-1], _dumped({section: entry}))
    if isinstance(there, yaml.MappingNode):
        return _append(text, there, _inline(entry)[1:-1], _dumped(entry))
    return _put(text, there, _inline(entry))


def _dumped(value: object) -> list[str]:
    """YAML as a person lays it out: what is innermost in one line."""
    return _yaml(value, flow=None).splitlines()


def _inline(value: object) -> str:
    return _yaml(value, flow=True).strip()


def _yaml(value: object, *, flow: bool | None) -> str:
    return yaml.safe_dump(
        value, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=10**6
    )


def write_leaning(file: Path, agent: str, wanted: Leaning) -> None:
    """Set an agent's leaning in a configuration file, which is replaced in one step.

    Args:
        file: The file; its mode, comments, quoting, order and line ends are kept.
        agent: The agent's name.
        wanted: Its leaning from now on.

    Raises:
        ConfigError: The file cannot be read or written, is no valid configuration, or is laid out
            so that the leaning cannot be set alone. It is then as it was.
    """
    _rewrite(file, lambda text: put_leaning(text, agent, wanted), "leaning")


def put_leaning(text: str, agent: str, wanted: Leaning) -> str:
    """Set an agent's leaning in the text of a configuration.

    Args:
        text: YAML.
        agent: The agent's name.
        wanted: Its leaning from now on.

    Returns:
        The text, changed at nothing but the leaning.

    Raises:
        ConfigError: It is no valid configuration, the agent is unknown, or the leaning cannot be
            set alone.
    """
    config = KnowledgeConfig.parse(text)
    if agent not in config.agents:
        msg = f"agents: {agent!r} is unknown; {nearest(agent, config.agents)}"
        raise ConfigError(msg)
    promised = config.model_dump()
    promised["agents"][agent]["policy"]["leaning"] = wanted.model_dump()
    edited = _edited(text, agent, config.agents[agent].policy.leaning, wanted)
    if not _says(edited, promised):
        msg = (
            f"agents.{agent}.policy.leaning: cannot be set in this file without changing more"
            " than that, as where an anchor shares the section or a comment stands before its"
            " closing brace; put the leaning there yourself"
        )
        raise ConfigError(msg)
    return edited


def _says(text: str, promised: Mapping[str, object]) -> bool:
    try:
        return KnowledgeConfig.parse(text).model_dump() == promised
    except ConfigError:
        return False


def _edited(text: str, agent: str, present: Leaning, wanted: Leaning) -> str:
    """The text with the leaning set; whether it alone changed is for the caller to check."""
    inner = cast("yaml.MappingNode", yaml.compose(text, Loader=yaml.SafeLoader))
    path = ("agents", agent, *_SECTIONS)
    while path and isinstance(child := _value(inner, path[0]), yaml.MappingNode):
        inner, path = child, path[1:]
    if not path:
        return _set_all(text, inner, _differing(present, wanted))
    values = _differing(Leaning(), wanted)
    nothing = _value(inner, path[0])
    if nothing is not None:
        return _put(text, nothing, _in_line(path[1:], values))
    return _append(text, inner, _in_line(path, values)[1:-1], _lines(path, values))


def _set_all(text: str, section: yaml.MappingNode, values: Mapping[str, float]) -> str:
    """Set keys of a section: those that it has where they stand, others at its end."""
    known = {name: node for name in values if (node := _value(section, name)) is not None}
    new = {name: value for name, value in values.items() if name not in known}
    if new:
        text = _append(text, section, _in_line((), new)[1:-1], _lines((), new))
    for name in sorted(known, key=lambda name: -known[name].start_mark.index):  # the last one first
        text = _put(text, known[name], str(values[name]))
    return text


def _differing(one: Leaning, other: Leaning) -> dict[str, float]:
    """The values of `other` that are not those of `one`, in the order of the schema."""
    values: dict[str, float] = other.model_dump()
    return {name: value for name, value in values.items() if value != getattr(one, name)}


def _value(section: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in section.value if key.value == name), None)


def _put(text: str, node: yaml.Node, value: str) -> str:
    """Put a value in the place of a node; of one with nothing behind its key too."""
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start] + (" " if start == end else "") + value + text[end:]


def _append(text: str, section: yaml.MappingNode, in_line: str, lines: Sequence[str]) -> str:
    """Add keys at the end of a section, in its own style: within its braces, or as lines."""
    if section.flow_style:
        close = section.end_mark.index - 1
        body = text[:close].rstrip()
        comma = "" if body.endswith("{") else " " if body.endswith(",") else ", "
        return body + comma + in_line + text[len(body) :]
    column: int = section.value[0][0].start_mark.column
    end = _end_of_block(text, section.end_mark.index, column)
    newline = "\r\n" if "\r\n" in text else "\n"
    before = "" if text[:end].endswith("\n") else newline
    added = newline.join(" " * column + line for line in lines)
    return text[:end] + before + added + newline + text[end:]


def _end_of_block(text: str, end: int, column: int) -> int:
    """Where a block ends: the parser counts what follows it, up to the next key, as its own.

    Comments that are indented like the block stay in it, others belong to what follows.
    """
    lines = text[:end].splitlines(keepends=True)
    while lines:
        line = lines[-1].strip()
        indent = len(lines[-1]) - len(lines[-1].lstrip())
        if line and not (line.startswith("#") and indent < column):
            break
        lines.pop()
    return sum(map(len, lines))


def _lines(path: Sequence[str], values: Mapping[str, float]) -> list[str]:
    """Nested sections, one a line, with the innermost one in one line."""
    if len(path) <= 1:
        return [f"{name}: {_in_line((), values)}" for name in path] or [
            f"{name}: {value}" for name, value in values.items()
        ]
    return [f"{path[0]}:", *(f"  {line}" for line in _lines(path[1:], values))]


def _in_line(path: Sequence[str], values: Mapping[str, float]) -> str:
    """Nested sections in one line."""
    inner = ", ".join(f"{name}: {value}" for name, value in values.items())
    for name in reversed(path):
        inner = f"{name}: {{{inner}}}"
    return f"{{{inner}}}"


def _replace(target: Path, text: str) -> None:
    """Write a text beside a file, read it as a configuration, and put it in the file's place."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=target.parent, prefix=target.name, delete=False
    ) as opened:
        written = Path(opened.name)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    try:
        shutil.copymode(target, written)
        KnowledgeConfig.from_yaml(written)
        written.replace(target)
    except BaseException:
        written.unlink()
        raise
