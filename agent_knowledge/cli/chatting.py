"""`chat`: a conversation in the terminal, with the reasons and the sources at hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Filters, Tenant
from agent_knowledge.cli.routing import story
from agent_knowledge.cli.streaming import tell
from agent_knowledge.cli.terminal import complain, echo_lines
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import AgentKnowledgeError, nearest
from agent_knowledge.types import Message, Task
from agent_knowledge.types.answers import Answer

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer

_COMMAND = re.compile(r"/([a-z]*)(?:\s+(.*))?")
"""`/etc/hosts is what?` is a question."""
_REMEMBERED = 50
"""Turns that the next one is told of: a limit, below which a model's context is not the first to
end. /new forgets them all."""


def chat(
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Any init_chat_model string.")
    ] = None,
    filters: Filters = None,
    tenant: Tenant = None,
) -> None:
    """Talk with an agent; it remembers what was said. Ctrl-C ends an answer, Ctrl-D the chat.

    /why tells how the last task was routed, /sources what its answer cites, /agent NAME changes to
    another agent, /new begins anew, /quit leaves.
    """
    from agent_knowledge.answerer import load_answerer

    loaded, scope = KnowledgeConfig.from_yaml(config), scope_of(filters, tenant)
    first = agent or next(iter(loaded.agents), None)

    def open_agent(name: str | None) -> Answerer:
        return load_answerer(loaded, name, model=model).scoped(scope)

    talk = _Talk(name=first or "", answerer=open_agent(first))
    others = [name for name in loaded.agents if name != first]
    also = f"; /agent changes to {', '.join(others)}" if others else ""
    show.echo(Text(f"{first} listens{also}; /help lists what else there is", style="dim"))
    while line := _next_line(f"\n{talk.name}> "):
        try:
            left = _COMMAND.fullmatch(line)
            if left and left[1] in {"quit", "exit"}:
                return
            talk = (
                _obeyed(talk, left[1], (left[2] or "").strip(), loaded, open_agent)
                if left
                else _answered(talk, line)
            )
        except AgentKnowledgeError as error:
            complain(f"error: {error}")
        except KeyboardInterrupt:
            complain("stopped; what it was about is not remembered")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Talk:
    """A conversation: with whom, and what was asked and answered, oldest first."""

    name: str
    answerer: Answerer
    turns: tuple[tuple[Task, Answer], ...] = ()

    def task(self, text: str) -> Task:
        """The next request of it."""
        turns = self.turns[-_REMEMBERED:]
        history = [
            message
            for asked, answer in turns
            for message in (Message("user", asked.text), Message("assistant", answer.text))
        ]
        return Task(
            text, history=tuple(history), cited=tuple(answer.cited_turn for _, answer in turns)
        )


def _answered(talk: _Talk, line: str) -> _Talk:
    task = talk.task(line)
    answer = tell(talk.answerer, task)
    reasons = answer.decision.reasons
    why = f": {reasons[0].text}" if reasons else ""
    show.echo(Text(f"({answer.decision.strategy}{why})", style="dim"))
    return replace(talk, turns=(*talk.turns, (task, answer)))


def _obeyed(
    talk: _Talk,
    command: str,
    rest: str,
    config: KnowledgeConfig,
    open_agent: Callable[[str], Answerer],
) -> _Talk:
    """Do what a line that begins with a slash says.

    Raises:
        ConfigError: The agent is unknown, or what it names is wrong; the talk goes on as it was.
    """
    if command == "agent":
        if not rest:
            names = (f"{name}  {spec.description}" for name, spec in config.agents.items())
            echo_lines("\n".join(names))
            return talk
        opened = open_agent(rest)
        show.echo(Text(f"{rest} listens; a new conversation", style="dim"))
        return _Talk(name=rest, answerer=opened)
    if command == "new":
        show.echo(Text("a new conversation", style="dim"))
        return replace(talk, turns=())
    if told := _TOLD.get(command):
        show.echo(told(*talk.turns[-1], talk.answerer) if talk.turns else "nothing is answered yet")
    elif command == "help":
        echo_lines("\n".join(f"{name:<12}  {what}" for name, what in _HELP.items()))
    else:
        known = list(dict.fromkeys(name.split()[0] for name in _HELP))
        complain(f"/{command} is no command; {nearest(f'/{command}', known)}")
    return talk


def _why(task: Task, answer: Answer, answerer: Answerer) -> Text:
    return story(task, answer.decision, answerer.router)


def _sources(task: Task, answer: Answer, answerer: Answerer) -> Text:
    del task, answerer
    return show.footnotes(answer)


_TOLD: Mapping[str, Callable[[Task, Answer, Answerer], Text]] = {"why": _why, "sources": _sources}
_HELP = {
    "/why": "how the last task was routed, and what was rejected",
    "/sources": "what the last answer cites: place, lines, words",
    "/agent": "which agents there are",
    "/agent NAME": "talk with another one",
    "/new": "forget the conversation",
    "/quit": "leave; so does Ctrl-D",
    "/help": "this list",
}


def _next_line(prompt: str) -> str | None:
    """What is typed or piped in next; a person is prompted, and Ctrl-C clears the line."""
    asks = sys.stdin.isatty()
    if asks:
        with suppress(ImportError):  # its import gives `input` its editing and its history
            import readline  # noqa: F401  # pyright: ignore[reportUnusedImport] - see there
    while True:
        try:
            if line := input(prompt if asks else "").strip():
                return line
        except EOFError:
            return None
        except KeyboardInterrupt:
            complain("\n/quit or Ctrl-D leaves")
