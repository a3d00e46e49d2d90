"""What a configuration may hold.

Strings may name environment variables as `${NAME}`. They are kept as written and expanded only
where they are used (`expand`), so an unset variable fails only the part that uses it and no value
of one is ever part of a configuration that could be printed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import PrivateAttr

from agent_knowledge.config.environment import as_path, expand
from agent_knowledge.config.loading import parse, read_text
from agent_knowledge.config.prompt_files import PromptFiles, read_prompts
from agent_knowledge.config.sections import (
    AgentConfig,
    EndpointConfig,
    ExampleSetConfig,
    LogConfig,
    ModelsConfig,
    Name,
    Policy,
    PriceConfig,
    Section,
    SourceConfig,
    StoreConfig,
    Text,
    WrittenFilter,
)
from agent_knowledge.config.templates import Template
from agent_knowledge.errors import ConfigError, nearest

_S = TypeVar("_S", bound=Section)


class KnowledgeConfig(Section):
    """A whole configuration; see docs/config.md for every key.

    Attributes:
        embedding: What turns texts into vectors: `minilm`, packaged and offline, or a string for
            `init_embeddings`, such as `openai:NAME`.
        store: Where indexes are kept.
        models: Chat models.
        sources: Documents to look facts up in, by name.
        examples: Sets of worked examples, by name.
        endpoints: Fine-tuned models, by name.
        prices: What models cost, by the model's string; for `evaluate` and `advise`.
        log: The log of decisions; without it nothing is kept.
        agents: Who uses which of them, and how, by name.
    """

    embedding: Text = "minilm"
    store: StoreConfig = StoreConfig()
    models: ModelsConfig = ModelsConfig()
    sources: dict[Name, SourceConfig] = {}
    examples: dict[Name, ExampleSetConfig] = {}
    endpoints: dict[Name, EndpointConfig] = {}
    prices: dict[Text, PriceConfig] = {}
    log: LogConfig | None = None
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
            filter=agent.filter,
            tenant=agent.tenant,
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


class AgentProfile(Section):
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
    filter: WrittenFilter = {}
    tenant: str | None = None
    templates: dict[str, Template] = {}
    schemas: dict[str, str] = {}
    policy: Policy = Policy()

    @property
    def tenanted(self) -> str | None:
        """A source or a set of it that keeps tenants apart; None where none does."""
        held = {**self.sources, **self.examples}
        return next((name for name, spec in held.items() if spec.tenant), None)

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
