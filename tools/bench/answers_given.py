"""The packaged model on given passages: agents' tasks, and conversations that go beyond theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from langchain_core.messages import HumanMessage

from agent_knowledge.models.extractive import NOT_COVERED, ExtractiveChatModel
from agent_knowledge.models.given import DATA
from agent_knowledge.text import sentences
from tools.data.embedding import RememberingMiniLM
from tools.train.answers_data import AnswerCase, agent_cases, conversation_cases

KINDS = ("answerable", "partial", "underspecified", "unanswerable")
_MARKER = re.compile(r"\s*\[(\d+)\]")
_CODE = re.compile(r"```\n.*?\n```|(?<!`)`[^`\n]+`(?!`)", re.DOTALL)
_MARKUP = re.compile(r"```|</?\w[^<>]*>|\]\(|\*\*|\|\s*-{2,}|\A\W*\|")
"""Outside of whole code: half a fence, a tag, half a link, emphasis, half a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was answered to a case: its text, and the numbers of the passages that it cites."""

    case: AnswerCase
    text: str
    cited: frozenset[int]

    @property
    def answers(self) -> bool:
        """Whether it is more than that the passages do not answer."""
        return self.text != NOT_COVERED

    @property
    def right(self) -> bool:
        """Whether it cites a passage of a document that answers."""
        return any(r and n in self.cited for n, r in enumerate(self.case.relevant, start=1))

    @property
    def plain(self) -> str:
        """Its words, without markers and whole code."""
        return _CODE.sub("", _MARKER.sub("", self.text))


def print_agents(folder: Path, embedder: RememberingMiniLM) -> None:
    """Covered and gap tasks of agents: share answered, and how."""
    given = list(answered(agent_cases(folder), embedder))
    for kind in ("covered", "gap"):
        print(_line(f"agents: {kind}", [g for g in given if g.case.kind == kind]), flush=True)


def print_conversations(data: Path, embedder: RememberingMiniLM) -> None:
    """Turns of conversations, by whether their passages answer."""
    given = list(answered(conversation_cases(data), embedder))
    for kind in KINDS:
        print(_line(f"mtrag: {kind}", [g for g in given if g.case.kind == kind]), flush=True)


def answered(cases: Iterable[AnswerCase], embedder: RememberingMiniLM) -> Iterator[Given]:
    """Ask the packaged model, which is told of a gap as the product would tell it."""
    model = ExtractiveChatModel(embedder=embedder)
    for case in cases:
        data = {
            "rules": ["gap"] if case.doubtful else [],
            "task": case.question,
            "passages": [
                {"number": p.number, "title": p.title, "uri": p.uri, "text": p.text}
                for p in case.passages
            ],
            "examples": [],
        }
        text = model.invoke([HumanMessage(case.question, additional_kwargs={DATA: data})]).text
        cited = frozenset(int(n) for n in _MARKER.findall(text))
        yield Given(case=case, text=text, cited=cited)


def _line(title: str, given: Sequence[Given]) -> str:
    said = [g for g in given if g.answers]
    if not said:
        return f"{title:24} {len(given):4}  answered 0.00"
    right = mean(g.right for g in said)
    count = mean(len(sentences(g.plain)) for g in said)
    marked = mean(_MARKUP.search(g.plain) is not None for g in said)
    code = mean("```\n" in g.text for g in said)
    return (
        f"{title:24} {len(given):4}  answered {len(said) / len(given):.2f}, citing a document that "
        f"answers {right:.2f}; sentences {count:.1f}, with code {code:.2f}, "
        f"broken markup {marked:.2f}"
    )
