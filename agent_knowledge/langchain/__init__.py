"""Faces for LangChain: tool, middleware, retriever. They translate and decide nothing."""

from agent_knowledge.langchain.middleware import KnowledgeMiddleware
from agent_knowledge.langchain.retriever import KnowledgeRetriever
from agent_knowledge.langchain.tool import KnowledgeTool

__all__ = ["KnowledgeMiddleware", "KnowledgeRetriever", "KnowledgeTool"]
