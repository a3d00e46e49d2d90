"""Choosing examples, ours beside LangChain's two selectors: is the right label among those shown?

    python -m tools.bench.examples --data ../shared/data
    python -m tools.bench.examples --data ../shared/data --endpoint URL --endpoint-model NAME

banking77 (77 intents) and clinc150 (150): pools of five and of ten training examples a label, drawn
by chance, and test utterances. Every method reads the same MiniLM vectors, embedded beforehand, so
the milliseconds are those of choosing alone, one utterance at a time, on one thread. LangChain's
selectors search Chroma in memory, faster at these sizes than its own InMemoryVectorStore; MMR
chooses from the nearest 20, its default. Of clinc150, ten a label are all that there are: one draw.
The utterances are of the sets' own test parts; choices are made by `tools.ablate --bench examples`,
which asks for training rows that are not in the pool.

With an endpoint, a model is shown what each method chose of ten a label, and its answer counts as
right when its first line is the label and nothing else.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import cast
from uuid import uuid4

import numpy as np
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings
from langchain_core.example_selectors import (
    MaxMarginalRelevanceExampleSelector,
    SemanticSimilarityExampleSelector,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from openai import OpenAIError
from threadpoolctl import threadpool_limits

from agent_knowledge.prompts import EXAMPLE_ASSISTANT, EXAMPLE_USER, EXAMPLES_RULE
from agent_knowledge.retrieval.examples import StoredExamples
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.types import Example
from tools.bench.peers.endpoint import AT_ONCE, open_chat
from tools.data.embedding import RememberingMiniLM
from tools.data.rows import read_rows

SETS = {
    "banking77": ("intents/banking77/train.jsonl", "intents/banking77/test.jsonl"),
    "clinc150": ("intents/clinc150/train_10.jsonl", "intents/clinc150/test.jsonl"),
}
A_LABEL = (5, 10)
SHOWN = (5, 10)
SEED = 20261125
LONGEST_LABEL_TOKENS = 32

Choose = Callable[[str], Sequence[Example]]
"""The examples for an utterance, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is chosen from, and the utterances to choose for.

    Attributes:
        name: The set, and how many examples each label has.
        draws: Sets of examples, each drawn by chance.
        asked: Utterances with their labels.
    """

    name: str
    draws: tuple[tuple[Example, ...], ...]
    asked: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one method did.

    Attributes:
        found: Share of utterances whose label was among the shown, 0..1.
        ms: Of choosing, a mean.
    """

    found: float
    ms: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=3, help="pools of banking77 and of five (3)")
    parser.add_argument("--utterances", type=int, default=1000, help="of each test set (1000)")
    parser.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible base URL")
    parser.add_argument("--endpoint-model", metavar="NAME", help="the model behind it")
    parser.add_argument("--asked", type=int, default=200, help="utterances for the model (200)")
    args = parser.parse_args()
    if bool(args.endpoint) != bool(args.endpoint_model):
        parser.error("--endpoint and --endpoint-model go together")
    absent = [f for files in SETS.values() for f in files if not (args.data / f).is_file()]
    if absent:
        print(f"no {absent[0]} in {str(args.data)!r}: pass --data FOLDER")
        return
    embedder = RememberingMiniLM()
    with threadpool_limits(1, user_api="blas"):
        pools = [
            pool
            for name in SETS
            for pool in read_pools(args.data, name, args.draws, args.utterances)
        ]
        for pool in pools:
            print_found(pool, embedder)
        if args.endpoint:
            chat = open_chat(args.endpoint, args.endpoint_model)
            for pool in pools:
                if pool.name.endswith(f" {max(A_LABEL)} a label"):
                    print_answered(pool, embedder, chat, args.asked)


def read_pools(data: Path, name: str, draws: int, utterances: int) -> Iterator[Pool]:
    """Draw the pools of a set, and the utterances to choose for."""
    train, test = (
        tuple(Example(input=row["input"], output=row["output"]) for row in read_rows(data / file))
        for file in SETS[name]
    )
    asked = random.Random(SEED).sample(test, min(utterances, len(test)))
    for a_label in A_LABEL:
        made = {draw_examples(train, a_label, SEED + draw): None for draw in range(draws)}
        yield Pool(name=f"{name}, {a_label} a label", draws=tuple(made), asked=tuple(asked))


def draw_examples(train: Sequence[Example], a_label: int, seed: int) -> tuple[Example, ...]:
    """Draw as many examples of each label, in the file's order."""
    places: dict[str, list[int]] = {}
    for place, example in enumerate(train):
        places.setdefault(example.output, []).append(place)
    chance = random.Random(seed)
    drawn = [chance.sample(rows, min(a_label, len(rows))) for rows in places.values()]
    return tuple(train[place] for place in sorted(place for rows in drawn for place in rows))


def ours(examples: Sequence[Example], k: int, embedder: RememberingMiniLM) -> Choose:
    """The package's own choice."""
    vectors = embedder.embed([example.input for example in examples])
    stored = StoredExamples(name="pool", examples=tuple(examples), vectors=vectors, digest="")
    chooser = ExampleChooser.of(stored)
    return lambda text: chooser.choose(embedder.embed([text])[0], k, text)


