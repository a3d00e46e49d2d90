"""`ui`: a page to ask on, and to see why each task was served as it was."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Tenant
from agent_knowledge.cli.sampling import sample_endpoint, sample_tasks
from agent_knowledge.cli.terminal import echo_lines
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import DISTRIBUTION, InputError, MissingExtraError

if TYPE_CHECKING:
    from agent_knowledge.page.app import PageSettings

PASSWORD = "AGENT_KNOWLEDGE_PASSWORD"  # noqa: S105 - the variable's name
PORT = 7860
"""Where local pages of models commonly are."""


def ui(
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; others need a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for a free one.")] = PORT,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A name that the page is called by, as behind a proxy; needs a password.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Who answers: any init_chat_model string, or extractive."),
    ] = None,
    tenant: Tenant = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            "--cases", help="Folder for feedback; default: feedback, beside the configuration."
        ),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Open the packaged sample shop instead.")
    ] = False,
) -> None:
    """Open a page to ask an agent on, and to see why; ends by Ctrl-C.

    It listens on this machine alone. Beyond it, AGENT_KNOWLEDGE_PASSWORD has to be set.
    """
    settings_of = _settings_type()
    if sample and config != CONFIG:
        msg = "--sample opens the packaged shop and --config another one; give one of them"
        raise InputError(msg)
    with _opened(config, sample=sample) as loaded:
        settings = settings_of(
            host=host,
            port=port,
            password=os.environ.get(PASSWORD, ""),
            cases=cases or loaded.folder / "feedback",
            allowed_hosts=tuple(allow_host or ()),
            agent=agent,
            scope=scope_of(None, tenant),
            suggestions=sample_tasks(loaded) if sample else {},
        )
        settings.check()
        with _prepared(loaded, sample=sample):
            _serve(loaded, settings, model)


def _settings_type() -> type[PageSettings]:
    """What the page is served with.

    Raises:
        MissingExtraError: What serves it is not installed.
    """
    try:
        from agent_knowledge.page.app import PageSettings
    except ImportError as error:
        pip = f"pip install '{DISTRIBUTION}[ui]'"
        msg = f"the page needs {error.name or 'starlette'}, which is not installed; {pip}"
        raise MissingExtraError(msg) from error
    return PageSettings


@contextmanager
def _opened(config: Path, *, sample: bool) -> Generator[KnowledgeConfig]:
    if not sample:
        yield KnowledgeConfig.from_yaml(config)
        return
    from agent_knowledge.demo.sample import open_sample

    with open_sample() as loaded:
        yield loaded


@contextmanager
def _prepared(config: KnowledgeConfig, *, sample: bool) -> Generator[None]:
    """The sample, indexed and with its endpoint; a configuration of one's own is as it is."""
    if not sample:
        yield
        return
    from agent_knowledge.build.indexing import index_sources

    echo_lines("Indexing the sample shop, a few seconds.")
    index_sources(config)
    with sample_endpoint(config):
        yield


def _serve(config: KnowledgeConfig, settings: PageSettings, model: str | None) -> None:
    from agent_knowledge.page.app import build_page, listen, server_of

    if model is not None:
        models = config.models.model_copy(update={"default": model})
        config = config.model_copy(update={"models": models}).at(config.folder)
    app = build_page(config, settings)
    with listen(settings) as taken:
        address = f"[{settings.host}]" if ":" in settings.host else settings.host
        echo_lines(f"http://{address}:{taken.getsockname()[1]}  (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt):  # how it is ended
            server_of(app).run(sockets=[taken])
