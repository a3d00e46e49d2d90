"""The form of an example set: how its tasks are put to a model, and how it is to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the tasks of a set are put, its examples shown, and its answers checked.

    Attributes:
        kind: Examples of a `pattern` are shown as earlier turns, those of a `style` as samples of
            a voice.
        order: Where the nearest example stands: `best_last`, next to the task, or `best_first`.
        instructions: What the model reads beside the agent's system prompt.
        before: What stands before a task in the user's turn.
        after: What stands behind it.
        schema: The JSON schema, as text, that an answer must satisfy; empty for none.
    """

    kind: Literal["pattern", "style"] = "pattern"
    order: Literal["best_last", "best_first"] = "best_last"
    instructions: str = ""
    before: str = ""
    after: str = ""
    schema: str = ""


def user_turn(form: Form, text: str) -> str:
    """Put a task, or the input of an example, as a user's turn."""
    return f"{form.before}{text}{form.after}"
