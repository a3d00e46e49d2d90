"""Faces for LangChain: middleware, tool, retriever, runnables and nodes. They decide nothing.

    agent     KnowledgeMiddleware(router)       every turn is routed, its answer verified
    tool      KnowledgeTool(router)             the model asks when it wants to
    graph     route_node(router), by_strategy   a node, and edges that follow the decision
    chain     knowledge_runnable(router)        a `Runnable` to what a model is to be given
    search    KnowledgeRetriever(router)        the sources alone
    decide    RouterDecisions(router=router)    where LangChain 1.5 takes a decision model

Names are imported when first used. Those of `decisions` take the extra of that name, so they stand
in no `__all__`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_knowledge.langchain.citing import CitedFields as CitedFields
    from agent_knowledge.langchain.citing import cite_fields as cite_fields
    from agent_knowledge.langchain.citing import cite_sources as cite_sources
    from agent_knowledge.langchain.convert import without_citations as without_citations
    from agent_knowledge.langchain.decisions import RouterDecisions as RouterDecisions
    from agent_knowledge.langchain.decisions import VerifierDecisions as VerifierDecisions
    from agent_knowledge.langchain.graph import by_strategy as by_strategy
    from agent_knowledge.langchain.graph import knowledge_of as knowledge_of
    from agent_knowledge.langchain.graph import route_node as route_node
    from agent_knowledge.langchain.middleware import KnowledgeMiddleware as KnowledgeMiddleware
    from agent_knowledge.langchain.responses import SOURCES_EVENT as SOURCES_EVENT
    from agent_knowledge.langchain.retriever import KnowledgeRetriever as KnowledgeRetriever
    from agent_knowledge.langchain.runnable import cite_answer as cite_answer
    from agent_knowledge.langchain.runnable import decision_runnable as decision_runnable
    from agent_knowledge.langchain.runnable import knowledge_runnable as knowledge_runnable
    from agent_knowledge.langchain.runnable import prompt_messages as prompt_messages
    from agent_knowledge.langchain.tool import KnowledgeTool as KnowledgeTool

_HOMES = {
    "SOURCES_EVENT": "responses",
    "CitedFields": "citing",
    "KnowledgeMiddleware": "middleware",
    "KnowledgeRetriever": "retriever",
    "KnowledgeTool": "tool",
    "RouterDecisions": "decisions",
    "VerifierDecisions": "decisions",
    "by_strategy": "graph",
    "cite_answer": "runnable",
    "cite_fields": "citing",
    "cite_sources": "citing",
    "decision_runnable": "runnable",
    "knowledge_of": "graph",
    "knowledge_runnable": "runnable",
    "prompt_messages": "runnable",
    "route_node": "graph",
    "without_citations": "convert",
}

__all__ = [
    "SOURCES_EVENT",
    "CitedFields",
    "KnowledgeMiddleware",
    "KnowledgeRetriever",
    "KnowledgeTool",
    "by_strategy",
    "cite_answer",
    "cite_fields",
    "cite_sources",
    "decision_runnable",
    "knowledge_of",
    "knowledge_runnable",
    "prompt_messages",
    "route_node",
    "without_citations",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
