"""What the middleware keeps in an agent's state: under keys of its own, and private.

A host's schema may have keys of any name and type, so ours have a prefix. Only `citations` is
public; where the host's schema has a `citations` of its own, that is left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NotRequired, cast

from langchain.agents.middleware import AgentState
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import BaseMessage
from langgraph.channels import BinaryOperatorAggregate
from pydantic import TypeAdapter, ValidationError

from agent_knowledge.langchain.convert import last_user_turn, text_of, turn_of, turns_before
from agent_knowledge.langchain.numbering import from_json, to_json
from agent_knowledge.routing.recall import NEAR_TURNS
from agent_knowledge.types import CitedTurn, Decision, Knowledge, Passage, Signals

PREPARED = "agent_knowledge_prepared"
CITED = "agent_knowledge_cited"
SHOWN = "agent_knowledge_shown"
FOUND = "agent_knowledge_citations"
_KNOWLEDGE: TypeAdapter[Knowledge] = TypeAdapter(Knowledge)
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
_DETAILS = ("signals", "rejected")
"""What a decision holds beside what it is: most of its size, and no model call asks for it."""


_TURNS_KEPT = 20
"""Whose citations a conversation remembers: a limit."""


def cited_turn(turn: str, passages: Mapping[str, Passage], whose: str = "") -> list[dict[str, Any]]:
    """What a turn's answer cited, for the state: plain JSON.

    Args:
        turn: Which turn.
        passages: What it cited, by number.
        whose: The mark of the tenant that it was found for; see `tenants.mark_of`.
    """
    row = {"turn": turn, "tenant": whose, "passages": to_json(passages)}
    return [row] if passages else []


def keep_turns(old: list[dict[str, Any]] | None, new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add turns to those in the state, oldest first; a turn that is there already is replaced."""
    fresh = {one["turn"] for one in new}
    return [*(one for one in old or () if one["turn"] not in fresh), *new][-_TURNS_KEPT:]


def cited_before(
    state: Mapping[str, Any], messages: Sequence[BaseMessage], whose: str = ""
) -> tuple[CitedTurn, ...]:
    """What earlier turns cited, for a task: the turns shortly before it each have their place.

    What was found for another tenant than `whose` is as if it had not been cited.
    """
    now, near = turn_of(messages), turns_before(messages, NEAR_TURNS)
    held = {
        one["turn"]: one["passages"]
        for one in state.get(CITED) or ()
        if one["turn"] != now and one.get("tenant", "") == whose
    }
    gone = [""] * (NEAR_TURNS - len(near))  # turns that a host has cut from the conversation
    order = [*(turn for turn in held if turn not in near), *gone, *near]
    return tuple(CitedTurn(passages=from_json(held.get(turn, {}))) for turn in order)


class Citations(list[dict[str, Any]]):
    """A turn's citations; by its type the middleware knows its own from a host's."""


def _latest(_: object, new: Any) -> Any:
    return new


def _merge(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    return {**(old or {}), **new}


class CitationsChannel(BinaryOperatorAggregate[Any]):
    """Keeps the last citations written; reads them as `Citations`, from a checkpoint too."""

    __slots__ = ()

    def __init__(self, typ: Any, operator: Callable[[Any, Any], Any] = _latest) -> None:
        super().__init__(typ, operator)

    def get(self) -> Citations:
        """The last citations written; none before that."""
        return Citations(super().get())


class KnowledgeState(AgentState[Any]):
    """State of an agent with the middleware; all of it plain JSON.

    Attributes:
        citations: Of the turn's answer, as LangChain `Citation` blocks; empty while it runs. A
            host's schema may have a key of this name instead.
        agent_knowledge_citations: The citations where the host's schema has that key.
        agent_knowledge_prepared: Which routers have a part in the turn, and what each prepared.
        agent_knowledge_cited: What the last answers cited, oldest first.
        agent_knowledge_shown: How many passages the turn's own prompt has.
    """

    citations: NotRequired[Annotated[list[dict[str, Any]], CitationsChannel]]
    # LangGraph takes a reducer only where it comes last.
    agent_knowledge_citations: NotRequired[
        Annotated[list[dict[str, Any]], PrivateStateAttr, _latest]
    ]
    agent_knowledge_prepared: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, _merge]]
    agent_knowledge_cited: NotRequired[
        Annotated[list[dict[str, Any]], PrivateStateAttr, keep_turns]
    ]
    agent_knowledge_shown: NotRequired[Annotated[int, PrivateStateAttr, _latest]]


def knowledge_to_json(knowledge: Knowledge) -> dict[str, Any]:
    """What was prepared as plain JSON: any checkpointer keeps it, and gives back the same."""
    return _KNOWLEDGE.dump_python(knowledge, mode="json")


