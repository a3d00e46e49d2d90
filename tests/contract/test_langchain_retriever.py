"""langchain-tests' own suite for retrievers, on the sample shop."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.langchain import KnowledgeRetriever


class TestKnowledgeRetriever(RetrieversIntegrationTests):
    """The standard integration tests."""

    @pytest.fixture(autouse=True)
    def _shop(self, shop: KnowledgeConfig) -> None:
        type(self).router = load_router(shop, "support")

    @property
    def retriever_constructor(self) -> type[KnowledgeRetriever]:
        return KnowledgeRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"router": type(self).router}

    @property
    def retriever_query_example(self) -> str:
        return "How long do refunds take?"
