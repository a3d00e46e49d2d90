"""From a decision to the knowledge that a model is given."""

from __future__ import annotations

from agent_knowledge.config import AgentProfile
from agent_knowledge.context import (
    CITE_RULE,
    EXAMPLES_RULE,
    GAP_RULE,
    NO_CITE_RULE,
    PASSAGE_RULE,
    STYLE_RULE,
    render_prompt,
)
from agent_knowledge.search import Reading
from agent_knowledge.strategies.budget import fit
from agent_knowledge.strategies.few_shot import choose_examples, nearest_view
from agent_knowledge.strategies.retrieval import retrieve
from agent_knowledge.strategies.shelf import Shelf
from agent_knowledge.types import Decision, Example, Knowledge, Passage


def gather(decision: Decision, reading: Reading, agent: AgentProfile, shelf: Shelf) -> Knowledge:
    """Gather what a decision's plan names, within the policy's `context_tokens`.

    A fine-tuned endpoint gets the system prompt and the task alone: it was trained not to need
    more.

    Raises:
        SourceError: Every source of the plan failed.
    """
    plan = decision.plan
    passages: tuple[Passage, ...] = ()
    examples: tuple[Example, ...] = ()
    failed: tuple[str, ...] = ()
    if plan.sources:
        passages, failed = retrieve(plan, reading.probes, shelf)
    if plan.examples and not plan.endpoint:
        shown, k = shelf.examples[plan.examples], agent.examples[plan.examples].k
        examples = choose_examples(shown, nearest_view(shown, reading.views), k)
    fitted = fit(passages, examples, agent.policy.context_tokens)
    return Knowledge(
        decision=decision,
        passages=fitted.passages,
        examples=fitted.examples,
        system=_system(decision, fitted.passages, fitted.examples, agent),
        prompt=render_prompt(fitted.passages, reading.task.text),
        left_out=(*failed, *fitted.left_out),
    )


def _system(
    decision: Decision,
    passages: tuple[Passage, ...],
    examples: tuple[Example, ...],
    agent: AgentProfile,
) -> str:
    """The agent's system prompt, then the rules for what this task is given."""
    parts = [agent.system_prompt]
    if passages:
        parts.append(PASSAGE_RULE)
        parts.append(NO_CITE_RULE if decision.plan.citations == "never" else CITE_RULE)
    nothing_found = decision.plan.sources and not passages  # as an external source may
    if decision.gap or nothing_found:
        parts.append(GAP_RULE)
    if examples and decision.plan.examples:
        style = agent.examples[decision.plan.examples].kind == "style"
        parts.append(STYLE_RULE if style else EXAMPLES_RULE)
    return "\n\n".join(part for part in parts if part)
