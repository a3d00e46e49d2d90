"""Values into HTML: every text that a page shows is escaped here, by its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agent_knowledge.build.states import SourceState
from agent_knowledge.citations.html import answer_css, render_html
from agent_knowledge.citations.notes import visible
from agent_knowledge.ledger import Trial
from agent_knowledge.page.notices import notices_of
from agent_knowledge.page.story import CALLED, Story
from agent_knowledge.page.talks import ShownTurn, Talk
from agent_knowledge.trials.pages import verdict
from agent_knowledge.types import STRATEGIES, Strategy, without_surrogates
from agent_knowledge.types.answers import Answer

_FOLDER = "agent_knowledge.page"
_STEPS = (
    (60, "second"),
    (60, "minute"),
    (24, "hour"),
    (30, "day"),
    (12, "month"),
    (1_000_000, "year"),
)
"""How many of a unit of time make the next one, roughly."""
_RUNGS: Mapping[str, str] = {
    "prompt": "Prompt",
    "few_shot": "Few-shot",
    "retrieval": "Retrieval",
    "retrieval+few_shot": "Retrieval + few-shot",
    "fine_tuned": "Fine-tuned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """An agent as the picker and an empty conversation show it.

    Attributes:
        name: Its name.
        description: What the configuration says of it.
        routes: The strategies that it has something for: what each is, and with what.
        suggestions: Questions to begin with.
    """

    name: str
    description: str
    routes: Sequence[tuple[Strategy, str, str]] = ()
    suggestions: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlace:
    """Where a reader is: what every page shows around its own part."""

    tab: str
    agent: AgentCard
    agents: Sequence[AgentCard]
    talk: str
    nonce: str


def chat_page(place: PagePlace, talk: Talk) -> str:
    """A conversation with the form to go on with."""
    return _render("chat.html", {"place": place, "talk": talk})


def sources_page(place: PagePlace, states: Sequence[SourceState], error: str) -> str:
    """The sources' state; `error` says why there is none to tell."""
    return _render("sources.html", {"place": place, "states": states, "error": error})


def ladder_page(place: PagePlace, trials: Sequence[Trial], error: str) -> str:
    """An agent's trials, newest first."""
    return _render("ladder.html", {"place": place, "trials": trials, "error": error})


def turn_html(turn: ShownTurn, talk: Talk) -> str:
    """One turn, to be put at the end of a conversation."""
    return _render("turn.html", {"turn": turn, "talk": talk})


def said_html(answer: Answer, story: Story, key: str) -> Markup:
    """What an answer shows beside its decision's story: chip, notices, text, citations.

    Args:
        answer: The answer.
        story: The story of its decision.
        key: What ids begin with; no other turn of the page has it.
    """
    body = Markup(render_html(answer, style=False, key=f"ak-{key}"))  # noqa: S704 - it escapes
    values = {
        "story": story,
        "key": key,
        "model": answer.model,
        "notices": notices_of(answer),
        "body": body,
    }
    return Markup(_render("said.html", values))  # noqa: S704 - it escapes


def story_html(story: Story, key: str) -> Markup:
    """The panel that tells a decision."""
    return Markup(_render("story.html", {"story": story, "key": key}))  # noqa: S704 - it escapes


def failed_html(reason: str) -> Markup:
    """What is shown in an answer's place."""
    return Markup(_render("failed.html", {"reason": reason}))  # noqa: S704 - it escapes


def ago(at: str, now: datetime | None = None) -> str:
    """How long an ISO time is past, in words."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return at
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    count = max(0.0, ((now or datetime.now(UTC)) - then).total_seconds())
    for size, unit in _STEPS:
        if count < size:
            whole = int(count)
            if unit == "second":
                return "just now"
            return f"{whole} {unit}{'' if whole == 1 else 's'} ago"
        count /= size
    return at


def sentence(text: str) -> str:
    """A text with a capital at its beginning, unless it begins with a name, such as `triage-ft`."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.rstrip(":,").isalpha() else text


def _render(template: str, values: Mapping[str, object]) -> str:
    return without_surrogates(_environment().get_template(template).render(values))


@cache
def _text(name: str) -> Markup:
    """A file of ours that goes into a page as it is."""
    file = resources.files(_FOLDER) / "templates" / name
    return Markup(file.read_text(encoding="utf-8"))  # noqa: S704 - ours


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # What would turn a text around, or act in it, is shown as a sign.
        finalize=_finalize,
    )
    known: dict[str, Any] = {
        "ago": ago,
        "answer_css": lambda: Markup(answer_css()),  # noqa: S704 - ours
        "called": CALLED,
        "file": _text,
        "rungs": _RUNGS,
        "sentence": sentence,
        "strategies": STRATEGIES,
        "verdict": verdict,
    }
    made.globals.update(known)  # pyright: ignore[reportUnknownMemberType]
    return made


def _finalize(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return visible(value) if isinstance(value, str) else value
