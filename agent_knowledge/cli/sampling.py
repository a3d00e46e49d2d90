"""The sample shop's tasks, and the stand-in for its fine-tuned endpoint while a command has it."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from agent_knowledge.config import KnowledgeConfig

_BASE_URL = "DEMO_BASE_URL"


@contextmanager
def sample_endpoint(config: KnowledgeConfig) -> Generator[None]:
    """Start the stand-in, and tell the sample's configuration where it is."""
    from agent_knowledge.build import load_example_sets, packaged_embedder
    from agent_knowledge.demo.endpoint import CentroidClassifier, serving

    embedder = packaged_embedder()
    triage = load_example_sets(config, ("ticket-triage",), embedder)["ticket-triage"]
    with serving(CentroidClassifier(triage, embedder)) as url:
        os.environ[_BASE_URL] = url
        try:
            yield
        finally:
            del os.environ[_BASE_URL]


def sample_tasks(config: KnowledgeConfig) -> Mapping[str, tuple[str, ...]]:
    """What the sample has to ask, by agent."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (config.folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        agent = row.get("agent", "support")
        found[agent] = (*found.get(agent, ()), row["task"])
    return found
