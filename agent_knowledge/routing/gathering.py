"""From a decision to the knowledge that a model is given, within the policy's `context_tokens`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.prompts import passage_rules, written
from agent_knowledge.routing.few_shot import nearest_view
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.text import count_tokens
from agent_knowledge.types import Decision, Example, Knowledge, Passage, Plan, RuleName
from agent_knowledge.types.forms import Form
from agent_knowledge.types.search import MeasuredTask

_EXAMPLES_SHARE = 1 / 3
"""What examples may take of the budget when passages want it too: a plain limit."""
FENCE_TOKENS = 24
"""The fence around a passage, with its number, or around a sample, counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What fits, and what was left out, a line each."""

    passages: tuple[Passage, ...]
    examples: tuple[Example, ...]
    left_out: tuple[str, ...]


def fit(
    passages: Sequence[Passage],
    examples: Sequence[Example],
    tokens: int,
    frame_tokens: int = 0,
    *,
    all_passages: bool = False,
) -> Fitted:
    """Keep the best passages and examples that fit, in their order.

    The first passage is always kept, cut to its beginning if it must be: an answer on the best
    passage's start beats one on none.

    Args:
        passages: Best first.
        examples: Best first.
        tokens: The budget for both together.
        frame_tokens: What stands around each example where it is shown.
        all_passages: Keep every passage, whole, whatever the budget; examples keep to theirs.
    """
    share = int(tokens * _EXAMPLES_SHARE) if passages else tokens
    kept_examples: list[Example] = []
    for example in examples:
        cost = count_tokens(example.input) + count_tokens(example.output) + frame_tokens
        if cost > share:
            break
        kept_examples.append(example)
        share -= cost
        tokens -= cost
    kept: list[Passage] = list(passages) if all_passages else []
    for passage in () if all_passages else passages:
        around = FENCE_TOKENS + count_tokens(passage.title) + count_tokens(passage.uri)
        if around + count_tokens(passage.text) > tokens:
            if not kept:
                kept.append(_cut(passage, max(tokens - around, 1)))
            break
        kept.append(passage)
        tokens -= around + count_tokens(passage.text)
    left_out = [
        *_say("passage", len(passages) - len(kept)),
        *_say("example", len(examples) - len(kept_examples)),
    ]
    if kept and kept[0].end < passages[0].end:
        left_out.insert(0, "the end of the first passage did not fit context_tokens")
    return Fitted(passages=tuple(kept), examples=tuple(kept_examples), left_out=tuple(left_out))


def _cut(passage: Passage, tokens: int) -> Passage:
    """The beginning of a passage, which is still a span of its document."""
    size = len(passage.text)
    while size > 1 and count_tokens(passage.text[:size]) > tokens:
        size = size * tokens // max(count_tokens(passage.text[:size]), 1) or 1
    word_end = passage.text.rfind(" ", 0, size)
    size = word_end if word_end > size // 2 else size
    return replace(passage, text=passage.text[:size], end=passage.start + size)


def _say(what: str, count: int) -> tuple[str, ...]:
    if count <= 0:
        return ()
    return (f"{count} {what}{'s' if count > 1 else ''} did not fit context_tokens",)


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
    failed = tuple(found.failure for found in reading.results.values() if found.failure)
    if plan.sources:
        passages, lost, reranked_by = retrieve(plan, reading.results, shelf)
        failed = tuple(dict.fromkeys((*failed, *lost)))
        decision = replace(decision, plan=replace(plan, reranked_by=reranked_by))
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