def knowledge_from_json(row: object) -> Knowledge | None:
    """What `knowledge_to_json` wrote; None where something else did, or another version of it."""
    try:
        return _KNOWLEDGE.validate_python(row)
    except ValidationError:
        return None


def fields_of(state: object) -> dict[str, Any]:
    """A state by its fields; a graph of one's own may keep messages alone, or attributes."""
    if isinstance(state, list):
        return {"messages": state}
    return cast("dict[str, Any]", state if isinstance(state, dict) else vars(state))


def cited_update(
    state: Mapping[str, Any], citations: Sequence[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """The state update that tells a turn's citations, in `citations` where that is ours."""
    return {_citations_key(state): [*citations]}


def citations_of(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The citations of the turn, wherever they are kept."""
    return [*(state.get(_citations_key(state)) or ())]


def _citations_key(state: Mapping[str, Any]) -> str:
    return "citations" if isinstance(state.get("citations"), Citations) else FOUND


def expect(name: str, messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """The state update that says that a router has a part in the turn.

    What it prepares comes later: when the model is asked, and every middleware has had its say
    about what the user's turn may hold.
    """
    return {PREPARED: {name: {"turn": turn_of(messages)}}}


def expected(state: Mapping[str, Any], messages: Sequence[BaseMessage]) -> list[str]:
    """The routers that have a part in the turn."""
    held: dict[str, Any] = state.get(PREPARED) or {}
    turn = turn_of(messages)
    return [name for name, one in held.items() if one["turn"] == turn]


def remember(
    name: str,
    messages: Sequence[BaseMessage],
    knowledge: Knowledge,
    *,
    details: bool,
    whose: str = "",
) -> dict[str, Any]:
    """What to keep of a router's knowledge in the state, under `PREPARED`.

    Args:
        name: Of the router's middleware.
        messages: The conversation that it was prepared for.
        knowledge: What was prepared.
        details: Keep all of the decision. What is kept stands in every stream of updates.
        whose: The mark of the tenant that it was prepared for; see `tenants.mark_of`.
    """
    kept = knowledge_to_json(knowledge if details else _brief(knowledge))
    turn, said = identity_of_turn(messages)
    return {name: {"turn": turn, "said": said, "tenant": whose, "knowledge": kept}}


def remembered(
    state: Mapping[str, Any], messages: Sequence[BaseMessage], whose: str = ""
) -> dict[str, Knowledge]:
    """What each router prepared for the turn, for everybody or for the tenant `whose`.

    An earlier turn's is not, nor another tenant's, nor what another version of this package wrote
    in another form.
    """
    held: dict[str, Any] = state.get(PREPARED) or {}
    read = {name: _read(held[name], whose) for name in expected(state, messages)}
    return {name: knowledge for name, knowledge in read.items() if knowledge}


def remembered_of(
    name: str, state: Mapping[str, Any], messages: Sequence[BaseMessage], whose: str = ""
) -> Knowledge | None:
    """What one router prepared for the turn as it reads now; see `remembered`.

    Another middleware may have changed the user's words since, such as one that takes personal
    data out: what was prepared from the words before holds them, and is not handed over.
    """
    held: dict[str, dict[str, Any]] = state.get(PREPARED) or {}
    row = held.get(name, {})
    return _read(row, whose) if row.get("said") == identity_of_turn(messages)[1] else None


def identity_of_turn(messages: Sequence[BaseMessage]) -> tuple[str, str]:
    """The user's turn, and what tells its words from others, without holding them."""
    place = last_user_turn(messages)
    text = "" if place is None else text_of(messages[place])
    said = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return turn_of(messages), said


def decision_metadata(
    decision: Decision, *, details: bool, routers: Mapping[str, Decision] | None = None
) -> dict[str, Any]:
    """A decision for a message's metadata, as plain JSON.

    Args:
        decision: The decision.
        details: With its signals and what was rejected; otherwise they are left out.
        routers: Where an agent has several, what each decided, by the name of its middleware;
            told under `routers`.
    """
    row: dict[str, Any] = _DECISION.dump_python(decision, mode="json")
    told = row if details else {key: row[key] for key in row if key not in _DETAILS}
    if routers and len(routers) > 1:
        each = {n: decision_metadata(one, details=details) for n, one in routers.items()}
        told["routers"] = each
    return told


def _brief(knowledge: Knowledge) -> Knowledge:
    lower = knowledge.fallback
    return replace(
        knowledge,
        decision=replace(knowledge.decision, signals=Signals(need={}), rejected=()),
        fallback=_brief(lower) if lower else None,
    )


def _read(row: Mapping[str, Any], whose: str) -> Knowledge | None:
    if "knowledge" not in row or row.get("tenant", "") not in {"", whose}:
        return None
    return knowledge_from_json(row["knowledge"])