def weighted(examples: Sequence[Example], k: int, embedder: RememberingMiniLM) -> Choose:
    """The package's own choice, half of it for the likeliest label."""
    vectors = embedder.embed([example.input for example in examples])
    stored = StoredExamples(name="pool", examples=tuple(examples), vectors=vectors, digest="")
    chooser = ExampleChooser.of(stored)
    return lambda text: chooser.choose(embedder.embed([text])[0], k, text, "weighted")


def similarity(examples: Sequence[Example], k: int, embedder: RememberingMiniLM) -> Choose:
    """LangChain's nearest examples."""
    selector = SemanticSimilarityExampleSelector(
        vectorstore=_store(examples, embedder), k=k, input_keys=["input"]
    )
    return lambda text: [Example(**row) for row in selector.select_examples({"input": text})]


def marginal(examples: Sequence[Example], k: int, embedder: RememberingMiniLM) -> Choose:
    """LangChain's examples by maximal marginal relevance."""
    selector = MaxMarginalRelevanceExampleSelector(
        vectorstore=_store(examples, embedder), k=k, input_keys=["input"]
    )
    return lambda text: [Example(**row) for row in selector.select_examples({"input": text})]


METHODS = {
    "ours, balanced": ours,
    "ours, weighted": weighted,
    "LangChain, semantic similarity": similarity,
    "LangChain, MMR": marginal,
}


def measure(choose: Choose, asked: Sequence[Example]) -> Figures:
    """Choose for every utterance."""
    started = time.perf_counter()
    chosen = [choose(example.input) for example in asked]
    ms = (time.perf_counter() - started) * 1000 / len(asked)
    found = [
        wanted.output in {example.output for example in shown}
        for wanted, shown in zip(asked, chosen, strict=True)
    ]
    return Figures(found=mean(found), ms=ms)


def print_found(pool: Pool, embedder: RememberingMiniLM) -> None:
    """How often each method shows the right label."""
    embedder.embed([example.input for example in pool.asked])
    print(f"{pool.name}: {len(pool.asked)} utterances, {_draws(pool)}")
    for name, method in METHODS.items():
        cells: list[str] = []
        for k in SHOWN:
            rows = [measure(method(draw, k, embedder), pool.asked) for draw in pool.draws]
            found, ms = mean(row.found for row in rows), mean(row.ms for row in rows)
            cells.append(f"label among {k}: {found:.3f}, {ms:5.2f} ms")
        print(f"  {name:32} {'   '.join(cells)}", flush=True)


def print_answered(pool: Pool, embedder: RememberingMiniLM, chat: ChatOpenAI, asked: int) -> None:
    """How often a model that is shown five answers with the right label."""
    sample = random.Random(SEED).sample(pool.asked, min(asked, len(pool.asked)))
    print(f"{pool.name}: {chat.model_name} answers {len(sample)} utterances, {SHOWN[0]} shown")
    for name, method in METHODS.items():
        choose = method(pool.draws[0], SHOWN[0], embedder)
        chosen = [choose(example.input) for example in sample]
        prompts = [
            messages(example.input, shown) for example, shown in zip(sample, chosen, strict=True)
        ]
        asked_for = chat.bind(stop=["\n"], max_tokens=LONGEST_LABEL_TOKENS)
        try:
            replies = asked_for.batch(list(prompts), {"max_concurrency": AT_ONCE})
        except OpenAIError as error:
            print(f"{chat.model_name}: {type(error).__name__}", file=sys.stderr)
            return
        right = [
            reply.text.strip() == example.output
            for reply, example in zip(replies, sample, strict=True)
        ]
        low, high = _interval(right)
        print(f"  {name:32} right {mean(right):.3f} ({low:.3f} to {high:.3f})", flush=True)


def messages(text: str, shown: Sequence[Example]) -> list[BaseMessage]:
    """The prompt that the package would write: the best example last."""
    pairs = (
        (
            HumanMessage(example.input, name=EXAMPLE_USER),
            AIMessage(example.output, name=EXAMPLE_ASSISTANT),
        )
        for example in reversed(shown)
    )
    turns = [message for pair in pairs for message in pair]
    return [SystemMessage(EXAMPLES_RULE), *turns, HumanMessage(text)]


def _store(examples: Sequence[Example], embedder: RememberingMiniLM) -> Chroma:
    return Chroma.from_texts(
        [example.input for example in examples],
        cast("Embeddings", embedder),
        metadatas=[{"input": example.input, "output": example.output} for example in examples],
        collection_name=uuid4().hex,
        collection_metadata={"hnsw:space": "cosine"},
    )


def _interval(right: Sequence[bool], rounds: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of a share."""
    drawn = np.random.default_rng(SEED).choice(np.array(right), (rounds, len(right)))
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _draws(pool: Pool) -> str:
    return "1 draw" if len(pool.draws) == 1 else f"{len(pool.draws)} draws"


if __name__ == "__main__":
    main()
