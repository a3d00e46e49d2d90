"""Chooses, task by task, what to give an agent's model, and says why.

    router = load_router("agent-knowledge.yaml", agent="support")
    decision = router.route("What is the refund window?")

Names are imported when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer as Answerer
    from agent_knowledge.answerer import load_answerer as load_answerer
    from agent_knowledge.build import load_router as load_router
    from agent_knowledge.build import load_verifier as load_verifier
    from agent_knowledge.build.indexing import index_sources as index_sources
    from agent_knowledge.citations.html import render_html as render_html
    from agent_knowledge.citations.markdown import render_markdown as render_markdown
    from agent_knowledge.citations.verifier import CitationVerifier as CitationVerifier
    from agent_knowledge.config import KnowledgeConfig as KnowledgeConfig
    from agent_knowledge.errors import AgentKnowledgeError as AgentKnowledgeError
    from agent_knowledge.routing.router import KnowledgeRouter as KnowledgeRouter
    from agent_knowledge.types import Decision as Decision
    from agent_knowledge.types import Example as Example
    from agent_knowledge.types import Knowledge as Knowledge
    from agent_knowledge.types import Message as Message
    from agent_knowledge.types import Passage as Passage
    from agent_knowledge.types import Task as Task
    from agent_knowledge.types.answers import Answer as Answer
    from agent_knowledge.types.answers import Citation as Citation

_HOMES = {
    "AgentKnowledgeError": "errors",
    "Answer": "types.answers",
    "Answerer": "answerer",
    "Citation": "types.answers",
    "CitationVerifier": "citations.verifier",
    "Decision": "types",
    "Example": "types",
    "Knowledge": "types",
    "KnowledgeConfig": "config",
    "KnowledgeRouter": "routing.router",
    "Message": "types",
    "Passage": "types",
    "Task": "types",
    "index_sources": "build.indexing",
    "load_answerer": "answerer",
    "load_router": "build",
    "load_verifier": "build",
    "render_html": "citations.html",
    "render_markdown": "citations.markdown",
}

__all__ = [
    "AgentKnowledgeError",
    "Answer",
    "Answerer",
    "Citation",
    "CitationVerifier",
    "Decision",
    "Example",
    "Knowledge",
    "KnowledgeConfig",
    "KnowledgeRouter",
    "Message",
    "Passage",
    "Task",
    "index_sources",
    "load_answerer",
    "load_router",
    "load_verifier",
    "render_html",
    "render_markdown",
]
__version__ = "0.1.0"


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
