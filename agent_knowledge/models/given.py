"""What a message gives a model to work with: as data beside its text, or read from the text.

Whoever writes a prompt knows its rules, passages and examples; the packaged model is given them as
they are, and looks for sentences only where a prompt came as text, as a copied one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agent_knowledge.prompts import (
    ASK_RULE,
    RULES,
    WrittenPassage,
    holds_knowledge,
    in_order,
    one_line,
    read_examples,
    read_passages,
    split_prompt,
)
from agent_knowledge.types import Example, Knowledge

DATA = "agent_knowledge"
"""Where a message carries, beside its text, what the text was written from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one message gives a model, passed as data or read from its text.

    Attributes:
        task: The request; empty in a tool's message.
        rules: The rules that go with it.
        passages: Numbered as they are shown.
        examples: Worked examples of a pattern, in the order in which they are shown.
        ask: A question to put to the user instead of answering.
        ours: This package wrote it.
    """

    task: str = ""
    rules: frozenset[str] = frozenset()
    passages: tuple[WrittenPassage, ...] = ()
    examples: tuple[Example, ...] = ()
    ask: str = ""
    ours: bool = True


def to_data(knowledge: Knowledge) -> dict[str, Any]:
    """What a user's turn was written from, as plain JSON beside its text.

    A chat model of ours reads it there; no provider is sent it.
    """
    form, task = knowledge.form, split_prompt(knowledge.prompt)[1]
    return {
        "rules": [*knowledge.rules],
        "task": task.removeprefix(form.before).removesuffix(form.after),
        "passages": [
            {"number": n, "title": p.title, "uri": p.uri, "text": p.text}
            for n, p in enumerate(knowledge.passages, start=1)
        ],
        "examples": [
            {"input": e.input, "output": e.output} for e in in_order(knowledge.examples, form.order)
        ],
    }


def given_by_data(data: object) -> Given | None:
    """What `to_data`, or the artifact of a `KnowledgeTool`, says; None where it is neither."""
    if not isinstance(data, Mapping):
        return None
    row = cast("Mapping[str, Any]", data)
    try:
        rules = frozenset[str](row["rules"])
        shown = () if "style" in rules else row["examples"]
        return Given(
            task=row.get("task", ""),
            rules=rules,
            passages=tuple(
                WrittenPassage(
                    number=p["number"],
                    title=one_line(p["title"]),
                    uri=one_line(p["uri"]),
                    text=p["text"],
                )
                for p in row["passages"]
            ),
            examples=tuple(Example(input=e["input"], output=e["output"]) for e in shown),
            ask=row.get("decision", {}).get("plan", {}).get("clarify") or "",
        )
    except (KeyError, TypeError, AttributeError):
        return None


def given_by_text(text: str, rules_text: str | None = None) -> Given:
    """What a text says that this module wrote, or any other, as a prompt that was copied does.

    Args:
        text: A user's turn, or a tool's message.
        rules_text: Where the rules stand, such as a system prompt; None for the text itself.
    """
    rules_text = text if rules_text is None else rules_text
    return Given(
        task=split_prompt(text)[1],
        rules=frozenset(name for name, sentence in RULES.items() if sentence in rules_text),
        passages=read_passages(text),
        examples=read_examples(text),
        ask=text.removeprefix(ASK_RULE) if text.startswith(ASK_RULE) else "",
        ours=holds_knowledge(text),
    )
