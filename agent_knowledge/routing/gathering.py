"""From a decision to the knowledge that a model is given."""

from __future__ import annotations

from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.prompts import passage_rules, written
from agent_knowledge.routing.budget import FENCE_TOKENS, fit
from agent_knowledge.routing.few_shot import nearest_view
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.text import count_tokens
from agent_knowledge.types import Decision, Example, Knowledge, Passage, Plan, RuleName
from agent_knowledge.types.forms import Form
from agent_knowledge.types.search import MeasuredTask


def gather(
    decision: Decision,
    reading: MeasuredTask,
    agent: AgentProfile,
    shelf: Shelf,
    *,
    all_passages: bool = False,
) -> Knowledge:
    """Gather what a decision's plan names, within the policy's `context_tokens`.

    A fine-tuned endpoint gets the system prompt and the task alone, both as its set's template
    has them: it was trained not to need more.

    Args:
        decision: What is to be gathered.
        reading: What was measured, with what the sources answered.
        agent: Whose policy it is.
        shelf: The agent's knowledge.
        all_passages: Hand over every passage that was retrieved, whatever the budget.

    Raises:
        SourceError: Every source of the plan failed.
    """
    plan, text = decision.plan, reading.task.text
    form = _form(plan, shelf)
    passages: tuple[Passage, ...] = ()
    examples: tuple[Example, ...] = ()
    failed: tuple[str, ...] = ()
    if plan.sources:
        passages, failed = retrieve(plan, reading.results, shelf)
    if plan.examples and plan.k_examples and not plan.endpoint:
        chooser, selection = shelf.examples[plan.examples], agent.examples[plan.examples].selection
        view = nearest_view(chooser.held, reading.views)
        examples = chooser.choose(view, plan.k_examples, text, selection)
        if shelf.screener:
            shown = shelf.screener.examples(plan.examples, examples)
            examples, failed = shown.items, (*failed, *shown.left_out)
    budget, frame = agent.policy.context_tokens, _frame_tokens(form)
    fitted = fit(passages, examples, budget, frame, all_passages=all_passages)
    knowledge = Knowledge(
        decision=decision,
        passages=fitted.passages,
        examples=fitted.examples,
        instructions=agent.system_prompt,
        rules=_rules(decision, fitted.passages, fitted.examples, form),
        form=form,
        left_out=(*failed, *fitted.left_out),
    )
    return written(knowledge, text)


def _form(plan: Plan, shelf: Shelf) -> Form:
    """The form of the plan's set; JSON is asked for only where the answer need not cite."""
    if plan.examples is None:
        return Form()
    form = shelf.forms[plan.examples]
    return replace(form, schema="") if plan.sources else form


def _frame_tokens(form: Form) -> int:
    """What stands around an example: its fence among samples, or the set's form of a turn."""
    return FENCE_TOKENS if form.kind == "style" else count_tokens(form.before + form.after)


def _rules(
    decision: Decision,
    passages: tuple[Passage, ...],
    examples: tuple[Example, ...],
    form: Form,
) -> tuple[RuleName, ...]:
    """The rules for what this task is given."""
    rules = passage_rules(decision.plan, passages)
    nothing_found = decision.plan.sources and not passages  # as an external source may
    if decision.gap or nothing_found:
        rules = (*rules, "gap")
    if not examples:
        return rules
    return (*rules, "style" if form.kind == "style" else "examples")
