"""`doctor`: everything that a configuration names, tried out, with the way to mend what fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from agent_knowledge.assembly import (
    load_embedder,
    load_endpoint,
    load_example_sets,
    load_index,
    load_model,
    load_router,
    load_router_model,
)
from agent_knowledge.cli import show
from agent_knowledge.cli.options import CONFIG, Agent, Config, Json
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import AgentKnowledgeError, SourceError
from agent_knowledge.ports import Embedder
from agent_knowledge.search import Query

if TYPE_CHECKING:
    from agent_knowledge.models.chat import Chat

_PROBE = "How long does it take?"
_STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    what: str
    state: Literal["ok", "failed", "skipped"]
    detail: str


def doctor(*, config: Config = CONFIG, agent: Agent = None, as_json: Json = False) -> None:
    """Check that everything the configuration names exists, loads and answers."""
    loaded = KnowledgeConfig.from_yaml(config)
    findings = list(examine(loaded if agent is None else loaded.only(agent)))
    text = Text("\n").join(_line(finding) for finding in findings)
    failed = sum(finding.state == "failed" for finding in findings)
    text.append(f"\n{len(findings)} checks, {failed} failed", style="bold")
    row = {"checks": [asdict(finding) for finding in findings], "failed": failed}
    show.output(row, text, as_json=as_json)


def examine(config: KnowledgeConfig) -> Iterator[Finding]:
    """Try each part that a configuration names.

    Yields:
        One finding per part: the embedding, each source, example set, endpoint and agent, and the
        models, default and router. Models and endpoints are really called, with one short question.
    """
    yield _check("embedding", lambda: _embedding(config))
    for name, source in config.sources.items():
        if source.external:
            detail = "external: pass its retriever to load_router"
            yield Finding(what=f"source {name}", state="skipped", detail=detail)
        else:
            yield _check(f"source {name}", lambda name=name: _source(config, name))
    for name in config.examples:
        yield _check(f"examples {name}", lambda name=name: _examples(config, name))
    for name in _endpoints_by_agent(config):
        yield _check(f"endpoint of {name}", lambda name=name: _endpoint(config, name))
    yield _check("model default", lambda: _model(load_model(config)))
    if config.models.router is not None:
        yield _check("model router", lambda: _model(load_router_model(config)))
    if not config.agents:
        detail = "none is defined; add one under agents:, as in agents: {support: }"
        yield Finding(what="agents", state="failed", detail=detail)
    for name in config.agents:
        yield _check(f"agent {name}", lambda name=name: _agent(config, name))


def _check(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, state="ok", detail=attempt())
    except AgentKnowledgeError as error:
        return Finding(what=what, state="failed", detail=str(error))


def _embedding(config: KnowledgeConfig) -> str:
    embedder = load_embedder(config)
    return f"{embedder.name}, {embedder.embed([_PROBE]).shape[1]} dimensions"


def _source(config: KnowledgeConfig, name: str) -> str:
    path = config.resolve(config.sources[name].path or "", f"sources.{name}.path")
    if not path.exists() and not any(path.parent.glob(path.name)):
        msg = f"there is nothing at {str(path)!r}; mend sources.{name}.path"
        raise SourceError(msg)
    embedder = load_embedder(config)
    result = load_index(config, embedder).search([_query(embedder)], [name], 1)[0][name]
    return f"{result.statistics.passages} passages"


def _examples(config: KnowledgeConfig, name: str) -> str:
    made = load_example_sets(config, (name,), load_embedder(config))[name]
    return f"{len(made.examples)} examples"


def _endpoint(config: KnowledgeConfig, agent: str) -> str:
    return _model(load_endpoint(config.agent(agent)))


def _model(model: Chat) -> str:
    began = time.perf_counter()
    model.reply([("user", _PROBE)])
    return f"{model.name} answers in {(time.perf_counter() - began) * 1000:.0f} ms"


def _agent(config: KnowledgeConfig, name: str) -> str:
    decision = load_router(config, name).route(_PROBE)
    return f"routes, in {decision.elapsed_ms:.0f} ms"


def _endpoints_by_agent(config: KnowledgeConfig) -> list[str]:
    return [name for name, agent in config.agents.items() if agent.endpoint]


def _query(embedder: Embedder) -> Query:
    return Query(text=_PROBE, vector=embedder.embed([_PROBE])[0])


def _line(finding: Finding) -> Text:
    text = Text()
    text.append(f"{finding.state:<8}", style=_STYLES[finding.state])
    text.append(f"{finding.what}: {finding.detail}")
    return text
