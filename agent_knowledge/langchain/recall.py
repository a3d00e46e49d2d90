"""What earlier turns cited, handed over again when a turn points back at it.

"What does [2] say?" and "and who wrote that?" are about passages that no search of these words
would find. The state keeps what each answer cited, under the numbers that the user saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import BaseMessage

from agent_knowledge.citations.markers import find_markers
from agent_knowledge.langchain.convert import last_user_turn, task_from_messages, turn_of
from agent_knowledge.langchain.numbering import from_json, to_json
from agent_knowledge.prompts import GAP_RULE, PASSAGE_RULE, render_prompt
from agent_knowledge.routing.budget import fit
from agent_knowledge.routing.queries import own_query, points_back, turn_query
from agent_knowledge.types import Knowledge, Passage, Reason, Task
from agent_knowledge.types.forms import user_turn

RECALLED_RULE = (
    "The passages are those that your earlier answers cited; their numbers are new. End each "
    "sentence that rests on one with its number, as [1]. Never give a number that no passage has."
)
_TURNS_KEPT = 20
_NEAR_TURNS = 2
"""How many turns back a turn points that gives no number."""


def cited_turn(turn: str, passages: Mapping[str, Passage]) -> list[dict[str, Any]]:
    """What a turn's answer cited, for the state: plain JSON."""
    return [{"turn": turn, "passages": to_json(passages)}] if passages else []


def keep_turns(old: list[dict[str, Any]] | None, new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add turns to those in the state, oldest first; a turn that is there already is replaced."""
    fresh = {one["turn"] for one in new}
    return [*(one for one in old or () if one["turn"] not in fresh), *new][-_TURNS_KEPT:]


def recall(
    knowledge: Knowledge,
    messages: Sequence[BaseMessage],
    cited: Sequence[Mapping[str, Any]],
    tokens: int,
) -> Knowledge:
    """Add the passages that the user's turn points back at to what was prepared for it.

    A marker in the turn means the newest answer that had such a number; its passage comes first,
    and alone where the sources lack what the turn asks. A turn that points back in words means
    what the last answer cited, if that is not long ago: before what was retrieved when the turn
    says next to nothing by itself, else behind it.

    Args:
        knowledge: What was prepared for the turn.
        messages: The conversation, the turn with what followed it included.
        cited: From the state: what answers cited, oldest first.
        tokens: The budget for passages and examples, `context_tokens`.

    Returns:
        The same knowledge where nothing is meant; where an endpoint, or a form that is taught,
        leaves no room for passages; or where citations are never wanted.
    """
    task, now = task_from_messages(messages), turn_of(messages)
    earlier = [one for one in cited if one["turn"] != now]
    if task is None or not earlier or not _has_room(knowledge):
        return knowledge
    if named := _named(task.text, earlier):
        return _with_passages(knowledge, task, tokens, _Meant(passages=named, is_named=True))
    if points_back(task.text) and earlier[-1]["turn"] in _turns_before(messages):
        passages = from_json(earlier[-1]["passages"])
        leads = turn_query(task) != own_query(task)
        return _with_passages(knowledge, task, tokens, _Meant(passages=passages, leads=leads))
    return knowledge


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


def _named(text: str, earlier: Sequence[Mapping[str, Any]]) -> dict[str, Passage]:
    """The markers of a turn and what they meant in the newest answer that had them."""
    shown: dict[str, Mapping[str, Any]] = {}
    for turn in earlier:
        shown |= turn["passages"]
    marks = {id_: None for marker in find_markers(text, shown) for id_ in marker.ids}
    return from_json({mark: shown[mark] for mark in marks if mark in shown})


def _turns_before(messages: Sequence[BaseMessage]) -> list[str]:
    """The user's turns shortly before the last."""
    turns: list[str] = []
    place = last_user_turn(messages)
    while place and len(turns) < _NEAR_TURNS:
        turns.append(turn_of(messages[:place]))
        place = last_user_turn(messages[:place])
    return turns


def _with_passages(knowledge: Knowledge, task: Task, tokens: int, meant: _Meant) -> Knowledge:
    """Hand over what is meant beside what was prepared."""
    decision, fresh = knowledge.decision, knowledge.passages
    settled = meant.is_named and decision.gap  # what is asked stands in the passage that is named
    fresh = () if settled else fresh
    passages = _joined([*meant.passages.values()], fresh, leads=meant.leads)
    fitted = fit(passages, knowledge.examples, tokens)
    places = {passage.id: place for place, passage in enumerate(fitted.passages, start=1)}
    now = {mark: places[p.id] for mark, p in meant.passages.items() if p.id in places}
    if not now:
        return knowledge
    rules = [knowledge.system] if not settled else [_without(GAP_RULE, knowledge.system)]
    rules += [] if knowledge.passages else [PASSAGE_RULE, RECALLED_RULE]
    rules += [_note(now)] if meant.is_named else []
    plan = replace(decision.plan, clarify=None)
    reasons = (*decision.reasons, _reason(meant, now))
    return replace(
        knowledge,
        decision=replace(decision, plan=plan, gap=decision.gap and not settled, reasons=reasons),
        passages=fitted.passages,
        examples=fitted.examples,
        system="\n\n".join(filter(None, rules)),
        prompt=render_prompt(fitted.passages, user_turn(knowledge.form, task.text)),
        left_out=(*knowledge.left_out, *fitted.left_out),
    )


def _joined(
    meant: Sequence[Passage], fresh: Sequence[Passage], *, leads: bool
) -> tuple[Passage, ...]:
    """Both, each passage once."""
    both = [*meant, *fresh] if leads else [*fresh, *meant]
    return tuple({passage.id: passage for passage in both}.values())


def _without(rule: str, system: str) -> str:
    return "\n\n".join(part for part in system.split("\n\n") if part != rule)


def _note(now: Mapping[str, int]) -> str:
    """Tell the model what the user's numbers mean among its own."""
    said = "; ".join(f"[{mark}] means passage {number}" for mark, number in now.items())
    return f"The user's turn names passages by the numbers of an earlier answer: there, {said}."


def _reason(meant: _Meant, now: Mapping[str, int]) -> Reason:
    marks = ", ".join(f"[{mark}]" for mark in now)
    how = f"the turn names {marks}" if meant.is_named else "the turn points back in words"
    text = f"{how}: what an earlier answer cited as {marks} is handed over again"
    return Reason(rule="citations-need-retrieval", text=text)
