"""Example sets that a configuration names, and what is on record about the endpoint of one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from agent_knowledge.config import AgentProfile, KnowledgeConfig, label
from agent_knowledge.ledger import EndpointRecord, Ledger, StoredEvidence
from agent_knowledge.ledger.history import History
from agent_knowledge.ports import Embedder, TextEncoder

if TYPE_CHECKING:
    from agent_knowledge.retrieval.examples import StoredExamples
    from agent_knowledge.types.measured import SetStates


def load_example_sets(
    config: KnowledgeConfig, names: tuple[str, ...], embedder: Embedder
) -> dict[str, StoredExamples]:
    """Example sets with their vectors; those that the store lacks are embedded.

    That a set changed is written down, so that what was measured before it is known to be.
    """
    from agent_knowledge.retrieval.examples import load_examples

    store, history = config.store_path, History(config.store_path)
    sets: dict[str, StoredExamples] = {}
    for name in names:
        file = config.resolve(config.examples[name].file, f"examples.{name}.file")
        sets[name] = load_examples(name, file, embedder, store, config.examples[name].tenant)
        with suppress(OSError):  # a store that cannot be written still serves
            history.note("examples", name, sets[name].digest)
    return sets


def load_set_states(
    config: KnowledgeConfig,
    sets: Mapping[str, StoredExamples],
    models: tuple[Embedder, TextEncoder],
) -> dict[str, SetStates]:
    """What the text model makes of example sets; what the store lacks is read now."""
    from agent_knowledge.retrieval.examples import load_states

    return {
        name: load_states(
            name,
            [example.input for example in held.examples],
            config.examples[name].description,
            models,
            config.store_path,
        )
        for name, held in sets.items()
    }


def load_evidence(
    config: KnowledgeConfig, profile: AgentProfile, sets: Mapping[str, StoredExamples]
) -> EndpointRecord | None:
    """What the store has on record about the agent's endpoint, if it has one."""
    if profile.endpoint is None or profile.endpoint.serves not in sets:
        return None
    serves, model = profile.endpoint.serves, label(config.models.default, "models.default")
    return StoredEvidence(
        ledger=Ledger(config.store_path),
        history=History(config.store_path),
        agent=profile.name,
        endpoint=profile.endpoint_name or "",
        serves=serves,
        examples=sets[serves].digest,
        # The packaged model stands where an agent brings its own: then nobody knows here.
        model="" if model == "extractive" else model,
    )
