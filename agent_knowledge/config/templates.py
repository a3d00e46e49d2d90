r"""Templates of prompts: Markdown with named placeholders, `{{name}}`, and nothing else.

Plain substitution: no code and no conditions. What is put in is not looked through again, so that
a text from outside brings no placeholder along. `\{{` stands for the characters `{{`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent_knowledge.errors import nearest

INPUT = "input"
"""The placeholder that a task stands in for."""

_MARK = re.compile(r"\\\{\{|\{\{([^{}\n]*)\}\}|\{\{")
_DIVIDER = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_ESCAPED = r"\{{"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The file of an example set, in its two parts.

    Attributes:
        instructions: Above the line `---`: what the model reads beside the system prompt.
        turn: Below it: how a task is put, `{{input}}` standing for it.
        turn_line: The line of the file on which that part begins, from 1.
    """

    instructions: str = ""
    turn: str = "{{input}}"
    turn_line: int = 1


def read_template(text: str) -> Template:
    """Take a set's file apart; without a line `---` all of it is the form of a turn."""
    divider = _DIVIDER.search(text)
    if divider is None:
        return Template(turn=text.strip("\r\n"), turn_line=_line_of_text(text, 0))
    return Template(
        instructions=text[: divider.start()].strip(),
        turn=text[divider.end() :].strip("\r\n"),
        turn_line=_line_of_text(text, divider.end()),
    )


def second_divider(text: str) -> int | None:
    """The line of a second `---` in a set's file, from 1: which of them divides it is not clear."""
    found = list(_DIVIDER.finditer(text))
    return text.count("\n", 0, found[1].start()) + 1 if len(found) > 1 else None


def placeholders(text: str, line: int = 1) -> Iterator[tuple[int, str | None]]:
    """Find the placeholders of a template.

    Args:
        text: The template.
        line: The line that it begins on.

    Yields:
        The line and the name of each; None for a `{{` that opens none.
    """
    for mark in _MARK.finditer(text):
        if mark.group() != _ESCAPED:
            named = mark.group(1)
            at = line + text.count("\n", 0, mark.start())
            yield at, None if named is None else named.strip()


def faults(text: str, accepted: Mapping[str, str], line: int = 1) -> Iterator[tuple[int, str]]:
    """Say what is wrong with the placeholders of a template.

    Args:
        text: The template.
        accepted: The names that may stand in it; behind a name that may not, why.
        line: The line that it begins on.

    Yields:
        The line, and what to do about it.
    """
    usable = [name for name, objection in accepted.items() if not objection]
    for at, name in placeholders(text, line):
        if name is None:
            yield at, r"'{{' opens no placeholder; write \{{ for the characters themselves"
        elif name not in accepted:
            meant = nearest(name, usable)
            listed = ", ".join(f"{{{{{one}}}}}" for one in usable)
            hint = f"{meant} " if meant.startswith("did") else ""
            yield at, f"unknown placeholder {{{{{name}}}}}; {hint}Accepted: {listed}"
        elif accepted[name]:
            yield at, f"{{{{{name}}}}} {accepted[name]}"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in for the placeholders of a template, which must be faultless."""

    def value(mark: re.Match[str]) -> str:
        return "{{" if mark.group() == _ESCAPED else values[mark.group(1).strip()]

    return _MARK.sub(value, text)


def fill_around(turn: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Fill the form of a turn, and give what stands before its `{{input}}` and behind it."""
    mark = next(m for m in _MARK.finditer(turn) if (m.group(1) or "").strip() == INPUT)
    return fill(turn[: mark.start()], values), fill(turn[mark.end() :], values)


def _line_of_text(text: str, start: int) -> int:
    """The line on which the first text behind a place stands, from 1."""
    rest = text[start:]
    return text.count("\n", 0, start + len(rest) - len(rest.lstrip("\r\n"))) + 1
