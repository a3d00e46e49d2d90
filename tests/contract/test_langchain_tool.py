"""langchain-tests' own suites for tools, on the sample shop."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.langchain import KnowledgeTool


class _OnTheShop:
    @pytest.fixture(autouse=True)
    def _shop(self, shop: KnowledgeConfig) -> None:
        type(self).router = load_router(shop, "support")

    @property
    def tool_constructor(self) -> type[KnowledgeTool]:
        return KnowledgeTool

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"router": type(self).router}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "How long do refunds take?"}


class TestKnowledgeToolUnit(_OnTheShop, ToolsUnitTests):
    """The standard unit tests."""


class TestKnowledgeToolIntegration(_OnTheShop, ToolsIntegrationTests):
    """The standard integration tests."""
