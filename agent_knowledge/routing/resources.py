"""Where the strategies take knowledge from, and the forms that its example sets put tasks in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_knowledge.config import AgentProfile, SourceConfig
from agent_knowledge.config.templates import fill, fill_around, placeholders
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import Embedder, ExampleSet, PassageIndex, Retriever
from agent_knowledge.retrieval.labels import has_labels
from agent_knowledge.routing.admission import Screener
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.routing.reranking import Reranking
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.forms import Form

_LABELS = "labels"


def form_of(
    agent: AgentProfile, name: str, examples: ExampleSet, whole: ExampleSet | None = None
) -> Form:
    """Make the form of one example set of an agent.

    Args:
        agent: The agent.
        name: The set's name.
        examples: The set.
        whole: The set that these examples are a part of, which tells whether its outputs are
            labels; only the part's own are shown.

    Raises:
        ConfigError: A template names the labels of a set whose outputs are none.
    """
    spec, template = agent.examples[name], agent.templates.get(name)
    schema = agent.schemas.get(name, "")
    if template is None:
        return Form(kind=spec.kind, order=spec.order, schema=schema)
    values = {
        "agent": agent.name,
        "description": spec.description,
        "schema": schema,
        **agent.variables,
    }
    used = (placeholders(part) for part in (template.instructions, template.turn))
    if any(placeholder == _LABELS for part in used for _, placeholder in part):
        values[_LABELS] = _labels(name, examples, whole or examples)
    before, after = fill_around(template.turn, values)
    return Form(
        kind=spec.kind,
        order=spec.order,
        instructions=fill(template.instructions, values),
        before=before,
        after=after,
        schema=schema,
    )


def _labels(name: str, examples: ExampleSet, whole: ExampleSet) -> str:
    """The labels of a set, sorted, one a line, since a label may hold a comma."""
    if not has_labels(whole):
        msg = (
            f"examples.{name}.template: {{{{labels}}}} needs outputs that are labels, short and"
            " each given at least twice; write the outputs out, or leave it away"
        )
        raise ConfigError(msg)
    return "\n".join(sorted({example.output for example in examples.examples}))


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
        scope: Where it is searched.
        reranking: How passages come into their last order; None where the search's stands.
        bounds: What the configuration says of external sources' passages, by source.
    """

    embedder: Embedder
    index: PassageIndex | None = None
    external: Mapping[str, Retriever] = field(default_factory=dict[str, Retriever])
    examples: Mapping[str, ExampleChooser] = field(default_factory=dict[str, ExampleChooser])
    forms: Mapping[str, Form] = field(default_factory=dict[str, Form])
    screener: Screener | None = None
    scope: Scope = EVERYTHING
    reranking: Reranking | None = None
    bounds: Mapping[str, SourceConfig] = field(default_factory=dict[str, SourceConfig])
