"""Where the strategies take knowledge from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_knowledge.ports import Embedder, PassageIndex, Retriever
from agent_knowledge.routing.admission import Screener
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.types.forms import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One agent's knowledge.

    Attributes:
        embedder: What the index was built with.
        index: The indexed sources, if any.
        external: Retrievers of external sources, by name.
        examples: Example sets, each with its chooser, by name.
        forms: How the tasks of each are put.
        screener: Who says what of it speaks to a model; None where nothing is screened.
    """

    embedder: Embedder
    index: PassageIndex | None = None
    external: Mapping[str, Retriever] = field(default_factory=dict[str, Retriever])
    examples: Mapping[str, ExampleChooser] = field(default_factory=dict[str, ExampleChooser])
    forms: Mapping[str, Form] = field(default_factory=dict[str, Form])
    screener: Screener | None = None
