"""What several test packages share: the packaged sample shop, indexed once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from agent_knowledge import (
    KnowledgeConfig,
    KnowledgeRouter,
    index_sources,
    load_router,
    open_sample,
)


@pytest.fixture(autouse=True, scope="session")
def _heed_ctrl_c() -> None:
    """A shell that runs the tests in the background has them ignore it, and tests press it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shop() -> Iterator[KnowledgeConfig]:
    """The sample shop's configuration, with everything in it indexed."""
    with open_sample() as config:
        index_sources(config)
        yield config


@pytest.fixture(scope="session")
def support(shop: KnowledgeConfig) -> KnowledgeRouter:
    """The router of the shop's support agent."""
    return load_router(shop, "support")
