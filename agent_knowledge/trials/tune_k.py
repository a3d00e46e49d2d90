"""How many examples to show, which, and in which order: chosen by measuring, not by belief.

Every number of examples is tried on the same cases, in both orders, and, of a set of labels, one
of each label or half of them for the likeliest. The fewest are chosen that lie at most two points
behind the best and are not proven worse: what more of them would buy is not there to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from agent_knowledge.build import load_router, load_verifier
from agent_knowledge.errors import InputError
from agent_knowledge.ledger import MARGIN, MAX_FAILED, MIN_CASES, RungResult
from agent_knowledge.retrieval.examples import StoredExamples
from agent_knowledge.retrieval.labels import has_labels
from agent_knowledge.routing.few_shot import Selection
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.trials.asking import Arm
from agent_knowledge.trials.evaluate import result_of
from agent_knowledge.trials.pool import Watch
from agent_knowledge.trials.setup import Setup
from agent_knowledge.trials.statistics import Estimates, Interval
from agent_knowledge.types.filters import Scope

Order = Literal["best_last", "best_first"]
COUNTS = (0, 1, 2, 4, 8, 16)
"""Examples shown; none is the rung `prompt`."""
ORDERS: tuple[Order, ...] = ("best_last", "best_first")
SELECTIONS: tuple[Selection, ...] = ("balanced", "weighted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to show a set's examples; the settings of the set.

    Attributes:
        k: Examples at most.
        order: Where the nearest stands.
        selection: Which, of a set of labels.
    """

    k: int
    order: Order
    selection: Selection = "balanced"

    def __str__(self) -> str:
        """The settings in a few words."""
        weighted = ", weighted" if self.selection == "weighted" else ""
        return f"{self.k} {self.order}{weighted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How one way to show a set's examples did.

    Attributes:
        way: Which.
        result: Its figures.
        lag: How far it lies behind the best, on the cases that both answered.
        behind: 95 % paired interval of that; (0, 0) for the best itself.
    """

    way: Way
    result: RungResult
    lag: float
    behind: Interval

    @property
    def worse(self) -> bool:
        """Proven worse than the best, or further behind it than the margin."""
        return self.behind[0] > 0 or self.lag > MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedK:
    """What came of it.

    Attributes:
        example_set: Which set.
        metric: What `score` means.
        n: Cases.
        variants: Fewest examples first.
        best: The one with the highest score.
        chosen: The fewest examples that are not worse; None where the cases are too few, or failed.
    """

    example_set: str
    metric: str
    n: int
    variants: tuple[Variant, ...]
    best: Variant
    chosen: Variant | None

    @property
    def why(self) -> str:
        """The choice in a sentence."""
        if self.chosen is None and self.n >= MIN_CASES:
            return f"more than {MAX_FAILED:.0%} of the cases failed: mend it and run it again"
        if self.chosen is None:
            return f"{self.n} cases tell no winner; at least {MIN_CASES} would do"
        way, best = self.chosen.way, self.best.way
        if way.k == 0:
            told = (
                "no number of examples is proven better than none, or by more than"
                f" {MARGIN:g}: leave few-shot out"
            )
        elif self.chosen is self.best:
            told = f"{way}: the best, and fewer examples are worse"
        else:
            low, high = self.chosen.behind
            told = (
                f"{way} shows the fewest examples within {MARGIN:g} of the best and not proven"
                f" worse ({best} leads by {self.chosen.lag:+.3f}, {low:+.3f} to {high:+.3f})"
            )
        return f"{told}. Chosen on these cases, its score is optimistic: confirm it on others"

    @property
    def yaml(self) -> str:
        """What to write into the configuration; nothing where nothing was chosen."""
        if self.chosen is None or self.chosen.way.k == 0:
            return ""
        settings = asdict(self.chosen.way)
        lines = "".join(f"    {key}: {value}\n" for key, value in settings.items())
        return f"examples:\n  {self.example_set}:\n{lines}"


def tune_k(setup: Setup, watch: Watch | None = None, counts: Sequence[int] = COUNTS) -> TunedK:
    """Measure every number of examples in every way, and choose.

    Args:
        setup: From `setup.set_up`; its rungs don't matter.
        watch: Told how far it has come.
        counts: The numbers of examples to try, ascending; those that the set lacks are left out.

    Raises:
        InputError: The cases are instances of no set.
        EndpointError: See `evaluate.evaluate`.
        Interrupted: Ctrl-C came; what was answered is kept.
    """
    if setup.examples is None:
        names = ", ".join(setup.agent.examples) or "the agent has none"
        msg = f"--tune-k needs an example set; give --set ({names})"
        raise InputError(msg)
    name = setup.examples.name
    ways = list(_ways(setup, setup.examples, counts))
    arms = [_arm(setup, name, way) for way in ways]
    cases = setup.cases.cases
    replies = setup.asker.ask_all(arms, cases, setup.workers, watch)
    estimates = setup.scorer.estimate([replies[arm.name] for arm in arms])
    best = max(range(len(arms)), key=lambda place: estimates.scores[place])
    variants: list[Variant] = []
    for place, (way, arm) in enumerate(zip(ways, arms, strict=True)):
        row = result_of(arm, replies[arm.name], setup, estimates.scores[place], estimates.ci[place])
        lag, behind = _lead(estimates, best, place)
        variants.append(Variant(way=way, result=row, lag=round(lag, 6), behind=behind))
    failed = max(variant.result.errors for variant in variants)
    able = len(cases) >= MIN_CASES and failed <= MAX_FAILED * len(cases)
    return TunedK(
        example_set=name,
        metric=setup.scorer.metric,
        n=len(cases),
        variants=tuple(variants),
        best=variants[best],
        chosen=_choose(variants) if able else None,
    )


def _choose(variants: Sequence[Variant]) -> Variant:
    """The fewest examples that are not worse than the best, in their better order."""
    able = [variant for variant in variants if not variant.worse]
    fewest = min(variant.way.k for variant in able)
    return max((v for v in able if v.way.k == fewest), key=lambda variant: variant.result.score)


def _lead(estimates: Estimates, best: int, place: int) -> tuple[float, Interval]:
    """How far the best lies above a variant, with its interval."""
    if best == place:
        return 0.0, (0.0, 0.0)
    if best > place:
        gap = estimates.gaps[best, place]
        return gap.difference, gap.ci
    gap = estimates.gaps[place, best]
    return 0.0 - gap.difference, (0.0 - gap.ci[1], 0.0 - gap.ci[0])


def _ways(setup: Setup, examples: StoredExamples, counts: Sequence[int]) -> Iterator[Way]:
    """The ways that differ: the order of one example, or the labels of two, are no matter."""
    own = setup.agent.examples[examples.name].order
    labelled = has_labels(examples)
    for k in counts:
        if k > len(examples.examples):
            continue
        for order in ORDERS if k > 1 else (own,):
            for selection in SELECTIONS if labelled and k > 2 else SELECTIONS[:1]:
                yield Way(k=k, order=order, selection=selection)


def _arm(setup: Setup, name: str, way: Way) -> Arm:
    model = next(arm for arm in setup.arms if arm.rung != "fine_tuned")
    router = _router(setup, name, way)
    return Arm(
        name=str(way),
        rung="few_shot" if way.k else "prompt",
        router=router,
        example_set=name,
        chat=model.chat,
        identity=model.identity,
        verifier=load_verifier(router),
    )


def _router(setup: Setup, name: str, way: Way) -> KnowledgeRouter:
    """The agent's router with other settings for a set; nothing is retrieved, so no sources."""
    config, agent = setup.config, setup.agent.name
    settings = asdict(way) | {"k": max(way.k, 1)}
    shown = config.examples[name].model_copy(update=settings)
    alone = config.agents[agent].model_copy(update={"sources": (), "endpoint": None})
    update = {
        "examples": {**config.examples, name: shown},
        "agents": {**config.agents, agent: alone},
    }
    changed = config.model_copy(update=update).at(config.folder)
    router = load_router(
        changed,
        agent,
        embedding=setup.settings.embedding,
        model=setup.settings.model if config.models.router is None else None,
    )
    return router.scoped(Scope(tenant=setup.settings.tenant))
