"""An agent's example sets, ready to be matched and shown; of sets with tenants, one tenant's rows.

What is worked out of a set once (its forms, classes, neighbours) is worked out of a tenant's rows
alone, so that no label, word or number of another tenant can show in a decision or a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import Embedder, ExampleSet, TextEncoder
from agent_knowledge.retrieval.examples import StoredExamples, read_states
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.routing.match import PatternMatcher, SetForm
from agent_knowledge.routing.need import Weights
from agent_knowledge.routing.resources import form_of
from agent_knowledge.types import Example, Matrix
from agent_knowledge.types.forms import Form
from agent_knowledge.types.measured import SetStates

_TENANTS_KEPT = 64
"""Tenants whose rows are kept ready: a limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadySet:
    """One example set, or one tenant's part of it, with all that is worked out of it once.

    Attributes:
        chooser: Chooses what to show.
        form: How its tasks are put.
        matcher: Tells whether a task is one more instance of it.
    """

    chooser: ExampleChooser
    form: Form
    matcher: PatternMatcher


class AgentSets:
    """The example sets of one agent. Safe to share between threads."""

    def __init__(
        self,
        agent: AgentProfile,
        sets: Mapping[str, ExampleSet],
        states: Mapping[str, SetStates],
        models: tuple[Embedder, TextEncoder],
        weights: Weights,
    ) -> None:
        """Make the sets ready that keep no tenants apart.

        Args:
            agent: The agent.
            sets: Its example sets, by name.
            states: What the text model makes of them, by name; others are read when they are asked.
            models: What the index was built with, and the text model.
            weights: What was fitted.

        Raises:
            ConfigError: A template asks for the labels of a set that has none, or a set that is to
                keep tenants apart names none.
        """
        self._agent, self._models, self._weights = agent, models, weights
        self._states = dict(states)
        own = {name: sets[name] for name in agent.examples}  # never another agent's
        self._tenanted = {
            name: _with_tenants(name, own[name]) for name, s in agent.examples.items() if s.tenant
        }
        for name, held in self._tenanted.items():
            form_of(agent, name, held)  # what is wrong with it is told now, not at some task
        self._shared = {
            name: self._ready(name, held, self._read(name, held))
            for name, held in own.items()
            if name not in self._tenanted
        }
        self.of = lru_cache(_TENANTS_KEPT)(self._of)

    def _of(self, tenant: str | None) -> Mapping[str, ReadySet]:
        """The sets that a tenant may see, in the agent's order; one without rows of it is none."""
        own = {name: self._part(name, tenant) for name in self._tenanted} if tenant else {}
        found = {name: self._shared.get(name) or own.get(name) for name in self._agent.examples}
        return {name: ready for name, ready in found.items() if ready}

    def _part(self, name: str, tenant: str) -> ReadySet | None:
        held = self._tenanted[name]
        places = [place for place, whose in enumerate(held.tenants) if whose == tenant]
        if not places:
            return None
        rows = _Rows(examples=[held.examples[i] for i in places], vectors=held.vectors[places])
        read = self._read(name, held)
        states = SetStates(
            states=read.states[places], description=read.description, described=read.described
        )
        return self._ready(name, rows, states, whole=held)

    def _read(self, name: str, held: ExampleSet) -> SetStates:
        if name not in self._states:
            inputs = [example.input for example in held.examples]
            described = self._agent.examples[name].description
            self._states[name] = read_states(name, inputs, described, self._models)
        return self._states[name]

    def _ready(
        self, name: str, held: ExampleSet, read: SetStates, whole: ExampleSet | None = None
    ) -> ReadySet:
        inputs = [example.input for example in held.examples]
        return ReadySet(
            chooser=ExampleChooser.of(held),
            form=form_of(self._agent, name, held, whole),
            matcher=PatternMatcher.of(
                held,
                kinds=self._weights.heads.kinds(read.states),
                form=SetForm.of(inputs, self._weights.fits.background),
                description=read.description,
                described=self._weights.heads.kinds(read.described[None])[0],
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Some rows of a set."""

    examples: Sequence[Example]
    vectors: Matrix


def _with_tenants(name: str, held: ExampleSet) -> StoredExamples:
    if isinstance(held, StoredExamples) and len(held.tenants) == len(held.examples):
        return held
    msg = (
        f"examples.{name}.tenant: the set does not say whose its examples are; give a "
        "StoredExamples with 'tenants', one per example"
    )
    raise ConfigError(msg)
