"""`new-agent` and `schema`: what helps to write a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from agent_knowledge.cli.options import CONFIG, Config, Json
from agent_knowledge.cli.terminal import complain, echo_lines
from agent_knowledge.config import (
    AgentConfig,
    ExampleSetConfig,
    KnowledgeConfig,
    Policy,
    SourceConfig,
)
from agent_knowledge.config.editing import write_agent
from agent_knowledge.config.editor import SCHEMA_FILE, SCHEMA_LINE, schema_text
from agent_knowledge.errors import InputError

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def schema(
    *,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON schema of a configuration, by which an editor completes and checks it.

    `init` writes it beside the configuration; after an upgrade of the package write it anew.
    """
    del as_json  # it is JSON either way
    if target is None:
        echo_lines(schema_text(), end="")
        return
    _write(target, schema_text())
    echo_lines(f"wrote {target}")


def new_agent(
    *,
    name: Annotated[str | None, typer.Option("--name", help="What it is called.")] = None,
    does: Annotated[str | None, typer.Option("--does", help="What it does, in a line.")] = None,
    docs: Annotated[
        str | None, typer.Option("--docs", help="A file or folder of documents; '' for none.")
    ] = None,
    examples: Annotated[
        str | None,
        typer.Option("--examples", help="JSON lines of {input, output}; '' for none."),
    ] = None,
    cite: Annotated[
        bool | None,
        typer.Option("--cite/--no-cite", help="Whether every answer has to name its sources."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: what is not given is none.")
    ] = False,
    config: Config = CONFIG,
) -> None:
    """Add an agent to the configuration, by five questions; an option answers one beforehand."""
    there = _begun(config)
    asks = _Asks(silent=yes)
    name = asks(name, "What is the agent called?", "assistant", lambda said: _free(said, there))
    does = asks(does, "What does it do, in a line?", "", str)
    docs = asks(
        docs, "Which file or folder holds its documents? (empty: none)", "", _present("--docs")
    )
    examples = asks(
        examples,
        "Which JSON lines of {input, output} show how its tasks are done? (empty: none)",
        "",
        _present("--examples"),
    )
    if cite is None:
        cite = bool(docs) and not yes and typer.confirm("Must every answer name its sources?")
    new = _made(there, name, does, (docs, examples), cite=cite)
    if not config.exists():
        _write(config, SCHEMA_LINE)
        _write(config.parent / SCHEMA_FILE, schema_text())
    write_agent(config, name, new)
    echo_lines(f"{config}: added agent {name}")
    if cite and new.agents[name].examples:
        complain("note: where every answer has to name its sources, no task is given the examples")
    first = "agent-knowledge index, then: " if docs or examples else ""
    echo_lines(f"next: {first}agent-knowledge chat --agent {name}")


class _Asks:
    """Asks what is not given, until the answer can be taken."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def __call__(
        self, given: str | None, question: str, default: str, checked: Callable[[str], str]
    ) -> str:
        if given is not None or self._silent:
            return checked(default if given is None else given)
        while True:
            said = typer.prompt(question, default=default, show_default=bool(default))
            try:
                return checked(said)
            except InputError as error:
                complain(str(error))


def _begun(config: Path) -> KnowledgeConfig:
    """The configuration as it is; an empty one where there is none."""
    return KnowledgeConfig.from_yaml(config) if config.exists() else _empty(config)


def _empty(config: Path) -> KnowledgeConfig:
    return KnowledgeConfig().at(config.resolve().parent)


def _free(name: str, there: KnowledgeConfig) -> str:
    if name in there.agents:
        msg = f"--name: there is an agent {name!r} already; give another name"
        raise InputError(msg)
    try:
        KnowledgeConfig(agents={name: AgentConfig()})
    except ValidationError as error:
        msg = f"--name: {name!r} is no name; use letters, digits, '.', '_' and '-', at most 63"
        raise InputError(msg) from error
    return name


def _present(option: str) -> Callable[[str], str]:
    def checked(path: str) -> str:
        if path and not Path(path).exists():
            msg = f"{option}: there is nothing at {path!r}; give the path of what is there, or none"
            raise InputError(msg)
        return path

    return checked


def _made(
    there: KnowledgeConfig, name: str, does: str, paths: tuple[str, str], *, cite: bool
) -> KnowledgeConfig:
    """The agent, with what it needs that the configuration does not have."""
    docs, examples = (_relative(path, there.folder) if path else "" for path in paths)
    source = _name_of(docs, {n: s.path for n, s in there.sources.items()})
    example_set = _name_of(examples, {n: e.file for n, e in there.examples.items()})
    new_source = source and source not in there.sources
    new_set = example_set and example_set not in there.examples
    return KnowledgeConfig(
        sources={source: SourceConfig(path=docs)} if new_source else {},
        examples={example_set: ExampleSetConfig(file=examples)} if new_set else {},
        agents={
            name: AgentConfig(
                description=does,
                sources=(source,) if source else (),
                examples=(example_set,) if example_set else (),
                policy=Policy(citations="always") if cite else Policy(),
            )
        },
    )


def _relative(path: str, folder: Path) -> str:
    """A path as the configuration's folder sees it."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(path).resolve().as_posix()


def _name_of(path: str, known: Mapping[str, str | None]) -> str:
    """What a path goes by: the name that it has already, or its own last part."""
    if not path:
        return ""
    for name, place in known.items():
        if place and os.path.normpath(place) == os.path.normpath(path):
            return name
    stem = _NO_NAME.sub("-", Path(path).resolve().stem).strip("._-")[:50] or "knowledge"
    numbered = (f"{stem}-{n}" for n in range(2, len(known) + 3))
    return stem if stem not in known else next(name for name in numbered if name not in known)


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {str(target)!r} ({error.strerror}); give another path"
        raise InputError(msg) from error
