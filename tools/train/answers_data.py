"""Questions with the passages found for them: what the packaged model's choice is fitted to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from agent_knowledge import KnowledgeRouter
from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.types import Passage, Task
from tools.bench.agents import choose_weights
from tools.data.agent_folders import indexed
from tools.data.agents import read_agents
from tools.data.embedding import RememberingMiniLM
from tools.data.questions import opened, read_set
from tools.data.rows import read_rows

PASSAGES = 5
KINDS = ("covered", "gap")
FOLDER = Path(__file__).parents[2] / ".cache" / "answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCase:
    """A question, as the packaged model is asked it.

    Attributes:
        group: The agent or set that it is of: what is left out together.
        id: Unique in its group.
        kind: `covered` or `gap`.
        question: Its text.
        passages: As they are handed over, best first.
        relevant: Of each passage, whether its document is labelled as one that answers.
        doubtful: The router found that the sources may lack the answer.
        answers: Words that a span which answers holds, where the set has such.
    """

    group: str
    id: str
    kind: str
    question: str
    passages: tuple[WrittenPassage, ...]
    relevant: tuple[bool, ...]
    doubtful: bool
    answers: tuple[str, ...] = ()


def agent_cases(folder: Path) -> Iterator[AnswerCase]:
    """The covered and gap tasks of every agent below a folder, routed by weights without it.

    What was found is kept in `.cache/answers`, a file an agent; delete that to find it anew.
    """
    agents = read_agents(folder)
    _, weights_for = choose_weights(agents, packaged=False)
    for agent in agents:
        kept = FOLDER / f"{agent.name}.jsonl"
        if not kept.is_file():
            encoder, weights = weights_for(agent.name)
            with indexed(agent, encoder) as found:
                router = found.router(weights)
                cases = [
                    _prepared(
                        agent.name,
                        router,
                        one.task,
                        lambda passage, one=one: found.finds(one, [passage]),
                        one.kind,
                    )
                    for one in agent.tasks
                    if one.kind in KINDS
                ]
            _keep(cases, kept)
        yield from read_cases(kept)


def musique_cases(data: Path) -> list[AnswerCase]:
    """The questions of musique, with passages of its corpus.

    What answers holds the answer, or names the title of another supporting paragraph, which is how
    one look-up leads to the next.
    """
    kept = FOLDER / "musique.jsonl"
    if not kept.is_file():
        corpus, asked = read_set(data, "musique")
        titles = {str(row["id"]): str(row["title"]) for row in corpus}
        with opened(corpus, RememberingMiniLM()) as router:
            cases = [
                replace(
                    _prepared(
                        "musique",
                        router,
                        Task(case.question, id=str(number)),
                        lambda passage, case=case: passage.document in case.relevant,
                    ),
                    answers=(case.answer, *(titles[row] for row in sorted(case.relevant))),
                )
                for number, case in enumerate(asked)
            ]
        _keep(cases, kept)
    return read_cases(kept)


def conversation_cases(data: Path) -> Iterator[AnswerCase]:
    """The turns of mtrag that have passages; their kind is the turn's answerability.

    None of the unanswerable ones has any.
    """
    for row in read_rows(data / "answerability" / "mtrag.jsonl"):
        found = row["passages"][:PASSAGES]
        if found:
            yield AnswerCase(
                group="mtrag",
                id=row["id"],
                kind=row["answerability"],
                question=row["task"],
                passages=tuple(
                    WrittenPassage(number=n, title=p.get("title") or "", uri="", text=p["text"])
                    for n, p in enumerate(found, start=1)
                ),
                relevant=tuple(True for _ in found),
                doubtful=False,
            )


def _keep(cases: Iterable[AnswerCase], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(asdict(c))}\n" for c in cases), encoding="utf-8")


def read_cases(file: Path) -> list[AnswerCase]:
    """Read what `agent_cases` has kept."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        AnswerCase(
            **row
            | {
                "passages": tuple(WrittenPassage(**p) for p in row["passages"]),
                "relevant": tuple(row["relevant"]),
                "answers": tuple(row.get("answers", ())),
            }
        )
        for row in rows
    ]


def _prepared(
    group: str,
    router: KnowledgeRouter,
    task: Task,
    relevant: Callable[[Passage], bool],
    kind: str = "covered",
) -> AnswerCase:
    knowledge = router.prepare(replace(task, citations=True))
    return AnswerCase(
        group=group,
        id=task.id or "",
        kind=kind,
        question=task.text,
        passages=tuple(
            WrittenPassage(number=n, title=p.title, uri=p.uri, text=p.text)
            for n, p in enumerate(knowledge.passages, start=1)
        ),
        relevant=tuple(relevant(p) for p in knowledge.passages),
        doubtful=knowledge.decision.gap,
    )
