"""Faces for LangChain: tool, middleware, retriever. They translate and decide nothing."""

from agent_knowledge.langchain.citing import CitedFields, cite_fields, cite_sources
from agent_knowledge.langchain.convert import without_citations
from agent_knowledge.langchain.middleware import KnowledgeMiddleware
from agent_knowledge.langchain.responses import SOURCES_EVENT
from agent_knowledge.langchain.retriever import KnowledgeRetriever
from agent_knowledge.langchain.tool import KnowledgeTool

__all__ = [
    "SOURCES_EVENT",
    "CitedFields",
    "KnowledgeMiddleware",
    "KnowledgeRetriever",
    "KnowledgeTool",
    "cite_fields",
    "cite_sources",
    "without_citations",
]
