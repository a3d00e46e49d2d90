"""An answer as it comes, and what the check of it found below."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, cast

from agent_knowledge.cli import show
from agent_knowledge.cli.progress import waiting
from agent_knowledge.cli.terminal import echo_lines, echo_rule
from agent_knowledge.types.answers import Answer

if TYPE_CHECKING:
    from agent_knowledge.answerer import Answerer
    from agent_knowledge.types import Task


def tell(answerer: Answerer, task: Task, *, footnotes: bool = False) -> Answer:
    """Print an answer piece by piece, a line across, and below it the answer as verified.

    Its text is not repeated where it is what was just read. It is another where a form was asked
    for again, a marker taken out, or a claim marked.

    Raises:
        AgentKnowledgeError: As `Answerer.answer`; what came before stands there.
    """
    said, stream = "", answerer.stream(task)
    with waiting("looking up"):
        last = first = next(stream)
    try:
        for last in chain((first,), stream):
            if isinstance(last, str):
                said += last
                echo_lines(last, end="")
    finally:
        if said:
            echo_lines("")
    answer = cast("Answer", last)  # with which a stream ends, or it raises
    text = show.footnotes(answer) if footnotes else show.answer(answer)
    same = said.strip() == answer.text.strip()
    echo_rule(_found(answer) if same else "as verified")
    if same:
        text = text[len(answer.text) :]
        text = text[len(text.plain) - len(text.plain.lstrip("\n")) :]
    if text:
        show.echo(text)
    return answer


def _found(answer: Answer) -> str:
    """What the check came to."""
    if answer.uncited or answer.ungrounded or not all(claim.supported for claim in answer.claims):
        return "verified, and not all of it holds"
    return "verified" if answer.claims else "nothing is cited"
