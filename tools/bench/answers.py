"""How good the answers are: words, citations, and saying so when the sources lack the answer.

    python -m tools.bench.answers --data ../shared/data
    python -m tools.bench.answers --data ../shared/data --endpoint URL --endpoint-model NAME

docs_rag and hotpot through the whole product: the corpus is indexed, an agent with `citations:
always` answers with the packaged extractive model, the citations are verified. The words of an
answer, without markers, are held against the written answer (SQuAD's token-F1), the documents that
it cites against those that hold the answer. Then each question is asked once more of an index
without its documents: the share that says so is printed beside. The baseline quotes the first
sentence of the best passage.

Then the tasks of the shared agents, and those turns of mtrag that have passages, on what was found
for them: how many are answered, citing what, and in what form.

With an endpoint, the model answers in its place, and beside it the same model given the same
passages by LangChain's retrieval chain.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from openai import OpenAIError

from agent_knowledge import KnowledgeRouter
from agent_knowledge.answerer import Answerer
from agent_knowledge.errors import EndpointError
from agent_knowledge.models.chat import Chat
from agent_knowledge.models.extractive import NOT_COVERED, ExtractiveChatModel
from agent_knowledge.text import sentences
from agent_knowledge.trials.scoring import token_f1
from tools.bench.answers_given import print_agents, print_conversations
from tools.bench.peers.endpoint import open_chat
from tools.data.embedding import RememberingMiniLM
from tools.data.questions import Case, opened, read_set, without

SETS = ("docs_rag", "hotpot")
PLAIN_PROMPT = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
    "context to answer the question. If you don't know the answer, just say that you don't know. "
    "Use three sentences maximum and keep the answer concise.\n\n{context}"
)
"""Of LangChain's documentation of its retrieval chains (langchain-classic 1.0)."""
_MARKERS = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer: its words without markers, and the ids of the documents that it cites."""

    text: str
    cited: frozenset[str]


Answers = Callable[[str], Said]
"""Given a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Means, 0..1.

    Attributes:
        token_f1: Over all questions; not answering counts as 0.
        precision: Share of the cited documents that hold the answer, over answers that cite; None
            where none does.
        recall: Share of the documents that hold the answer which are cited, over all questions.
        answered: Share of the questions that are answered, not by `NOT_COVERED` or nothing.
    """

    token_f1: float
    precision: float | None
    recall: float
    answered: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible base URL")
    parser.add_argument("--endpoint-model", metavar="NAME", help="the model behind it")
    parser.add_argument("--cases", type=int, default=30, help="of a set, for the model (30)")
    args = parser.parse_args()
    if bool(args.endpoint) != bool(args.endpoint_model):
        parser.error("--endpoint and --endpoint-model go together")
    chat = open_chat(args.endpoint, args.endpoint_model) if args.endpoint else None
    found = [name for name in SETS if (args.data / "retrieval" / name / "queries.jsonl").is_file()]
    if not found:
        print(f"no data at {str(args.data / 'retrieval')!r}: pass --data FOLDER")
    for name in found:
        corpus, cases = read_set(args.data, name)
        embedder = RememberingMiniLM()
        print_answers(name, corpus, cases, embedder)
        if chat:
            some = cases[:: max(1, len(cases) // args.cases)][: args.cases]
            print_model(chat, name, corpus, some, embedder)
    if (args.data / "agents").is_dir():
        print_agents(args.data / "agents", RememberingMiniLM())
    if (args.data / "answerability").is_dir():
        print_conversations(args.data, RememberingMiniLM())


def through_product(router: KnowledgeRouter, chat: Chat) -> Answers:
    """Answers of the whole product, with a model of its own."""
    answerer = Answerer(router, chat)

    def answered(question: str) -> Said:
        try:
            answer = answerer.answer(question)
        except EndpointError as error:
            if error.__cause__:  # it failed; without a cause it said nothing, as small models do
                raise
            return Said(text="", cited=frozenset())
        cited = frozenset(citation.passage.document for citation in answer.citations)
        return Said(text=_MARKERS.sub("", answer.text).strip(), cited=cited)

    return answered


def first_sentence(router: KnowledgeRouter) -> Answers:
    """The first sentence of the best passage, citing it."""

    def answered(question: str) -> Said:
        passage = router.prepare(question).passages[0]
        start, end = next(iter(sentences(passage.text)), (0, 0))
        return Said(text=passage.text[start:end], cited=frozenset({passage.document}))

    return answered


def plain_chain(router: KnowledgeRouter, chat: ChatOpenAI) -> Answers:
    """LangChain's retrieval chain on the passages that ours are shown; it cites nothing."""
    from langchain_classic.chains.combine_documents import (  # noqa: PLC0415 - the extra `bench`
        create_stuff_documents_chain,
    )

    prompt = ChatPromptTemplate.from_messages([("system", PLAIN_PROMPT), ("human", "{input}")])
    chain: Any = create_stuff_documents_chain(chat, prompt)

    def answered(question: str) -> Said:
        passages = router.prepare(question).passages
        documents = [Document(passage.text) for passage in passages]
        said = chain.invoke({"input": question, "context": documents})
        return Said(text=said.strip(), cited=frozenset())

    return answered


