"""What changes when a constant of the package is halved, doubled or taken away.

    python -m tools.ablate retrieval.names.OWN retrieval.fusion.PARTS_WEIGHT --bench retrieval
    python -m tools.ablate text.STOP_WORDS --bench routing --data ../shared/data

A number is halved and doubled (`--by`), a whole one rounded; of a word list or a pattern nothing is
left. Each variant runs a bench on the development part, and what moves is printed. Benches:
`retrieval` (docs_rag, hotpot, musique, and turns of dialogues with their history), `routing`
(agents by weights that have not seen them; the fits are not made anew) and `examples` (the right
label among the shown ones, banking77 and clinc150). `--reindex` is for constants that an index is
built with.

The vectors are kept in `.cache`, so that only the first run takes long.
"""

from __future__ import annotations

import argparse
import importlib
import random
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from agent_knowledge import Message, Task
from agent_knowledge.errors import InputError
from agent_knowledge.types import Example
from tools.bench.agents import left_out, measure
from tools.bench.agents_table import Judged, figures
from tools.bench.examples import SETS as INTENTS
from tools.bench.examples import draw_examples, ours
from tools.bench.examples import measure as measure_choice
from tools.bench.retrieval import opened, router_over
from tools.data.agent_folders import indexed
from tools.data.agents import read_agents
from tools.data.embedding import RememberingMiniLM
from tools.data.measures import ranking_quality
from tools.data.retrieval import read_retrieval_sets
from tools.data.split import agents_of, read_part
from tools.train.folds import CACHE, OWN_AGENTS

PACKAGE = "agent_knowledge"
VECTORS = CACHE.parent / "ablate" / "vectors.npz"
OWN = ("click", "gardenshop", "hotel", "museum", "pulsewatch", "university")
"""Of our own agents, one with the documentation of a library and five with documents of a house."""
_FOUND, _SHOWN = 10, 5
_A_LABEL = 5
_UTTERANCES = 500
_NEVER = re.compile(r"(?!)")

Figures = Mapping[str, float]
Bench = Callable[[Path], AbstractContextManager[Callable[[], Figures]]]
"""Given the data folder: indexes what it needs, and gives what measures."""


@contextmanager
def retrieval(data: Path) -> Generator[Callable[[], Figures]]:
    """Ranking quality on questions, and on turns of dialogues with their history."""
    embedder = RememberingMiniLM(kept=VECTORS)
    asked = {
        one.name: (one.corpus, [(Task(q.text), q.relevant) for q in one.questions])
        for one in read_retrieval_sets(data, part="development")
    }
    turns = [
        (
            Task(row["task"], history=tuple(Message(**turn) for turn in row["history"])),
            frozenset(row["relevant"]),
        )
        for row in read_part(data, "dialogue/turns.jsonl", "development")
        if row["relevant"]
    ]
    asked["dialogue"] = (data / "dialogue/faq.jsonl", turns)
    with ExitStack() as stack:
        indexes = {
            name: stack.enter_context(opened(name, corpus, embedder))[1]
            for name, (corpus, _) in asked.items()
        }

        def measured() -> Figures:
            found: dict[str, float] = {}
            for name, (_, tasks) in asked.items():
                router = router_over(name, indexes[name], embedder)
                gold = [relevant for _, relevant in tasks]
                ten, five = (
                    ranking_quality(
                        [[p.document for p in router.retrieve(task, k)] for task, _ in tasks], gold
                    )
                    for k in (_FOUND, _SHOWN)
                )
                found |= {f"{name} nDCG@10": ten[0], f"{name} recall@5": five[1]}
            embedder.keep()
            return found

        yield measured


@contextmanager
def routing(data: Path) -> Generator[Callable[[], Figures]]:
    """How well agents are routed by weights that have not seen them."""
    shared = agents_of(read_agents(data / "agents"), "development")
    own = [agent for agent in read_agents(OWN_AGENTS) if agent.name in OWN]
    weights_for = left_out()
    with ExitStack() as stack:
        opened_agents = [
            (stack.enter_context(indexed(agent, encoder)), weights, encoder)
            for agent in (*shared, *own)
            for encoder, weights in [weights_for(agent.name)]
        ]

        def measured() -> Figures:
            parts: list[Judged] = []
            for here, weights, encoder in opened_agents:
                with here.router(weights) as router:
                    parts.append(measure(here, router))
                encoder.keep()
            of = figures(Judged.together(parts))
            whole = {"accuracy": of.accuracy, "macro-F1": of.macro_f1, "ECE": of.ece}
            shares = {**of.by_kind, "found": of.found}
            return {**whole, **{str(n): share for n, share in shares.items() if share is not None}}

        yield measured


