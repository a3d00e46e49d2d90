"""`route`, `retrieve` and `few-shot`: what the router sees, finds and would show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Row, require_one_way, run_batch, task_of
from agent_knowledge.cli.filters import mismatches, scope_of, scope_of_row
from agent_knowledge.cli.options import (
    CONFIG,
    Agent,
    Citations,
    Config,
    Filters,
    Input,
    Json,
    Output,
    Strategy,
    Tenant,
)
from agent_knowledge.cli.terminal import complain
from agent_knowledge.types import Decision, Task, to_dict
from agent_knowledge.types.filters import EVERYTHING, Scope

if TYPE_CHECKING:
    from agent_knowledge.routing.router import KnowledgeRouter

_LOOKED_AT = 50
"""Passages whose fields are looked at where a filter lets none through: a limit."""


def route(
    task: Annotated[str | None, typer.Argument(help="The task.")] = None,
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    citations: Citations = False,
    strategy: Strategy = None,
    filters: Filters = None,
    tenant: Tenant = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell it as a story.")] = False,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Decide what a task needs, and say why. Calls no model, unless the policy says so."""
    require_one_way(task, source, target, citations, strategy)
    request = Task(task or "", citations=citations, strategy=strategy)  # pyright: ignore[reportArgumentType] - checked there
    router = _router(config, agent).scoped(scope_of(filters, tenant))
    if source is not None:
        run_batch(source, target, lambda rows: [to_dict(made) for made in _routed(router, rows)])
        return
    decision = router.route(request)
    text = story(request, decision, router) if explain else show.decision(decision)
    show.output(to_dict(decision), text, as_json=as_json)


def retrieve(
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many passages at most.")] = 5,
    filters: Filters = None,
    tenant: Tenant = None,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Search the agent's sources, whatever the router would decide."""
    require_one_way(query, source, target)
    opened, wanted = _router(config, agent), scope_of(filters, tenant)
    router = opened.scoped(wanted)

    def row_of(request: Task, scope: Scope = EVERYTHING) -> Row:
        found = router.scoped(scope).search(request, k=k)
        passages = [to_dict(passage) for passage in found.passages]
        return {"passages": passages, "left_out": list(found.left_out)}

    if source is not None:
        run_batch(
            source,
            target,
            lambda rows: [row_of(task_of(row, "query"), scope_of_row(row)) for row in rows],
        )
        return
    row = row_of(Task(query or ""))
    why = [] if row["passages"] else _why_nothing(Task(query or ""), opened, wanted)
    for line in (*row["left_out"], *why):
        complain(f"note: {line}")
    show.output(row, show.passages(row["passages"]), as_json=as_json)


def _why_nothing(task: Task, router: KnowledgeRouter, scope: Scope) -> list[str]:
    """What may be the matter where nothing is found within a scope, a line each."""
    name = router.agent.name
    if not router.agent.sources:
        add = f"describe one under sources: and name it in agents.{name}.sources"
        return [f"agent {name!r} has no source to search; {add}"]
    if not scope.filter:
        return []
    wider = router.scoped(Scope(tenant=scope.tenant)).search(task, k=_LOOKED_AT)
    return mismatches(scope.filter, [passage.fields for passage in wider.passages])


def few_shot(
    task: Annotated[str | None, typer.Argument(help="The task.")] = None,
    *,
    config: Config = CONFIG,
    agent: Agent = None,
    tenant: Tenant = None,
    as_json: Json = False,
    source: Input = None,
    target: Output = "-",
) -> None:
    """Show the examples that a task would be given, whatever the router would decide."""
    require_one_way(task, source, target)
    router = _router(config, agent).scoped(scope_of(None, tenant))

    def row_of(request: Task) -> Row:
        name, examples = router.few_shot(request)
        return {"set": name, "examples": [to_dict(example) for example in examples]}

    if source is not None:
        run_batch(source, target, lambda rows: [row_of(task_of(row)) for row in rows])
        return
    row = row_of(Task(task or ""))
    show.output(row, show.examples(row["set"], row["examples"]), as_json=as_json)


def _routed(router: KnowledgeRouter, rows: Sequence[Row]) -> Sequence[Decision]:
    """The decisions on rows: together where none has a filter of its own."""
    tasks, scopes = [task_of(row) for row in rows], [scope_of_row(row) for row in rows]
    if all(scope == EVERYTHING for scope in scopes):
        return router.route_many(tasks)
    pairs = zip(tasks, scopes, strict=True)
    return [router.scoped(scope).route(task) for task, scope in pairs]


def story(task: Task, decision: Decision, router: KnowledgeRouter) -> Text:
    """A decision as a story, with the threshold that it came nearest to."""
    from agent_knowledge.cli.explain import explain as tell
    from agent_knowledge.routing.boundary import nearest_boundary

    boundary = nearest_boundary(task, decision, router.agent, router.record)
    return tell(decision, boundary, router.agent.policy.leaning)


def _router(config: Config, agent: str | None) -> KnowledgeRouter:
    from agent_knowledge.build import load_router

    return load_router(config, agent)
