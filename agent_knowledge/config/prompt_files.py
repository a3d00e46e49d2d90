"""The files behind an agent's prompts: read, checked, and every fault of them reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError, read_text, reason_of
from agent_knowledge.config.json_schema import read_schema
from agent_knowledge.config.templates import (
    INPUT,
    Template,
    faults,
    fill,
    placeholders,
    read_template,
    second_divider,
)
from agent_knowledge.errors import ConfigError

_AGENT_NAMES = ("agent", "description")
_SET_NAMES = ("labels", "schema", INPUT)
RESERVED = (*_AGENT_NAMES, *_SET_NAMES)
"""Placeholders that no variable of an agent may be called as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFiles:
    """Where the texts of one agent's prompts are.

    Attributes:
        system_prompt: The agent's own.
        templates: Per example set that has one, its template.
        schemas: Per example set that has one, its JSON schema.
    """

    system_prompt: Path | None = None
    templates: Mapping[str, Path] = field(default_factory=dict[str, Path])
    schemas: Mapping[str, Path] = field(default_factory=dict[str, Path])


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What was read.

    Attributes:
        system_prompt: With everything put in.
        templates: Per example set; what to put in is known where its examples are.
        schemas: Per example set, on one line.
    """

    system_prompt: str
    templates: Mapping[str, Template]
    schemas: Mapping[str, str]


def read_prompts(
    agent: str, description: str, variables: Mapping[str, str], files: PromptFiles
) -> Prompts:
    """Read the files behind an agent's prompts.

    Args:
        agent: The agent's name, which `{{agent}}` stands for.
        description: What `{{description}}` stands for in its system prompt.
        variables: What further placeholders stand for.
        files: The files.

    Raises:
        ConfigError: With everything that is wrong: files that cannot be read, placeholders that
            are unknown or missing, variables that none stands for, schemas that are none.
    """
    reading = _Reading(variables=variables)
    system = ""
    if files.system_prompt:
        key = f"agents.{agent}.system_prompt"
        system = reading.system_prompt(key, files.system_prompt)
    templates = {
        name: reading.template(name, path, has_schema=name in files.schemas)
        for name, path in files.templates.items()
    }
    schemas = {name: reading.schema(name, path) for name, path in files.schemas.items()}
    reading.look_for_unused(f"agents.{agent}.variables")
    if found := reading.faults:
        head = f"agents.{agent}: {len(found)} faults in its prompts\n  " if len(found) > 1 else ""
        raise ConfigError(head + "\n  ".join(found))
    values = {"agent": agent, "description": description, **variables}
    return Prompts(system_prompt=fill(system, values), templates=templates, schemas=schemas)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Reads file after file, and remembers what was wrong and which placeholders were used."""

    variables: Mapping[str, str]
    faults: list[str] = field(default_factory=list[str])
    used: set[str] = field(default_factory=set[str])
    unread: bool = False

    def system_prompt(self, key: str, path: Path) -> str:
        text = self._text(key, path) or ""
        self._look_for_faults(f"{key} ({path}", text, self._accepted(*_AGENT_NAMES))
        return text.strip()

    def template(self, name: str, path: Path, *, has_schema: bool) -> Template:
        key = f"examples.{name}.template"
        where, text = f"{key} ({path}", self._text(key, path)
        if text is None:
            return Template()
        if twice := second_divider(text):
            what = "a second line '---'; write '***' where it is no divider"
            self.faults.append(f"{where}, line {twice}): {what}")
            return Template()
        made = read_template(text)
        accepted = self._accepted(*_AGENT_NAMES, *_SET_NAMES)
        if not has_schema:
            accepted["schema"] = f"needs examples.{name}.output_schema"
        above = accepted | {INPUT: "belongs below the line '---'"}
        self._look_for_faults(where, made.instructions, above)
        self._look_for_faults(where, made.turn, accepted, made.turn_line)
        tasks = [line for line, name in placeholders(made.turn, made.turn_line) if name == INPUT]
        if not tasks:
            at = f"{where}, line {made.turn_line})"
            self.faults.append(f"{at}: {{{{{INPUT}}}}} is missing: the task goes there")
        elif len(tasks) > 1:
            self.faults.append(f"{where}, line {tasks[1]}): {{{{{INPUT}}}}} is given twice")
        return made

    def schema(self, name: str, path: Path) -> str:
        key = f"examples.{name}.output_schema"
        text = self._text(key, path)
        if text is None:
            return ""
        schema, found = read_schema(text)
        self.faults += [f"{key} ({path}): {fault}" for fault in found]
        return schema

    def look_for_unused(self, key: str) -> None:
        for name in self.variables:
            if name in RESERVED:
                listed = ", ".join(RESERVED)
                self.faults.append(f"{key}.{name}: {listed} have a meaning of their own; rename it")
            elif name not in self.used and not self.unread:
                what = f"no placeholder {{{{{name}}}}} uses it; mend its name or take it out"
                self.faults.append(f"{key}.{name}: {what}")

    def _text(self, key: str, path: Path) -> str | None:
        """A file's text; None when it cannot be read, which is a fault."""
        try:
            text = read_text(path, limits.PROMPT_BYTES)
        except (OSError, UnreadableError) as error:
            self.unread = True
            why = f"cannot read {str(path)!r} ({reason_of(error)})"
            what = f"{why}; give the path of a UTF-8 text file"
            self.faults.append(f"{key}: {what}")
            return None
        self.used |= {name for _, name in placeholders(text) if name}
        return text

    def _accepted(self, *names: str) -> dict[str, str]:
        return dict.fromkeys([*names, *self.variables], "")

    def _look_for_faults(
        self, where: str, text: str, accepted: Mapping[str, str], line: int = 1
    ) -> None:
        found = faults(text, accepted, line)
        self.faults += [f"{where}, line {at}): {what}" for at, what in found]
