"""What a trial needs, found and checked before anything is asked or paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent_knowledge.build import (
    ConfigLike,
    load_embedder,
    load_endpoint,
    load_example_sets,
    load_model,
    load_router,
    load_verifier,
    read_config,
)
from agent_knowledge.build.stores import RetrieverLike
from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.config import AgentProfile, KnowledgeConfig
from agent_knowledge.errors import DISTRIBUTION, ConfigError, InputError, nearest
from agent_knowledge.models.chat import Chat
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.examples import StoredExamples
from agent_knowledge.routing.ladder import rungs_of, unnamed_labels
from agent_knowledge.routing.resources import form_of
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.trials.asking import Arm, Asker
from agent_knowledge.trials.cases import CaseSet
from agent_knowledge.trials.costs import PACKAGED
from agent_knowledge.trials.journal import FOLDER, Journal
from agent_knowledge.trials.metrics import load_metric
from agent_knowledge.trials.overlap import SAME, overlapping, read_training
from agent_knowledge.trials.pool import Pace
from agent_knowledge.trials.scoring import Scorer, choose_metric, expect_labels, require_patterns
from agent_knowledge.trials.variants import prompt_arms, repeated
from agent_knowledge.types import RUNGS, Rung
from agent_knowledge.types.filters import Scope

_MOST_REPEATS = 20
"""A limit: what is asked is paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """How to measure.

    Attributes:
        example_set: The set that the cases are instances of; None for the agent's only set where
            the cases are written like one, or its only set of a pattern.
        rungs: Which rungs; none for all that the agent has.
        metric: `auto`, one of `scoring.METRICS`, or `module:function` of one's own; see `metrics`.
        target: The score that a rung must reach.
        model: An `init_chat_model` string or a LangChain chat model that answers all rungs but the
            fine-tuned one, instead of the configuration's `models.default`.
        endpoint: A LangChain chat model instead of the agent's endpoint.
        judge: An `init_chat_model` string or a LangChain chat model that judges the answers.
        embedding: See `load_router`.
        retrievers: See `load_router`.
        tenant: Whose documents and examples are used, where the agent keeps tenants apart.
        concurrency: Calls at once.
        per_minute: Calls a minute at most; None for no limit.
        fresh: Ask again what was answered before.
        repeats: How often each case is asked; its score is the mean.
        prompts: Files of other system prompts, to be measured beside the configured one.
        imports: Modules that a metric of one's own may come from.
    """

    example_set: str | None = None
    rungs: tuple[str, ...] = ()
    metric: str = "auto"
    target: float | None = None
    model: str | BaseChatModel | None = None
    endpoint: BaseChatModel | None = None
    judge: str | BaseChatModel | None = None
    embedding: Embeddings | Embedder | None = None
    retrievers: Mapping[str, RetrieverLike] = field(default_factory=dict[str, RetrieverLike])
    tenant: str | None = None
    concurrency: int = 4
    per_minute: float | None = None
    fresh: bool = False
    repeats: int = 1
    prompts: tuple[Path, ...] = ()
    imports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.repeats <= _MOST_REPEATS:
            msg = f"repeats {self.repeats!r}: give a number from 1 to {_MOST_REPEATS}"
            raise InputError(msg)
        if self.concurrency < 1 or (self.per_minute is not None and self.per_minute <= 0):
            msg = (
                f"concurrency {self.concurrency!r} and calls a minute {self.per_minute!r}:"
                " give at least 1, and more than 0"
            )
            raise InputError(msg)
        if self.target is not None and not 0 <= self.target <= 1:
            msg = f"target {self.target!r} is no score; give a number from 0 to 1, as 0.9"
            raise InputError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A trial that can begin.

    Attributes:
        config: The configuration.
        cases: The distinct ones that nothing was shown or trained on.
        settings: How to measure.
        examples: The set that the cases are instances of, if any.
        arms: One per rung, lowest first.
        scorer: Scores the replies.
        asker: Asks.
        excluded: Cases that are left out, by why.
        notes: What a reader should know beside the figures.
        prompts: One arm per other system prompt.
    """

    config: KnowledgeConfig
    cases: CaseSet
    settings: TrialSettings
    examples: StoredExamples | None
    arms: tuple[Arm, ...]
    scorer: Scorer
    asker: Asker
    excluded: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()
    prompts: tuple[Arm, ...] = ()

    @property
    def every_arm(self) -> list[Arm]:
        """All that are asked: the rungs, then the prompts, each as often as cases are repeated."""
        return repeated((*self.arms, *self.prompts), self.settings.repeats)

    @property
    def example_set(self) -> str | None:
        """Name of the set that the cases are instances of, if any."""
        return self.examples.name if self.examples else None

    @property
    def agent(self) -> AgentProfile:
        """The agent that is measured."""
        return self.arms[0].router.agent

    @property
    def workers(self) -> int:
        """Calls at once; the packaged model computes here, and would only wait for itself."""
        packaged = any(arm.chat.name == PACKAGED for arm in self.arms)
        return 1 if packaged else self.settings.concurrency


def set_up(
    config: ConfigLike,
    cases: CaseSet,
    agent: str | None = None,
    settings: TrialSettings | None = None,
) -> Setup:
    """Find all that a trial needs.

    Raises:
        ConfigError: The configuration, or what it names, is wrong.
        InputError: The settings ask for what the agent lacks; or no case is left to measure.
        SourceError: The store cannot be opened.
        TenantMissingError: The agent keeps tenants apart, and the settings name none.
    """
    config, settings = read_config(config), settings or TrialSettings()
    opened = partial(_open_router, agent=agent, settings=settings)
    router = opened(config)
    router.require_tenant()
    profile = router.agent
    example_set, note = _example_set(profile, cases, settings.example_set)
    rungs = _rungs(profile, example_set, settings.rungs)
    judge = None if settings.judge is None else _load_judge(config, settings.judge)
    examples = _examples(config, example_set, settings)
    cases, excluded, told = _measurable(cases, config, profile, examples, rungs)
    labels = expect_labels(cases.cases, examples)
    known = Scorer(metric="exact", labels=labels, schema=profile.schemas.get(example_set or "", ""))
    metric = choose_metric(settings.metric, known, judged=judge is not None)
    if metric == "regex":
        require_patterns(cases.cases)
    if metric == "macro_f1" and settings.repeats > 1:
        msg = "--repeats: macro_f1 is of all cases together; give --metric normalised with it"
        raise InputError(msg)
    own = load_metric(metric, config.folder, settings.imports) if ":" in metric else None
    model, verifier = load_model(config, settings.model), load_verifier(router)
    arms = tuple(
        _arm(rung, router, verifier, example_set, model, settings.endpoint) for rung in rungs
    )
    return Setup(
        config=config,
        cases=cases,
        settings=settings,
        examples=examples,
        arms=arms,
        prompts=tuple(prompt_arms(settings.prompts, config, arms, opened)),
        scorer=Scorer(metric=metric, labels=labels, schema=known.schema, own=own),
        asker=Asker(
            journal=Journal(config.store_path, profile.name, fresh=settings.fresh),
            pace=Pace(settings.per_minute),
            judge=judge,
            judge_identity=identity_of(judge) if judge else {},
        ),
        excluded=excluded,
        notes=(*note, *told, *_unnamed(profile, examples)),
    )


def _open_router(
    config: KnowledgeConfig, agent: str | None, settings: TrialSettings
) -> KnowledgeRouter:
    return load_router(
        config,
        agent,
        embedding=settings.embedding,
        retrievers=settings.retrievers,
        model=settings.model if config.models.router is None else None,
    ).scoped(Scope(tenant=settings.tenant))


def identity_of(chat: Chat, **more: str) -> dict[str, Any]:
    """What tells a model and its parameters from others; holds no key.

    The packaged model's answers change with this package.
    """
    told = {**chat.model.asdict(), "name": chat.name, **more}
    return {**told, "package": version(DISTRIBUTION)} if chat.name == PACKAGED else told


def _arm(
    rung: Rung,
    router: KnowledgeRouter,
    verifier: CitationVerifier,
    example_set: str | None,
    model: Chat,
    given: BaseChatModel | None,
) -> Arm:
    if rung != "fine_tuned":
        chat, identity = model, identity_of(model)
    else:
        chat, identity = _endpoint(router.agent, given)
    return Arm(
        name=rung,
        rung=rung,
        router=router,
        example_set=example_set,
        chat=chat,
        identity=identity,
        verifier=verifier,
    )


def _endpoint(agent: AgentProfile, given: BaseChatModel | None) -> tuple[Chat, dict[str, Any]]:
    name, spec = agent.endpoint_name or "endpoint", agent.endpoint
    if given is not None:
        chat = Chat(model=given, name=name)
        return chat, identity_of(chat)
    try:
        chat = load_endpoint(agent)
    except ConfigError as error:
        others = ",".join(rung for rung in RUNGS if rung != "fine_tuned")
        msg = f"{error}; or leave the endpoint out, as in --rungs {others}"
        raise ConfigError(msg) from error
    where = spec.base_url.get_secret_value() if spec and spec.base_url else ""
    return chat, identity_of(chat, model=spec.model if spec else "", where=where)


def _load_judge(config: KnowledgeConfig, model: str | BaseChatModel) -> Chat:
    """The judge, which must be able to fill in a form."""
    if model == PACKAGED:
        msg = f"--judge {model!r}: the packaged model only quotes; give a chat model: openai:NAME"
        raise ConfigError(msg)
    try:
        return load_model(config, model)
    except ConfigError as error:
        raise ConfigError(f"--judge: {str(error).removeprefix('models.default: ')}") from None


def _example_set(
    agent: AgentProfile, cases: CaseSet, asked: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """The set that the cases are instances of, and a note where one was chosen or none was."""
    if asked is not None:
        if asked not in agent.examples:
            msg = f"--set {asked!r} is no example set of agent {agent.name!r}; "
            raise InputError(msg + nearest(asked, agent.examples))
        return asked, ()
    patterns = [name for name, spec in agent.examples.items() if spec.kind == "pattern"]
    if cases.like_examples and len(agent.examples) == 1:
        return next(iter(agent.examples)), ()
    if len(patterns) == 1:
        told = f"the cases are taken for instances of {patterns[0]}; --set names another set"
        return patterns[0], (told,)
    if agent.examples:
        names = ", ".join(agent.examples)
        return None, (f"measured without example set; --set names one of: {names}",)
    return None, ()


def _examples(
    config: KnowledgeConfig, name: str | None, settings: TrialSettings
) -> StoredExamples | None:
    if name is None:
        return None
    sets = load_example_sets(config, (name,), load_embedder(config, settings.embedding))
    return sets[name].of_tenant(settings.tenant)


def _rungs(agent: AgentProfile, example_set: str | None, asked: Sequence[str]) -> tuple[Rung, ...]:
    there = rungs_of(agent, example_set)
    for rung in asked:
        if rung not in RUNGS:
            msg = f"--rungs {rung!r} is unknown; {nearest(rung, RUNGS)}"
            raise InputError(msg)
        if rung not in there:
            of = f"tasks of {example_set}" if example_set else "tasks of no example set"
            msg = f"--rungs {rung!r}: agent {agent.name!r} has for {of} only {', '.join(there)}"
            raise InputError(msg)
    return tuple(rung for rung in there if not asked or rung in asked)


def _measurable(
    cases: CaseSet,
    config: KnowledgeConfig,
    agent: AgentProfile,
    examples: StoredExamples | None,
    rungs: Sequence[Rung],
) -> tuple[CaseSet, dict[str, int], tuple[str, ...]]:
    """The cases that tell something, how many don't, by why, and notes on those.

    Raises:
        InputError: None does.
    """
    given, cases = len(cases.cases), cases.distinct
    excluded, notes = {"repeated": given - len(cases.cases)}, list[str]()
    if repeated := excluded["repeated"]:
        notes.append(f"{repeated} of {given} cases ask what another asks: each counts once")
    known: dict[str, Sequence[str]] = {}
    if examples:
        known["examples"] = [example.input for example in examples.examples]
    endpoint, name = agent.endpoint, agent.endpoint_name
    if endpoint and endpoint.training.file:
        file = config.resolve(endpoint.training.file, f"endpoints.{name}.training.file")
        same = examples if examples and examples.name == endpoint.serves else None
        form = form_of(agent, endpoint.serves, same) if same else None
        known["training"] = read_training(file, form)
    elif "fine_tuned" in rungs:
        notes.append(
            f"nobody knows whether {name} was trained on cases: name its rows, as"
            f" endpoints.{name}.training.file, and those are left out"
        )
    texts, cache = [case.task.text for case in cases.cases], config.store_path / FOLDER
    gone: frozenset[int] = frozenset()
    what = {"examples": "examples that are shown", "training": f"what {name} was trained on"}
    for where, places in overlapping(texts, known, cache).items():
        excluded[where] = len(places - gone)
        gone |= places
        if places:
            notes.append(
                f"{len(places)} of {len(texts)} cases are among {what[where]}, or restate it"
                f" (cosine from {SAME}): they are left out"
            )
    if len(gone) == len(texts):
        msg = f"--cases: nothing is left to measure: {'; '.join(notes)}. Give fresh cases"
        raise InputError(msg)
    left = tuple(case for place, case in enumerate(cases.cases) if place not in gone)
    return replace(cases, cases=left), {k: n for k, n in excluded.items() if n}, tuple(notes)


def _unnamed(agent: AgentProfile, examples: StoredExamples | None) -> tuple[str, ...]:
    told = unnamed_labels(agent, examples.name, examples.examples) if examples else ""
    return (told,) if told else ()
