"""`doctor`: everything that a configuration names, tried out, with the way to mend what fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import typer
from rich.text import Text

from agent_knowledge.build import (
    load_decision_client,
    load_embedder,
    load_endpoint,
    load_example_sets,
    load_model,
    load_router,
    load_router_model,
)
from agent_knowledge.build.stores import open_source
from agent_knowledge.cli import show
from agent_knowledge.cli.filters import scope_of
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json, Tenant
from agent_knowledge.cli.progress import waiting
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import (
    AgentKnowledgeError,
    ConfigError,
    TenantMissingError,
    as_written,
    shown,
)
from agent_knowledge.ports import Closes, Embedder, Retriever
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Query

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from agent_knowledge.models.chat import Chat

_NOBODY = "nobody of this name, asks agent-knowledge doctor"
_PROBE = "How long does it take?"
_STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim", "note": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """What one check found."""

    what: str
    state: Literal["ok", "failed", "skipped", "note"]
    detail: str


def doctor(
    *, config: Config = CONFIG, agent: Agent = None, tenant: Tenant = None, as_json: Json = False
) -> None:
    """Check that everything the configuration names exists, loads and answers.

    Exit status 1 when a check failed.
    """
    loaded = KnowledgeConfig.from_yaml(config)
    scope = scope_of(None, tenant)
    with waiting("trying each part"):
        findings = list(examine(loaded if agent is None else loaded.only(agent), scope=scope))
    text = Text("\n").join(_line(finding) for finding in findings)
    failed = sum(finding.state == "failed" for finding in findings)
    text.append(f"\n{len(findings)} checks, {failed} failed", style="bold")
    row = {"checks": [asdict(finding) for finding in findings], "failed": failed}
    show.output(row, text, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def examine(
    config: KnowledgeConfig,
    retrievers: Mapping[str, BaseRetriever | Retriever] | None = None,
    scope: Scope = EVERYTHING,
) -> Iterator[DoctorCheck]:
    """Try each part that a configuration names, as the commands that use it would.

    Args:
        config: The configuration.
        retrievers: As for `load_router`; the command line has none to pass.
        scope: Where to look; an agent that keeps tenants apart is tried only for one of them.

    Yields:
        One finding per part: the embedding, the store, each source, example set, endpoint and
        agent, and the models, default and router. Models and endpoints are really called, with one
        short question, and so is each retriever.
    """
    given = retrievers or {}
    yield _check("embedding", lambda: _embedding(config))
    yield _check("store", lambda: _store(config))
    for name, source in config.sources.items():
        if not source.external:
            yield _check(f"source {name}", lambda name=name: _source(config, name, scope))
        elif name not in given:
            detail = "external: an agent that has it needs its retriever"
            yield DoctorCheck(what=f"source {name}", state="skipped", detail=detail)
    for name in config.examples:
        yield _check(f"examples {name}", lambda name=name: _examples(config, name))
    for name in _endpoints_by_agent(config):
        yield _check(f"endpoint of {name}", lambda name=name: _endpoint(config, name))
    yield _check("model default", lambda: _model(load_model(config)))
    if config.models.router is not None:
        yield _check("model router", lambda: _router_model(config))
    if not config.agents:
        detail = "none is defined; add one under agents:, as in agents: {support: }"
        yield DoctorCheck(what="agents", state="failed", detail=detail)
    for name in config.agents:
        yield _check(f"agent {name}", lambda name=name: _agent(config, name, given, scope))
        yield from _prompts(config, name)


def _prompts(config: KnowledgeConfig, agent: str) -> Iterator[DoctorCheck]:
    """A note on each set of labels of an agent that its prompt doesn't name."""
    from agent_knowledge.retrieval.examples import read_examples
    from agent_knowledge.routing.ladder import unnamed_labels

    with suppress(AgentKnowledgeError):  # what is wrong with the set or the agent stands above
        profile = config.agent(agent)
        for name, spec in profile.examples.items():
            file = config.resolve(spec.file, f"examples.{name}.file")
            if told := unnamed_labels(profile, name, read_examples(name, file)):
                yield DoctorCheck(what=f"prompt of {agent}", state="note", detail=told)


