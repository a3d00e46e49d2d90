"""Chooses, task by task, what to give an agent's model, and says why.

    route     load_router(config).route(task)        what the model should be given, and why
    ask       load_answerer(config).answer(task)     the answer, with its citations verified
    agent     agent_knowledge.langchain              tool, middleware and retriever for LangChain
    verify    load_verifier().verify(text, passages) whether an answer's citations hold
    evaluate  evaluate(config, cases)                what examples, retrieval and an endpoint add

Names are imported when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer as Answerer
    from agent_knowledge.answerer import load_answerer as load_answerer
    from agent_knowledge.build import load_model as load_model
    from agent_knowledge.build import load_router as load_router
    from agent_knowledge.build import load_verifier as load_verifier
    from agent_knowledge.build.indexing import index_sources as index_sources
    from agent_knowledge.citations.html import render_html as render_html
    from agent_knowledge.citations.markdown import render_markdown as render_markdown
    from agent_knowledge.citations.opinions import EntailmentJudge as EntailmentJudge
    from agent_knowledge.citations.verifier import CitationVerifier as CitationVerifier
    from agent_knowledge.config import AgentConfig as AgentConfig
    from agent_knowledge.config import AgentProfile as AgentProfile
    from agent_knowledge.config import KnowledgeConfig as KnowledgeConfig
    from agent_knowledge.config import Policy as Policy
    from agent_knowledge.config import SourceConfig as SourceConfig
    from agent_knowledge.demo.sample import open_sample as open_sample
    from agent_knowledge.errors import AgentKnowledgeError as AgentKnowledgeError
    from agent_knowledge.errors import ConfigError as ConfigError
    from agent_knowledge.ledger import Trial as Trial
    from agent_knowledge.models.chat import Chat as Chat
    from agent_knowledge.routing.router import KnowledgeRouter as KnowledgeRouter
    from agent_knowledge.trials.evaluate import evaluate as evaluate
    from agent_knowledge.trials.setup import TrialSettings as TrialSettings
    from agent_knowledge.types import CitedTurn as CitedTurn
    from agent_knowledge.types import Decision as Decision
    from agent_knowledge.types import Example as Example
    from agent_knowledge.types import Knowledge as Knowledge
    from agent_knowledge.types import Message as Message
    from agent_knowledge.types import Passage as Passage
    from agent_knowledge.types import Task as Task
    from agent_knowledge.types.answers import Answer as Answer
    from agent_knowledge.types.answers import Citation as Citation
    from agent_knowledge.types.filters import Filter as Filter
    from agent_knowledge.types.filters import Scope as Scope

    __version__: str

# Releases of onnxruntime since 1.29 report their use to their maker unless told otherwise before
# they are first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "AgentConfig": "config",
    "AgentKnowledgeError": "errors",
    "AgentProfile": "config",
    "Answer": "types.answers",
    "Answerer": "answerer",
    "Chat": "models.chat",
    "Citation": "types.answers",
    "CitationVerifier": "citations.verifier",
    "CitedTurn": "types",
    "ConfigError": "errors",
    "Decision": "types",
    "EntailmentJudge": "citations.opinions",
    "Example": "types",
    "Filter": "types.filters",
    "Knowledge": "types",
    "KnowledgeConfig": "config",
    "KnowledgeRouter": "routing.router",
    "Message": "types",
    "Passage": "types",
    "Policy": "config",
    "Scope": "types.filters",
    "SourceConfig": "config",
    "Task": "types",
    "Trial": "ledger",
    "TrialSettings": "trials.setup",
    "evaluate": "trials.evaluate",
    "index_sources": "build.indexing",
    "load_answerer": "answerer",
    "load_model": "build",
    "load_router": "build",
    "load_verifier": "build",
    "open_sample": "demo.sample",
    "render_html": "citations.html",
    "render_markdown": "citations.markdown",
}

__all__ = [
    "AgentConfig",
    "AgentKnowledgeError",
    "AgentProfile",
    "Answer",
    "Answerer",
    "Chat",
    "Citation",
    "CitationVerifier",
    "CitedTurn",
    "ConfigError",
    "Decision",
    "EntailmentJudge",
    "Example",
    "Filter",
    "Knowledge",
    "KnowledgeConfig",
    "KnowledgeRouter",
    "Message",
    "Passage",
    "Policy",
    "Scope",
    "SourceConfig",
    "Task",
    "Trial",
    "TrialSettings",
    "evaluate",
    "index_sources",
    "load_answerer",
    "load_model",
    "load_router",
    "load_verifier",
    "open_sample",
    "render_html",
    "render_markdown",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("langchain-agent-knowledge")
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
