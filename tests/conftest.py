"""What several test packages share: the packaged sample shop, indexed once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from agent_knowledge import (
    KnowledgeConfig,
    KnowledgeRouter,
    index_sources,
    load_router,
    open_sample,
)

# A change is judged by the same examples every time; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


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