def _check(what: str, attempt: Callable[[], str]) -> DoctorCheck:
    try:
        return DoctorCheck(what=what, state="ok", detail=as_written(attempt()))
    except TenantMissingError:
        detail = "keeps tenants apart: not probed; give --tenant"
        return DoctorCheck(what=what, state="skipped", detail=detail)
    except AgentKnowledgeError as error:
        return DoctorCheck(what=what, state="failed", detail=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made
        detail = f"{type(error).__name__}: {shown(as_written(str(error)))}"
        return DoctorCheck(what=what, state="failed", detail=detail)


def _embedding(config: KnowledgeConfig) -> str:
    embedder = load_embedder(config)
    return f"{embedder.name}, {embedder.embed([_PROBE]).shape[1]} dimensions"


def _store(config: KnowledgeConfig) -> str:
    """Whether indexes can be kept there; one that is there and read-only still serves."""
    if config.store.kind != "chroma":
        from agent_knowledge.build.servers import describe_store

        return describe_store(config)
    folder = config.store_path
    place = next(part for part in (folder, *folder.absolute().parents) if os.path.lexists(part))
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return f"{str(folder)!r} can be written"
    if place == folder and folder.is_dir():
        return f"{str(folder)!r} can only be read: index and evaluate are refused"
    msg = f"store.path: {str(folder)!r} cannot be made ({str(place)!r} is no folder that can be "
    raise ConfigError(msg + "written); give another path")


def _source(config: KnowledgeConfig, name: str, within: Scope) -> str:
    from agent_knowledge.retrieval.reading.documents import Document
    from agent_knowledge.retrieval.reading.loading import read_source

    spec = config.sources[name]
    if spec.path is not None and spec.kind == "files":
        path = config.resolve(spec.path, f"sources.{name}.path")
        # Up to the first document: `index` fails on a source that has none.
        next(item for item in read_source(name, path) if isinstance(item, Document))
    embedder = load_embedder(config)
    index = open_source(config, name, embedder)
    # Whoever asks for a tenant that there is not sees that the source is indexed, and nothing else.
    scope = Scope(tenant=within.tenant or _NOBODY) if spec.tenant else EVERYTHING
    try:
        [found] = index.search([_query(embedder)], [name], 1, scope)
    finally:
        if isinstance(index, Closes):
            index.close()
    passages = f"{found[name].statistics.passages} passages"
    if not spec.tenant:
        return passages
    shown_to = f", {passages} for this one" if within.tenant else ""
    return f"indexed, and its tenants ({spec.tenant}) are kept apart{shown_to}"


def _examples(config: KnowledgeConfig, name: str) -> str:
    made = load_example_sets(config, (name,), load_embedder(config))[name]
    return f"{len(made.examples)} examples"


def _endpoint(config: KnowledgeConfig, agent: str) -> str:
    return _model(load_endpoint(config.agent(agent)))


def _model(model: Chat) -> str:
    began = time.perf_counter()
    model.reply([("user", _PROBE)])
    return f"{model.name} answers in {(time.perf_counter() - began) * 1000:.0f} ms"


def _router_model(config: KnowledgeConfig) -> str:
    client = load_decision_client(config)
    if client is None:
        return _model(load_router_model(config))
    from agent_knowledge.models.decisions import YesNo, ask_soundly

    began = time.perf_counter()
    ask_soundly(client, {"message": _PROBE}, {"asks": YesNo(instructions="Is it a question?")})
    elapsed_ms = (time.perf_counter() - began) * 1000
    return f"{client.name}, a decision model, answers in {elapsed_ms:.0f} ms"


def _agent(
    config: KnowledgeConfig,
    name: str,
    retrievers: Mapping[str, BaseRetriever | Retriever],
    scope: Scope,
) -> str:
    """Route a task and search every source of the agent.

    Raises:
        TenantMissingError: It keeps tenants apart, and the scope names none.
        ConfigError: An external source has no retriever; tasks that need it would fail.
    """
    sources = config.agent(name).sources
    external = [source for source, spec in sources.items() if spec.external]
    missing = [source for source in external if source not in retrievers]
    given = {source: retrievers[source] for source in external if source in retrievers}
    router = load_router(config, name, retrievers=given).scoped(scope)
    router.observers = ()  # a probe is nobody's task: no log counts it
    if missing:
        listed = ", ".join(missing)
        msg = (
            f"has no retriever for {listed}: a task that needs it fails, and the "
            "command line can pass none; in Python give retrievers={...} to load_router, and to "
            "agent_knowledge.cli.doctor.examine to check it"
        )
        raise ConfigError(msg)
    decision = router.route(_PROBE)
    found = f", finds {len(router.retrieve(_PROBE))} passages" if sources else ""
    return f"routes, in {decision.elapsed_ms:.0f} ms{found}"


def _endpoints_by_agent(config: KnowledgeConfig) -> list[str]:
    return [name for name, agent in config.agents.items() if agent.endpoint]


def _query(embedder: Embedder) -> Query:
    return Query(text=_PROBE, vector=embedder.embed([_PROBE])[0])


def _line(finding: DoctorCheck) -> Text:
    text = Text()
    text.append(f"{finding.state:<8}", style=_STYLES[finding.state])
    text.append(f"{finding.what}: {finding.detail}")
    return text
