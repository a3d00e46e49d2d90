"""The router in a LangGraph graph: a node that prepares, and edges that follow its strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from langchain_core.messages import convert_to_messages
from langgraph.runtime import Runtime

from agent_knowledge.errors import InputError, nearest, shown
from agent_knowledge.langchain.convert import task_from_messages
from agent_knowledge.langchain.state import fields_of, knowledge_from_json, knowledge_to_json
from agent_knowledge.langchain.tenants import TenantReader, router_of_run
from agent_knowledge.models.callbacks import CallbackRuns
from agent_knowledge.observing import observed_by
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.types import STRATEGIES, Knowledge, Strategy

RouteNode: TypeAlias = Callable[[Any, Runtime[Any]], dict[str, Any]]
"""A node as `StateGraph.add_node` takes it: from state and runtime to an update of the state."""

KEY = "knowledge"
"""Where the state keeps what was prepared, unless a graph names another key."""


def route_node(
    router: KnowledgeRouter, *, key: str = KEY, tenant: TenantReader | None = None
) -> RouteNode:
    """A node that routes the last user turn of `messages` and gathers what the decision names.

    The state gets it as plain JSON, which any checkpointer keeps; `knowledge_of` reads it. Without
    a user's turn it gets None.

    Args:
        router: The agent's router.
        key: A key of the graph's state, of the type `dict` or `Any`. Two routers take two keys.
        tenant: Reads the tenant off the runtime context; default: the key or attribute that
            `agents.NAME.tenant` names.

    Example:
        graph.add_node("route", route_node(router))
        graph.add_conditional_edges("route", by_strategy({"retrieval": "cite"}, otherwise="chat"))
    """

    def route(state: Any, runtime: Runtime[Any]) -> dict[str, Any]:
        messages = convert_to_messages(fields_of(state).get("messages") or ())
        task = task_from_messages(messages)
        if task is None:
            return {key: None}
        with observed_by(CallbackRuns()):
            knowledge = router_of_run(router, runtime.context, tenant).prepare(task)
        return {key: knowledge_to_json(knowledge)}

    return route


def by_strategy(
    paths: Mapping[Strategy, str], *, otherwise: str, key: str = KEY
) -> Callable[[Any], str]:
    """The way on from a `route_node`, for `StateGraph.add_conditional_edges`.

    Args:
        paths: From a strategy to the name of a node.
        otherwise: The node for the other strategies, for a question back to the user, and where
            there was nothing to route.
        key: As for `route_node`.

    Raises:
        InputError: A path is of no strategy.
    """
    for name in paths:
        if name not in STRATEGIES:
            msg = f"{shown(name)} is no strategy; {nearest(name, STRATEGIES)}"
            raise InputError(msg)

    def path(state: Any) -> str:
        if not fields_of(state).get(key):
            return otherwise
        decision = knowledge_of(state, key).decision
        return otherwise if decision.plan.clarify else paths.get(decision.strategy, otherwise)

    return path


def knowledge_of(state: Any, key: str = KEY) -> Knowledge:
    """What a `route_node` has put into the state.

    Args:
        state: The graph's state, as a node is given it: a mapping, or an object with attributes.
        key: As for `route_node`.

    Raises:
        InputError: There is nothing, or something else.
    """
    row = fields_of(state).get(key)
    found = knowledge_from_json(cast("Mapping[str, Any]", row)) if row else None
    if found is None:
        msg = (
            f"the state has no knowledge under {key!r}; it has to be a key of the graph's state, "
            f"and a node made by route_node(router, key={key!r}) has to come before"
        )
        raise InputError(msg)
    return found
