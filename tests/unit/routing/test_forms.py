from __future__ import annotations

import pytest

from agent_knowledge.config import AgentProfile, ExampleSetConfig
from agent_knowledge.config.templates import Template
from agent_knowledge.errors import ConfigError
from agent_knowledge.prompts import GAP_RULE, JSON_RULE, written
from agent_knowledge.routing.resources import form_of
from agent_knowledge.types import Decision, Knowledge, Plan, RuleName, Signals
from agent_knowledge.types.forms import Form, user_turn
from tests.unit.fakes import Examples, unit

LABELLED = Examples.of(
    ("charged twice", "billing", unit(1, 0)),
    ("paid again", "billing", unit(1, 1)),
    ("parcel lost", "shipping, express", unit(0, 1)),
    ("parcel late", "shipping, express", unit(1, 2)),
)
OPEN = Examples.of(("a", "One answer, {{agent}}.", unit(1, 0)), ("b", "Another.", unit(0, 1)))
SCHEMA = '{"type": "string"}'


def agent(template: Template | None, schema: str = "", **spec: str) -> AgentProfile:
    return AgentProfile(
        name="desk",
        examples={"triage": ExampleSetConfig.model_validate({"file": "t", **spec})},
        templates={"triage": template} if template else {},
        schemas={"triage": schema} if schema else {},
        variables={"shop": "Lumen"},
    )


def form(template: Template | None, schema: str = "", **spec: str) -> Form:
    return form_of(agent(template, schema, **spec), "triage", LABELLED)


def system_text(prompt: str, form: Form, rules: tuple[RuleName, ...] = ()) -> str:
    """What stands in the system prompt for a task of a set."""
    decision = Decision(strategy="direct", plan=Plan(), confidence=1, signals=Signals(need={}))
    knowledge = Knowledge(decision=decision, instructions=prompt, rules=rules, form=form)
    return written(knowledge, "How long?").system


def test_a_set_without_template_puts_its_tasks_as_they_are():
    plain = form(None, kind="style", order="best_first")
    assert user_turn(plain, "How {{long}}?") == "How {{long}}?"
    assert (plain.kind, plain.order, plain.instructions) == ("style", "best_first", "")
    assert system_text("Be brief.", plain) == "Be brief."
    assert system_text("", plain) == ""


def test_everything_but_the_task_is_put_in_once():
    made = form(
        Template(
            instructions="{{agent}} of {{shop}}: {{description}}. One of:\n{{labels}}",
            turn="<{{shop}}> {{input}}\nQueue:",
        ),
        description="Sort tickets",
    )
    assert made.instructions == "desk of Lumen: Sort tickets. One of:\nbilling\nshipping, express"
    assert user_turn(made, "{{shop}} {{input}}") == "<Lumen> {{shop}} {{input}}\nQueue:"


@pytest.mark.parametrize("part", ["instructions", "turn"])
def test_labels_of_a_set_that_has_none_are_refused_by_the_key(part: str):
    template = Template(**{"turn": "{{input}}", part: "{{labels}} {{input}}"})  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match=r"^examples\.triage\.template: \{\{labels\}\} needs"):
        form_of(agent(template), "triage", OPEN)


def test_a_schema_is_told_once_wherever_the_template_puts_it():
    told = system_text("Be brief.", form(None, SCHEMA), ("gap",))
    assert told == f"Be brief.\n\n{GAP_RULE}\n\n{JSON_RULE} The schema:\n{SCHEMA}"
    above = form(Template(instructions="As {{schema}}."), SCHEMA)
    assert system_text("", above) == f"As {SCHEMA}.\n\n{JSON_RULE}"
    below = form(Template(turn="{{input}} as {{schema}}"), SCHEMA)
    assert system_text("", below) == JSON_RULE
