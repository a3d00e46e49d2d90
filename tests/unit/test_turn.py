"""A turn by itself: every state, what is fed to it, and where that leads. No model, no router."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent_knowledge.config import Policy
from agent_knowledge.errors import AgentKnowledgeError, BrokenStreamError, EndpointError
from agent_knowledge.turn import Failed, Said, Turn
from agent_knowledge.types import Decision, Knowledge, Plan, Signals
from agent_knowledge.types.forms import Form

SCHEMA = '{"type": "object"}'
GOOD, BAD = "{}", "no json"
PLAN = Plan(examples="triage")
OWN = Knowledge(
    decision=Decision(
        strategy="few_shot", plan=PLAN, confidence=1.0, signals=Signals(need={}), agent="desk"
    ),
    system="own",
    prompt="Which queue?",
    form=Form(schema=SCHEMA),
)
TUNED = replace(
    OWN,
    system="tuned",
    decision=replace(OWN.decision, strategy="fine_tuned", plan=replace(PLAN, endpoint="ft")),
    fallback=OWN,
)
DOWN = Failed(error=EndpointError("down"))
HALF = Failed(error=EndpointError("down"), partial=True)
BROKEN = Failed(error=BrokenStreamError("broke off"))


def said(text: str, **more: bool) -> Said:
    return Said(text=text, model="m", **more)


def turn(knowledge: Knowledge, on_failure: str = "next_rung", *, fall: bool = True) -> Turn:
    return Turn(knowledge, Policy.model_validate({"on_failure": on_failure}), fall=fall)


def asked(made: Turn, *events: Said | Failed) -> list[str]:
    """Who was asked on the way through the events, and in which form: `own`, `tuned again`."""
    whom: list[str] = []
    for event in events:
        step = made.asks
        assert step
        whom.append(f"{step.knowledge.system} again" if step.repair else step.knowledge.system)
        made.feed(event)
    assert made.asks is None
    return whom


@pytest.mark.parametrize(
    ("knowledge", "events", "whom"),
    [
        (OWN, [said(GOOD)], ["own"]),
        (OWN, [said(BAD), said(GOOD)], ["own", "own again"]),
        (OWN, [said(BAD), said(BAD)], ["own", "own again"]),
        (OWN, [said(BAD, final=True)], ["own"]),
        (OWN, [said(BAD, structured=True)], ["own"]),
        (TUNED, [said(GOOD)], ["tuned"]),
        (TUNED, [said(BAD), said(GOOD)], ["tuned", "tuned again"]),
        (TUNED, [DOWN, said(GOOD)], ["tuned", "own"]),
        (TUNED, [said(BAD), DOWN, said(GOOD)], ["tuned", "tuned again", "own"]),
        (TUNED, [said(" "), said(GOOD)], ["tuned", "own"]),
        (TUNED, [said(BAD), said(BAD), said(GOOD)], ["tuned", "tuned again", "own"]),
        (
            TUNED,
            [said(BAD), said(BAD), said(BAD), said(GOOD)],
            ["tuned", "tuned again", "own", "own again"],
        ),
    ],
)
def test_what_is_said_leads_to_a_draft(
    knowledge: Knowledge, events: list[Said | Failed], whom: list[str]
) -> None:
    made = turn(knowledge)
    assert asked(made, *events) == whom
    draft, last = made.draft(), events[-1]
    assert isinstance(last, Said)
    assert (draft.text, draft.model) == (last.text, "m")
    assert bool(draft.faults) == (last.text == BAD and not last.structured)
    fell = whom[0] == "tuned" and "own" in whom
    assert len(draft.fallbacks) == fell
    assert draft.knowledge.system == whom[-1].partition(" ")[0]
    assert draft.knowledge.fallback is None
    told = (
        any(draft.fallbacks[0] in r.text for r in draft.knowledge.decision.reasons) if fell else 0
    )
    assert told == fell


@pytest.mark.parametrize(
    ("knowledge", "events", "error"),
    [
        (OWN, [DOWN], "down"),
        (OWN, [said(BAD), DOWN], "down"),
        (TUNED, [HALF], "down"),
        (TUNED, [BROKEN], "broke off"),
        (TUNED, [DOWN, DOWN], "down"),
    ],
)
def test_where_nothing_may_follow_the_turn_ends_in_the_error(
    knowledge: Knowledge, events: list[Said | Failed], error: str
) -> None:
    made = turn(knowledge)
    asked(made, *events)
    with pytest.raises(AgentKnowledgeError, match=error):
        made.draft()


@pytest.mark.parametrize("events", [[DOWN], [said(BAD), said(BAD)], [said(BAD, final=True)]])
@pytest.mark.parametrize("options", [{"on_failure": "raise"}, {"fall": False}])
def test_an_endpoint_that_is_measured_or_must_serve_is_followed_by_none(
    events: list[Said | Failed], options: dict[str, Any]
) -> None:
    made = turn(TUNED, **options)
    assert set(asked(made, *events)) <= {"tuned", "tuned again"}
    with pytest.raises(EndpointError):
        made.draft()


def test_the_models_form_is_an_error_under_on_failure_raise_alone() -> None:
    strict = turn(OWN, "raise")
    asked(strict, said(BAD), said(BAD))
    with pytest.raises(EndpointError, match=r"examples\.triage\.output_schema"):
        strict.draft()
    measured = turn(OWN, fall=False)
    asked(measured, said(BAD), said(BAD))
    assert measured.draft().faults


def test_only_what_nobody_saw_before_may_be_shown_in_pieces() -> None:
    made = turn(TUNED)
    seen: list[bool] = []
    for event in (DOWN, said(BAD), said(GOOD)):
        step = made.asks
        assert step
        seen.append(step.may_stream)
        made.feed(event)
    assert seen == [True, True, False]


def test_a_question_back_asks_no_model() -> None:
    asking = replace(OWN, decision=replace(OWN.decision, plan=replace(PLAN, clarify="Which one?")))
    made = turn(asking)
    assert made.asks is None
    assert (made.draft().text, made.draft().model) == ("Which one?", "")


def test_a_prompt_that_asks_again_has_what_was_said_and_what_is_wrong() -> None:
    made = turn(OWN)
    first = made.asks
    assert first
    made.feed(said(BAD))
    again = made.asks
    assert again
    *before, answer, repair = again.prompt
    assert before == first.prompt
    assert (answer.text, "no JSON" in repair.text) == (BAD, True)


def test_a_turn_that_is_not_over_has_no_draft() -> None:
    with pytest.raises(RuntimeError, match="not over"):
        turn(OWN).draft()
