"""A page for each command, from what `--help` reads: every argument and option, in its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from agent_knowledge.cli.app import app

_NAME = "agent-knowledge"


def command_pages() -> dict[str, str]:
    """Markdown by file name: one page a command, in the order of `--help`, and a list of them."""
    top: Any = typer.main.get_command(app)
    told = [_Told(command, f"{_NAME} {name}") for name, command in top.commands.items()]
    rows = [
        f"| [`{name}`]({_file(name)}) | {_short(top.commands[name])} |" for name in top.commands
    ]
    listed = _page(
        "Commands", ["| command | does |", "|---|---|", *rows], *_Told(top, _NAME).options()
    )
    pages = dict(zip(top.commands, ("\n".join(one.page(level=1)) for one in told), strict=True))
    return {"index.md": listed} | {_file(name): f"{text}\n" for name, text in pages.items()}


class _Told:
    """One command, or group of them, as Markdown."""

    def __init__(self, command: Any, path: str) -> None:  # typer's own kinds differ by its version
        self._command = command
        self._path = path
        self._context = command.context_class(command, info_name=path)

    def page(self, level: int) -> Iterator[str]:
        """Heading, help, usage, arguments and options; of a group also its commands."""
        usage = " ".join((self._path, *self._command.collect_usage_pieces(self._context)))
        yield from ("#" * level + f" {self._path.removeprefix(_NAME).strip()}", "")
        yield from (_prose(self._command.help), "", "```text", usage, "```", "")
        yield from self.options()
        for name, command in getattr(self._command, "commands", {}).items():
            yield from _Told(command, f"{self._path} {name}").page(level + 1)

    def options(self) -> Iterator[str]:
        """Two tables: what it is given, and how it can be told to go about it."""
        parameters = self._command.get_params(self._context)
        for kind, title in (("argument", "Argument"), ("option", "Option")):
            records = [
                record
                for parameter in parameters
                if parameter.param_type_name == kind
                if (record := parameter.get_help_record(self._context))
            ]
            if records:
                yield from (f"| {title} | |", "|---|---|")
                yield from (f"| {_code(name)} | {_cell(said)} |" for name, said in records)
                yield ""


def _file(name: str) -> str:
    """Of a command's page; by its whole name, since one command is called as a folder's list."""
    return f"{_NAME}-{name}.md"


def _short(command: Any) -> str:
    return _cell((command.help or "").split("\n\n")[0])


def _prose(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _page(title: str, *parts: Any) -> str:
    lines = [line for part in parts for line in ([*part, ""] if isinstance(part, list) else [part])]
    return "\n".join([f"# {title}", "", *lines]) + "\n"


def _code(text: str) -> str:
    """A name with its value; a sign that would end the cell is written as its entity."""
    return f"<code>{_entities(text)}</code>"


def _cell(text: str) -> str:
    return _entities(" ".join(text.split()))


def _entities(text: str) -> str:
    return re.sub(r"[<>|&*_`\[\]]", lambda found: f"&#{ord(found[0])};", text)
