"""What a configuration may hold.

Strings may name environment variables as `${NAME}`. They are kept as written and expanded only
where they are used (`expand`), so an unset variable fails only the part that uses it and no value
of one is ever part of a configuration that could be printed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    model_validator,
)

from agent_knowledge.config.environment import as_path, expand
from agent_knowledge.config.loading import parse, read_text
from agent_knowledge.config.prompt_files import PromptFiles, read_prompts
from agent_knowledge.config.templates import Template
from agent_knowledge.errors import ConfigError, nearest

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""A resource's name: it becomes part of file and collection names."""
Text = Annotated[str, StringConstraints(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
ScreenPolicy = Literal["allow", "flag", "drop"]
"""What follows when text speaks to the model that will read it: nothing; it is told, to the model
too; or it is left out."""


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, value: object) -> object:
        """A section or known key with nothing behind it, such as `sources:`, takes its default."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        return {k: v for k, v in given.items() if v is not None or k not in cls.model_fields}


_S = TypeVar("_S", bound=_Section)


class StoreConfig(_Section):
    """Where indexes are kept."""

    kind: Literal["chroma", "pgvector", "qdrant"] = "chroma"
    path: Text = ".agent-knowledge"
    url: SecretStr | None = None


class ModelsConfig(_Section):
    """Chat models: `extractive` (packaged, offline) or any `init_chat_model` string.

    `router` is what the router asks where a policy has it ask one; none means `default`. The
    limits hold for both, and for judges.

    Attributes:
        timeout_s: Seconds that one call may take. A model that thinks before it writes a long
            answer takes a minute or two.
        budget_s: Seconds that all calls for one task may take together, waiting included.
        retries: Calls after the first that a task may take, where a repetition is safe; as many
            as OpenAI's own client makes.
    """

    default: Text = "extractive"
    router: Text | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 120
    budget_s: Annotated[float, Field(gt=0, le=3600)] = 240
    retries: Annotated[int, Field(ge=0, le=10)] = 2


class SourceConfig(_Section):
    """One source of documents: a path (file, folder or glob), or an external retriever.

    Attributes:
        changes: How often its facts change.
        screen: What follows when a passage of it speaks to a model.
    """

    path: Text | None = None
    external: bool = False
    description: str = ""
    changes: Literal["never", "yearly", "monthly", "weekly", "daily", "hourly"] | None = None
    screen: ScreenPolicy = "flag"


class ExampleSetConfig(_Section):
    """One set of worked examples, JSON lines of {"input", "output"}.

    `kind: pattern` teaches what to put out; `kind: style` teaches how to sound.

    Attributes:
        k: Examples shown at most.
        selection: Which examples of a set of labels are shown: `balanced`, one of each of the `k`
            likeliest labels; or `weighted`, half of them of the likeliest label.
        order: Where the nearest example stands: `best_last`, next to the task, or `best_first`.
        template: A Markdown file that says how a task of this set is put to the model.
        output_schema: A JSON schema file; an answer by this set must be JSON that satisfies it.
        screen: What follows when an example speaks to a model; a flagged one is told by `index`.
    """

    file: Text
    description: str = ""
    kind: Literal["pattern", "style"] = "pattern"
    k: Annotated[int, Field(ge=1, le=64)] = 4
    selection: Literal["balanced", "weighted"] = "balanced"
    order: Literal["best_last", "best_first"] = "best_last"
    template: Text | None = None
    output_schema: Text | None = None
    screen: ScreenPolicy = "flag"


class TrainingConfig(_Section):
    """What a fine-tuned model was trained on; the gate asks for it."""

    examples: Annotated[int, Field(ge=0)] | None = None
    data_as_of: date | None = None


class BreakerConfig(_Section):
    """When an endpoint that keeps failing is left alone.

    Attributes:
        failures: Tasks that fail one after another before it is.
        reset_s: Seconds until one task may try it again.
    """

    failures: Annotated[int, Field(ge=1)] = 5
    reset_s: Annotated[float, Field(gt=0)] = 30


class EndpointConfig(_Section):
    """A fine-tuned model behind an OpenAI-compatible URL or an `init_chat_model` string.

    Attributes:
        reason: Which of the guide's four reasons it was trained for; none means what the set that
            it serves is: a style or a pattern.
        timeout_s: Seconds that one call may take.
        budget_s: Seconds that all calls for one task may take together, waiting included.
        retries: Calls after the first that a task may take, where a repetition is safe.
        hosting_usd_per_month: What its host costs; `advise` counts with it.
        allow_unproven: It may serve without a trial on record.
    """

    model: Text
    base_url: SecretStr | None = None
    api_key: SecretStr | None = None
    serves: Name
    reason: Literal["style", "domain_language", "pattern", "latency"] | None = None
    training: TrainingConfig = TrainingConfig()
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10
    budget_s: Annotated[float, Field(gt=0, le=600)] = 20
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    breaker: BreakerConfig = BreakerConfig()
    hosting_usd_per_month: Annotated[float, Field(ge=0)] | None = None
    allow_unproven: bool = False


class PriceConfig(_Section):
    """What a model costs, in US dollars per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class Thresholds(_Section):
    """Where a probability begins to count. The one home of every threshold of the policy.

    Attributes:
        retrieval: A task is looked up when all evidence together reaches this for retrieval.
        fresh: A task's answer changes with time from here on.
        multi_hop: A task takes several look-ups from here on.
        coverage: A source is able to serve from here on; below it in all sources is a gap. Its
            default and that of `confidence` are chosen in docs/adr/0015.
        pattern: A task is an instance of an example set when all evidence together reaches this.
        confidence: A decision below this is unsure, and `when_unsure` decides.
    """

    retrieval: Probability = 0.5
    fresh: Probability = 0.5
    multi_hop: Probability = 0.5
    coverage: Probability = 0.2
    pattern: Probability = 0.5
    confidence: Probability = 0.55


LEANING_MOST = 5.0
"""Log-odds: 150 to one. An agent that leans further has no use for evidence, and should be given no
source or no set instead."""
LogOdds = Annotated[float, Field(ge=-LEANING_MOST, le=LEANING_MOST)]


class Leaning(_Section):
    """What an agent's own tasks add to the evidence, in log-odds against `direct`.

    `agent-knowledge tune` fits it to labelled tasks.

    Attributes:
        retrieval: Above 0 more of them are looked up than the evidence says, below it fewer.
        few_shot: The same of tasks that are instances of an example set.
    """

    retrieval: LogOdds = 0.0
    few_shot: LogOdds = 0.0


class Policy(_Section):
    """How an agent wants its tasks served."""

    citations: Literal["when_retrieved", "always", "never"] = "when_retrieved"
    unsupported: Literal["annotate", "strip", "repair", "refuse"] = "annotate"
    when_unsure: Literal["retrieve", "direct", "ask"] = "retrieve"
    ask_model_below: Probability | None = None
    query_rewrite: Literal["none", "model"] = "none"
    on_failure: Literal["next_rung", "raise"] = "next_rung"
    k: Annotated[int, Field(ge=1, le=100)] = 5
    context_tokens: Annotated[int, Field(ge=64, le=1_000_000)] = 2000
    latency_budget_ms: Annotated[int, Field(ge=1)] | None = None
    thresholds: Thresholds = Thresholds()
    leaning: Leaning = Leaning()


class AgentConfig(_Section):
    """What one agent has at hand; every key is optional."""

    description: str = ""
    system_prompt: Text | None = None
    variables: dict[Name, str] = {}
    sources: tuple[Name, ...] = ()
    examples: tuple[Name, ...] = ()
    endpoint: Name | None = None
    policy: Policy = Policy()


class KnowledgeConfig(_Section):
    """A whole configuration; see docs/config.md for every key."""

    embedding: Text = "minilm"
    store: StoreConfig = StoreConfig()
    models: ModelsConfig = ModelsConfig()
    sources: dict[Name, SourceConfig] = {}
    examples: dict[Name, ExampleSetConfig] = {}
    endpoints: dict[Name, EndpointConfig] = {}
    prices: dict[Text, PriceConfig] = {}
    agents: dict[Name, AgentConfig] = {}

    _folder: Path = PrivateAttr(default_factory=Path)

    @classmethod
    def from_yaml(cls, path: str | Path) -> KnowledgeConfig:
        """Read a configuration file; relative paths in it resolve against its folder.

        Raises:
            ConfigError: The file cannot be read or is no YAML, or with every fault of it at once.
        """
        file = Path(path)
        return cls.parse(read_text(file), name=str(path)).at(file.resolve().parent)

    @classmethod
    def parse(cls, text: str, *, name: str = "configuration") -> KnowledgeConfig:
        """Read a configuration given as YAML text.

        Args:
            text: The YAML.
            name: What to call it in messages.

        Raises:
            ConfigError: It is no YAML, or with every fault of it at once.
        """
        return parse(cls, text, name=name)

    @property
    def folder(self) -> Path:
        """The folder that relative paths resolve against."""
        return self._folder

    def at(self, folder: Path) -> KnowledgeConfig:
        """The same configuration with its relative paths resolved against `folder`."""
        copy = self.model_copy()
        copy._folder = folder
        return copy

    def resolve(self, path: str, key: str) -> Path:
        """Expand variables in a path and resolve it against the configuration's folder.

        Raises:
            ConfigError: A variable is not set, or the text is no path of a file.
        """
        return as_path(self._folder, expand(path, key), key)

    @property
    def store_path(self) -> Path:
        """The folder that holds the indexes."""
        return self.resolve(self.store.path, "store.path")

    def agent(self, name: str | None = None) -> AgentProfile:
        """Gather what one agent has at hand.

        Args:
            name: The agent; None for the only one.

        Raises:
            ConfigError: The agent is unknown, or none is named and there is not just one; or it
                names what is not defined, or its prompts are faulty: all faults of those at once.
        """
        if name is None:
            if len(self.agents) != 1:
                names = ", ".join(self.agents) or "none is defined"
                msg = f"agents: name one of the agents ({names}), as in --agent NAME"
                raise ConfigError(msg)
            name = next(iter(self.agents))
        if name not in self.agents:
            msg = f"agents: {name!r} is unknown; {nearest(name, self.agents)}"
            raise ConfigError(msg)
        agent, key = self.agents[name], f"agents.{name}"
        endpoint = agent.endpoint
        sets = {e: _pick(self.examples, e, f"{key}.examples") for e in agent.examples}
        files = self._prompt_files(name, agent.system_prompt, sets)
        prompts = read_prompts(name, agent.description, agent.variables, files)
        return AgentProfile(
            name=name,
            description=agent.description,
            sources={s: _pick(self.sources, s, f"{key}.sources") for s in agent.sources},
            examples=sets,
            endpoint_name=endpoint,
            endpoint=_pick(self.endpoints, endpoint, f"{key}.endpoint") if endpoint else None,
            system_prompt=prompts.system_prompt,
            variables=agent.variables,
            templates=dict(prompts.templates),
            schemas=dict(prompts.schemas),
            policy=agent.policy,
        )

    def only(self, name: str) -> KnowledgeConfig:
        """The same configuration with one agent and what that agent has at hand.

        Raises:
            ConfigError: The agent is unknown, or names what is not defined.
        """
        agent, key = _pick(self.agents, name, "agents"), f"agents.{name}"
        endpoints = (agent.endpoint,) if agent.endpoint else ()
        update = {
            "agents": {name: agent},
            "sources": {s: _pick(self.sources, s, f"{key}.sources") for s in agent.sources},
            "examples": {e: _pick(self.examples, e, f"{key}.examples") for e in agent.examples},
            "endpoints": {e: _pick(self.endpoints, e, f"{key}.endpoint") for e in endpoints},
        }
        return self.model_copy(update=update).at(self.folder)

    def _prompt_files(
        self, agent: str, system: str | None, sets: Mapping[str, ExampleSetConfig]
    ) -> PromptFiles:
        def paths(key: str) -> dict[str, Path]:
            named = {name: getattr(spec, key) for name, spec in sets.items()}
            return {n: self.resolve(p, f"examples.{n}.{key}") for n, p in named.items() if p}

        return PromptFiles(
            system_prompt=self.resolve(system, f"agents.{agent}.system_prompt") if system else None,
            templates=paths("template"),
            schemas=paths("output_schema"),
        )


def _pick(known: Mapping[str, _S], name: str, key: str) -> _S:
    """What a name stands for; a configuration built in Python was not checked for this before."""
    if name not in known:
        msg = f"{key}: {name!r} is not defined; {nearest(name, known)}"
        raise ConfigError(msg)
    return known[name]


class AgentProfile(_Section):
    """What one agent has at hand, every name resolved; what the policy decides by.

    Attributes:
        system_prompt: With everything put in.
        templates: Per example set that has one, how its tasks are put.
        schemas: Per example set that has one, the JSON schema of its answers.
    """

    name: str = "agent"
    description: str = ""
    sources: dict[str, SourceConfig] = {}
    examples: dict[str, ExampleSetConfig] = {}
    endpoint_name: str | None = None
    endpoint: EndpointConfig | None = None
    system_prompt: str = ""
    variables: dict[str, str] = {}
    templates: dict[str, Template] = {}
    schemas: dict[str, str] = {}
    policy: Policy = Policy()

    def versions_for(self, example_set: str | None) -> dict[str, str]:
        """What tells one wording of a task's prompt from another.

        Args:
            example_set: The set that serves the task, if any.

        Returns:
            A hash under `system_prompt`, where there is one, and one under the set's name, of its
            template with what the agent puts in, its schema, and how its examples are shown.
        """
        versions = {"system_prompt": _hash((self.system_prompt,))} if self.system_prompt else {}
        if example_set is None:
            return versions
        spec, template = self.examples[example_set], self.templates.get(example_set)
        own = [
            spec.kind,
            spec.selection,
            spec.order,
            str(spec.k),
            self.schemas.get(example_set, ""),
        ]
        if template:
            own += [template.instructions, template.turn, self.name, spec.description]
            own += [f"{name}={value}" for name, value in sorted(self.variables.items())]
        return {**versions, example_set: _hash(tuple(own))}


@lru_cache(maxsize=256)
def _hash(texts: tuple[str, ...]) -> str:
    """Twelve hexadecimal digits; remembered, since every decision asks for the same few."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
