"""The commands, and how an error leaves: one message on standard error, exit status 2."""

from __future__ import annotations

import logging
import os
import sys
from importlib import metadata
from io import TextIOWrapper
from typing import Annotated

import typer

from agent_knowledge.cli import (
    advising,
    answering,
    chatting,
    doctor,
    evaluating,
    exporting,
    indexing,
    labelled,
    log,
    mcp,
    moving,
    routing,
    screening,
    setting_up,
    starting,
    trials,
    ui,
)
from agent_knowledge.cli.allowing import allowing
from agent_knowledge.cli.terminal import complain, echo_lines
from agent_knowledge.errors import DISTRIBUTION, AgentKnowledgeError

_NAME = "agent-knowledge"
"""Of the command, however it was started."""
app = typer.Typer(
    name=_NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@app.callback(invoke_without_command=True)
def common(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, help="Log to standard error; -vv in every detail."
        ),
    ] = 0,
) -> None:
    """Choose, task by task, what to give an agent's model, and say why."""
    if verbose:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("agent_knowledge").setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])
    if version:
        echo_lines(metadata.version(DISTRIBUTION))
        raise typer.Exit


app.command("init")(starting.init)
app.command("new-agent")(setting_up.new_agent)
app.command("schema")(setting_up.schema)
app.command("index")(allowing(indexing.index))
app.command("move")(moving.move)
app.command("route")(allowing(routing.route))
app.command("retrieve")(allowing(routing.retrieve))
app.command("few-shot")(allowing(routing.few_shot))
app.command("ask")(allowing(answering.ask))
app.command("chat")(allowing(chatting.chat))
app.command("check")(labelled.check)
app.command("verify")(allowing(answering.verify))
app.command("screen")(screening.screen)
app.command("tune")(allowing(labelled.tune))
app.command("advise")(allowing(advising.advise))
app.command("evaluate")(allowing(evaluating.evaluate))
app.add_typer(trials.app, name="trials")
app.command("export")(allowing(exporting.export))
app.command("log")(log.log)
app.command("mcp")(allowing(mcp.mcp))
app.command("doctor")(allowing(doctor.doctor))
app.command("demo")(starting.demo)
app.command("ui")(allowing(ui.ui))


def run() -> None:
    """Run the command that the arguments name; what it raises on purpose becomes a message."""
    # Whatever embedding or model is in use, none of our parts reports home.
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A terminal that lacks a character shows "?", and a byte that is none ends no conversation.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name=_NAME)
    except AgentKnowledgeError as error:
        complain(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away, as `head` does: nothing is wrong. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