def extractive(embedder: RememberingMiniLM) -> Chat:
    """The packaged model."""
    return Chat(model=ExtractiveChatModel(embedder=embedder), name="extractive")


def is_answer(said: Said) -> bool:
    """Whether anything is said but that the passages do not answer."""
    return said.text not in {"", NOT_COVERED}


def measure(answers: Answers, cases: Sequence[Case]) -> Score:
    """Ask every question."""
    said = [answers(case.question) for case in cases]
    pairs = list(zip(said, cases, strict=True))
    cites = [(s.cited, case.relevant) for s, case in pairs if s.cited]
    return Score(
        token_f1=mean(
            token_f1(s.text, [case.answer]) if is_answer(s) else 0.0 for s, case in pairs
        ),
        precision=mean(len(c & right) / len(c) for c, right in cites) if cites else None,
        recall=mean(len(s.cited & case.relevant) / len(case.relevant) for s, case in pairs),
        answered=mean(is_answer(s) for s in said),
    )


def admitted(
    corpus: Sequence[Mapping[str, Any]], cases: Sequence[Case], embedder: RememberingMiniLM
) -> float:
    """Share of questions that are answered by `NOT_COVERED` where no document answers them."""
    said: list[str] = []
    for rest, asked in without(corpus, cases):
        with opened(rest, embedder) as router:
            answers = through_product(router, extractive(embedder))
            said += [answers(case.question).text for case in asked]
    return mean(text == NOT_COVERED for text in said)


def print_answers(
    name: str,
    corpus: Sequence[Mapping[str, Any]],
    cases: Sequence[Case],
    embedder: RememberingMiniLM,
) -> None:
    """The extractive model, beside the first sentence of the best passage."""
    print(f"{name}: {len(cases)} questions, {len(corpus)} documents")
    with opened(corpus, embedder) as router:
        product = measure(through_product(router, extractive(embedder)), cases)
        first = measure(first_sentence(router), cases)
    gaps = admitted(corpus, cases, embedder)
    print(f"{_line('extractive model', product)}  gaps admitted {gaps:.2f}")
    print(f"{_line('first sentence of the best passage', first)}  gaps admitted 0.00", flush=True)


def print_model(
    chat: ChatOpenAI,
    name: str,
    corpus: Sequence[Mapping[str, Any]],
    cases: Sequence[Case],
    embedder: RememberingMiniLM,
) -> None:
    """A chat model with our prompt, and with LangChain's plain one, on some of the questions."""
    print(f"{name}: {chat.model_name} answers {len(cases)} questions")
    with opened(corpus, embedder) as router:
        own = Chat(model=chat, name=chat.model_name)
        ways = {
            "our prompt, verified": lambda: through_product(router, own),
            "LangChain's retrieval chain": lambda: plain_chain(router, chat),
            "extractive model, the same": lambda: through_product(router, extractive(embedder)),
        }
        for way, answers in ways.items():
            try:
                print(_line(way, measure(answers(), cases)), flush=True)
            except ImportError as error:
                print(f"  {way}: {error.name} is missing; pip install -e '.[bench]'")
            except (EndpointError, OpenAIError) as error:
                print(f"{chat.model_name}: {type(error).__name__}", file=sys.stderr)
                return


def _line(way: str, score: Score) -> str:
    precision = "  -  " if score.precision is None else f"{score.precision:.3f}"
    return (
        f"  {way:36} token-F1 {score.token_f1:.3f}  citations: precision {precision}, "
        f"recall {score.recall:.3f}  answered {score.answered:.2f}"
    )


if __name__ == "__main__":
    main()
