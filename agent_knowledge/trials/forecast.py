"""What a trial would ask and cost, told before anything is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_knowledge.build import ConfigLike, read_config
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.text import count_tokens
from agent_knowledge.trials.asking import judge_prompt, prompt_tokens
from agent_knowledge.trials.cases import CaseSet, TrialCase
from agent_knowledge.trials.costs import cost_usd, price_of, prices_of
from agent_knowledge.trials.evaluate import model_names
from agent_knowledge.trials.pool import Watch
from agent_knowledge.trials.setup import Setup, TrialSettings, set_up

JUDGE = "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What one rung, or the judge, would be asked.

    Attributes:
        rung: The rung, another prompt's file, or `judge`; a repeat has its number.
        model: Which model.
        calls: Calls to be made.
        kept: Answers that the journal holds already.
        tokens_in: Of all prompts to be sent together, estimated.
        tokens_out: Of all their answers together, taken to be as long as what is expected.
        cost_usd: Of those calls; None where no price is configured.
    """

    rung: str
    model: str
    calls: int
    kept: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None


def forecast(
    config: ConfigLike,
    cases: CaseSet,
    agent: str | None = None,
    settings: TrialSettings | None = None,
    watch: Watch | None = None,
) -> tuple[Forecast, ...]:
    """Prepare every prompt of a trial and count what it would take; no model is called.

    Args:
        config: As for `evaluate`.
        cases: The cases.
        agent: As for `evaluate`.
        settings: As for `evaluate`.
        watch: Told how far it has come.

    Returns:
        One row per rung, lowest first, then per prompt, and one for the judge where there is one.
    """
    setup = set_up(_silent(read_config(config)), cases, agent, settings)
    measured = setup.cases.cases
    arms = setup.every_arm
    total, done = len(arms) * len(measured), 0
    rows: list[Forecast] = []
    for arm in arms:
        open_: list[tuple[int, int]] = []
        for case in measured:
            prompted = setup.asker.prompt(arm, case)
            done += 1
            if watch:
                watch.done(done, total)
            if setup.asker.journal.find(prompted.key) is None:
                open_.append((prompted.tokens, count_tokens(case.expected[0])))
        kept = len(measured) - len(open_)
        rows.append(_row(setup, arm.name, model_names(arm), open_, kept))
    if judge := setup.asker.judge:  # every answer judged anew
        judged = [(_judged_tokens(case), _VERDICT_TOKENS) for case in measured] * len(arms)
        rows.append(_row(setup, JUDGE, (judge.name,), judged, 0))
    return tuple(rows)


def _row(
    setup: Setup, rung: str, names: Sequence[str], calls: Sequence[tuple[int, int]], kept: int
) -> Forecast:
    """What calls of so many tokens, in and out, would take; the first name is the model's own."""
    tokens_in, tokens_out = sum(given for given, _ in calls), sum(said for _, said in calls)
    price = price_of(prices_of(setup.config), *names)
    return Forecast(
        rung=rung,
        model=names[0],
        calls=len(calls),
        kept=kept,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=cost_usd(price, tokens_in, tokens_out) if price else None,
    )


_VERDICT_TOKENS = 40
"""A line of reason and the verdict."""


def _judged_tokens(case: TrialCase) -> int:
    return prompt_tokens(judge_prompt(case, case.expected[0]))


def _silent(config: KnowledgeConfig) -> KnowledgeConfig:
    """The same configuration without what has the router itself ask a model."""
    update = {"query_rewrite": "none", "ask_model_below": None}
    agents = {
        name: agent.model_copy(update={"policy": agent.policy.model_copy(update=update)})
        for name, agent in config.agents.items()
    }
    return config.model_copy(update={"agents": agents}).at(config.folder)