@contextmanager
def examples(data: Path) -> Generator[Callable[[], Figures]]:
    """How often the right label is among five and ten examples shown, by set."""
    embedder = RememberingMiniLM(kept=VECTORS)

    def measured() -> Figures:
        found: dict[str, float] = {}
        for name, (train, _) in INTENTS.items():
            rows = [Example(**row) for row in read_part(data, train, "development")]
            pool = draw_examples(rows, _A_LABEL, seed=0)
            rest = [row for row in rows if row not in set(pool)]
            asked = random.Random(0).sample(rest, min(_UTTERANCES, len(rest)))
            for k in (_SHOWN, _FOUND):
                found[f"{name} among {k}"] = measure_choice(ours(pool, k, embedder), asked).found
        embedder.keep()
        return found

    yield measured


BENCHES: Mapping[str, Bench] = {"retrieval": retrieval, "routing": routing, "examples": examples}


def variants(value: object, by: float) -> Iterator[object]:
    """What a constant is set to: a part and a multiple of a number, of anything else nothing.

    Raises:
        InputError: It is neither a number nor a collection of words nor a pattern.
    """
    match value:
        case bool():
            yield not value
        case int():
            yield from (round(value / by), round(value * by))
        case float():
            yield from (value / by, value * by)
        case re.Pattern():
            yield _NEVER
        case frozenset() | tuple() | str():
            yield type(value)()  # pyright: ignore[reportUnknownVariableType]
        case _:
            msg = f"{value!r} is no number, word list or pattern: it can't be halved or taken away"
            raise InputError(msg)


def read(constant: str) -> Any:
    """The value of a constant, named as `retrieval.names.OWN`.

    Raises:
        InputError: There is none.
    """
    module, _, name = constant.rpartition(".")
    try:
        return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
    except (ImportError, AttributeError) as error:
        msg = f"no constant {constant!r} in {PACKAGE} ({error}); name it as 'retrieval.names.OWN'"
        raise InputError(msg) from error


@contextmanager
def replaced(constant: str, value: object) -> Generator[None]:
    """Set a constant in its module and, if it is public, wherever it was imported by its name."""
    module, _, name = constant.rpartition(".")
    own, home = read(constant), f"{PACKAGE}.{module}"
    holders = [
        known
        for key, known in sys.modules.items()
        if key == home
        or (
            key.startswith(f"{PACKAGE}.")
            and not name.startswith("_")
            and getattr(known, name, None) is own
        )
    ]
    for holder in holders:
        setattr(holder, name, value)
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, name, own)


def ablated(
    bench: Bench, data: Path, constants: Mapping[str, Sequence[object]], *, reindex: bool = False
) -> Iterator[tuple[str, Figures]]:
    """Run a bench as the package is, then with each variant of each constant.

    Args:
        bench: The bench.
        data: The data folder.
        constants: What each is set to, one after the other.
        reindex: Whether each variant is indexed anew.

    Yields:
        What was set to what, empty for the package as it is, and the figures.
    """
    with bench(data) as measured:
        yield "", measured()
        for constant, values in constants.items():
            for value in values:
                with replaced(constant, value), ExitStack() as stack:
                    run = stack.enter_context(bench(data)) if reindex else measured
                    yield f"{constant} {_called(value)}", run()


def main() -> None:
    """Print a line a variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("constants", nargs="+", help="as retrieval.names.OWN")
    parser.add_argument("--bench", choices=BENCHES, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--by", type=float, default=2.0, help="divided and multiplied by this (2)")
    parser.add_argument("--reindex", action="store_true", help="the index is built with them")
    args = parser.parse_args()
    constants = {name: list(variants(read(name), args.by)) for name in args.constants}
    if not args.data.is_dir():
        print(f"no data at {str(args.data)!r}: pass --data FOLDER")
        return
    usual: Figures = {}
    with threadpool_limits(1):
        for what, found in ablated(BENCHES[args.bench], args.data, constants, reindex=args.reindex):
            usual = usual or found
            print(f"{what}: {_moved(usual, found)}" if what else _line(found), flush=True)


def _called(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "without"


def _line(figures: Figures) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in figures.items())


def _moved(usual: Figures, found: Figures) -> str:
    moves = {name: f"{found[name] - usual[name]:+.3f}" for name in usual}
    told = [f"{name} {by}" for name, by in moves.items() if by.strip("+-0.")]
    return ", ".join(told) or "nothing moves"


if __name__ == "__main__":
    main()
