"""What earlier turns cited, handed over again when a turn points back at it.

"What does [2] say?" and "and who wrote that?" are about passages that no search of these words
would find. `Task.cited` has what each answer cited, under the numbers that the user saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent_knowledge.citations.markers import find_markers
from agent_knowledge.prompts import written
from agent_knowledge.routing.gathering import Fitted, fit
from agent_knowledge.routing.queries import own_query, points_back, turn_query
from agent_knowledge.types import CitedTurn, Knowledge, Passage, Reason, RuleName, Task

NEAR_TURNS = 2
"""How many turns back a turn points that gives no number."""


def recall(knowledge: Knowledge, task: Task, tokens: int) -> Knowledge:
    """Add the passages that a task points back at to what was prepared for it.

    A marker in the task means the newest answer that had such a number; its passage comes first,
    and alone where the sources lack what the task asks. A task that points back in words means
    what the last answer cited, if that is not long ago: before what was retrieved when the task
    says next to nothing by itself, else behind it.

    Args:
        knowledge: What was prepared for the task; what is below an endpoint is treated alike.
        task: The task, with what earlier answers cited.
        tokens: The budget for passages and examples, `context_tokens`.

    Returns:
        The same knowledge where nothing is meant; where an endpoint, or a form that is taught,
        leaves no room for passages; or where citations are never wanted.
    """
    if not any(turn.passages for turn in task.cited):
        return knowledge
    if knowledge.fallback is not None:
        knowledge = replace(knowledge, fallback=recall(knowledge.fallback, task, tokens))
    meant = _meant(task) if _has_room(knowledge) else None
    return _with_passages(knowledge, task, tokens, meant) if meant else knowledge


def _meant(task: Task) -> _Meant | None:
    """What a task points at, if anything."""
    if named := _named(task.text, task.cited):
        return _Meant(passages=named, is_named=True)
    last = next((t for t in reversed(task.cited[-NEAR_TURNS:]) if t.passages), None)
    if last and points_back(task.text):
        return _Meant(passages=last.passages, leads=turn_query(task) != own_query(task))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """What a turn points at.

    Attributes:
        passages: By the numbers of the earlier answer.
        is_named: The turn gives these numbers.
        leads: The passages come before those that were retrieved.
    """

    passages: Mapping[str, Passage]
    is_named: bool = False
    leads: bool = True


def _has_room(knowledge: Knowledge) -> bool:
    """Whether passages may be added to what was prepared."""
    plan, form = knowledge.decision.plan, knowledge.form
    is_taught = form.kind == "pattern" and knowledge.examples and not knowledge.passages
    return not (plan.endpoint or is_taught or form.schema or plan.citations == "never")


def _named(text: str, cited: Sequence[CitedTurn]) -> dict[str, Passage]:
    """The markers of a task and what they meant in the newest answer that had them."""
    shown: dict[str, Passage] = {}
    for turn in cited:
        shown |= turn.passages
    marks = {id_: None for marker in find_markers(text, shown) for id_ in marker.ids}
    return {mark: shown[mark] for mark in marks if mark in shown}


def _with_passages(knowledge: Knowledge, task: Task, tokens: int, meant: _Meant) -> Knowledge:
    """Hand over what is meant beside what was prepared."""
    decision, fresh = knowledge.decision, knowledge.passages
    settled = meant.is_named and decision.gap  # what is asked stands in the passage that is named
    fresh = () if settled else fresh
    passages = _joined([*meant.passages.values()], fresh, leads=meant.leads)
    fitted = fit(passages, knowledge.examples, tokens)
    places = {passage.id: place for place, passage in enumerate(fitted.passages, start=1)}
    now = {mark: places[p.id] for mark, p in meant.passages.items() if p.id in places}
    reason = _reason(meant, now)
    if not now or reason in decision.reasons:  # or it was done before
        return knowledge
    plan, gap = replace(decision.plan, clarify=None), decision.gap and not settled
    recalled = replace(
        knowledge,
        decision=replace(decision, plan=plan, gap=gap, reasons=(*decision.reasons, reason)),
        passages=fitted.passages,
        examples=fitted.examples,
        rules=_rules(knowledge, fitted, settled=settled, named=meant.is_named),
        named=now if meant.is_named else {},
        left_out=(*knowledge.left_out, *fitted.left_out),
    )
    return written(recalled, task.text)


def _rules(
    knowledge: Knowledge, fitted: Fitted, *, settled: bool, named: bool
) -> tuple[RuleName, ...]:
    """The rules for what is handed over now."""
    gone: set[RuleName] = {"gap"} if settled else set()
    if not fitted.examples:
        gone.update(("examples", "style"))
    rules: list[RuleName] = [name for name in knowledge.rules if name not in gone]
    if not knowledge.passages:
        rules.extend(("passages", "recalled"))
    if "suspicious" not in rules and any(passage.suspicious for passage in fitted.passages):
        rules.append("suspicious")
    if named:
        rules.append("named")
    return tuple(rules)


def _joined(
    meant: Sequence[Passage], fresh: Sequence[Passage], *, leads: bool
) -> tuple[Passage, ...]:
    """Both, each passage once."""
    both = [*meant, *fresh] if leads else [*fresh, *meant]
    return tuple({passage.id: passage for passage in both}.values())


def _reason(meant: _Meant, now: Mapping[str, int]) -> Reason:
    marks = ", ".join(f"[{mark}]" for mark in now)
    how = f"the turn names {marks}" if meant.is_named else "the turn points back in words"
    text = f"{how}: what an earlier answer cited as {marks} is handed over again"
    return Reason(rule="citations-need-retrieval", text=text)
