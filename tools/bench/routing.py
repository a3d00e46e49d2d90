"""Our router beside its peers, on three sets: one table of macro-F1, ECE and milliseconds a task.

    python -m tools.bench.routing --data ../shared/data --peers
    python -m tools.bench.routing --data ../shared/data --endpoint URL --endpoint-model NAME

need: real prompts; each family of prompts is judged by what was fitted to the others and to our own
prompts. dialogue: does this turn of a spoken dialogue need the FAQ. mixed agent: questions that its
documentation answers, requests that its examples show how to handle, and tasks that need neither.

The peers are fitted to the same rows of the need set (for dialogue to our own turns, as our head
for turns is), and read a task's text alone; those "with the examples" learn the inputs of the mixed
agent's example set too. The packaged calibration of coverage and match saw docs_rag's questions and
banking77's training half. Milliseconds are the median of at most 200 tasks, one at a time,
embedding included. Matrices are multiplied by one thread on all sides: so small ones gain nothing
by more, and lose much on a machine that is shared.

Where an endpoint is given, its model is a peer that is asked about every task; and our last row
asks it only about those that we are less sure of than `--ask-below`, whose share stands under that
row. The row's median time has no call in it where less than half of the tasks are asked about: what
a call costs, the model's own row says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from langchain_openai import ChatOpenAI
from openai import OpenAIError
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from agent_knowledge import KnowledgeRouter
from agent_knowledge.embedding.minilm import MiniLM
from tools.bench.peers import semantic_router_client
from tools.bench.peers.classifiers import CLASSIFIERS, judge_texts
from tools.bench.peers.endpoint import EndpointRouter, open_chat
from tools.bench.peers.semantic_router_client import SemanticRouter
from tools.bench.peers.verdict import Verdict
from tools.bench.routing_asking import Asking, shares
from tools.bench.routing_ours import Ours, indexed, open_routers
from tools.bench.routing_sets import FILES, RoutingSet, read_sets
from tools.data.embedding import RememberingMiniLM
from tools.train import need_data, need_model
from tools.train.need_data import Tasks

Method = Callable[[RoutingSet], Verdict | None]
"""Judges a set; None where it does not apply."""

_NAME_WIDTH = 38
_TOLD = ", with the examples"
_NO_GAPS = "+ history, gaps not retrieved"
"""Another reading of the same decisions, not one more signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all rows of the table share.

    Attributes:
        tasks: The need set and our own prompts.
        embedder: MiniLM, embedding each text once.
    """

    tasks: Tasks
    embedder: RememberingMiniLM


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--peers", action="store_true", help="install semantic-router for itself")
    parser.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible base URL")
    parser.add_argument("--endpoint-model", metavar="NAME", help="the model behind it")
    parser.add_argument(
        "--ask-below",
        type=_probability,
        default=0.6,
        metavar="P",
        help="have our router ask that model about decisions less sure than this (0.6)",
    )
    args = parser.parse_args()
    if bool(args.endpoint) != bool(args.endpoint_model):
        parser.error("--endpoint and --endpoint-model go together")
    absent = [file for file in FILES if not (args.data / file).is_file()]
    if absent:
        print(f"no {absent[0]} in {str(args.data)!r}: pass --data FOLDER")
        return
    chat = open_chat(args.endpoint, args.endpoint_model) if args.endpoint else None
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        worker = semantic_router_client.started(stack, install=args.peers)
        embedder = RememberingMiniLM()
        bench = Bench(
            tasks=need_data.read_tasks(args.data, cast("MiniLM", embedder)), embedder=embedder
        )
        sets = read_sets(args.data, bench.tasks)
        _print_head(sets)
        for name, method in peers(bench, worker):
            _print_row(name, method, sets)
        serves = chat and _print_endpoint(chat, args.endpoint, sets)
        config = stack.enter_context(indexed(args.data))
        _print_ours(ours(bench, open_routers(config)), sets)
        if chat and serves:
            made = Ours(bench.tasks, bench.embedder)
            _print_asking(Asking.opened(made, config, chat, args.ask_below), sets)
        print(f"\n{worker.how if worker else 'without semantic-router'}")
    print(f"{time.perf_counter() - started:.0f} s in all")


def peers(bench: Bench, worker: SemanticRouter | None) -> Iterator[tuple[str, Method]]:
    """What reads a task's text alone: each row's name and what judges."""
    judges: dict[str, Callable[[RoutingSet, Sequence[str]], Verdict]] = {
        name: partial(_by_text, bench, name) for name in CLASSIFIERS
    }
    if worker:
        judges["semantic-router"] = lambda one, shown: worker.judge(one, bench.tasks, shown)
    for name, judge in judges.items():
        yield name, lambda one, judge=judge: judge(one, ())
    for name, judge in list(judges.items())[1:]:  # the majority learns nothing from them
        yield (
            name + _TOLD,
            lambda one, judge=judge: judge(one, one.examples) if one.examples else None,
        )


def ours(bench: Bench, routers: Mapping[str, KnowledgeRouter]) -> Iterator[tuple[str, Method]]:
    """Our router with ever more signals, each row with those of the rows before it."""
    made = Ours(bench.tasks, bench.embedder)

    def routed(one: RoutingSet, *, history: bool, gaps: bool = True) -> Verdict | None:
        told = any(task.history for task in one.tasks)
        if one.agent is None or (history and not told):
            return None
        return made.route(one, routers[one.agent], history=history, gaps=gaps)

    yield "text only", made.text_only
    yield "+ structure", made.structure
    yield "+ coverage and match", partial(routed, history=False)
    yield "+ history", partial(routed, history=True)
    yield _NO_GAPS, partial(routed, history=True, gaps=False)


def score(one: RoutingSet, verdict: Verdict) -> tuple[float, float]:
    """Macro-F1 over the set's classes, and the expected calibration error; both 0..1."""
    options: Any = {"labels": one.classes, "average": "macro", "zero_division": 0}
    f1 = f1_score(one.gold, verdict.named, **options)
    right = np.array(one.gold) == np.array(verdict.named)
    return float(cast("float", f1)), need_model.calibration_error(verdict.confidence, right)


def _by_text(bench: Bench, name: str, one: RoutingSet, examples: Sequence[str]) -> Verdict:
    return judge_texts(one, bench.tasks, CLASSIFIERS[name], bench.embedder, examples)


def _probability(text: str) -> float:
    """Read a number within 0..1.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        msg = f"{text!r} is no number from 0 to 1"
        raise argparse.ArgumentTypeError(msg)
    return value


def _print_head(sets: Sequence[RoutingSet]) -> None:
    names = (f"{one.name}, {len(one.tasks)} tasks" for one in sets)
    print(" " * _NAME_WIDTH + " | ".join(f"{name:^23}" for name in names))
    print(" " * _NAME_WIDTH + " | ".join(f"{'macro-F1':>8}  {'ECE':>5}  {'ms':>6}" for _ in sets))


def _print_row(name: str, method: Method, sets: Sequence[RoutingSet]) -> None:
    _print_cells(name, [_cell(one, method(one)) for one in sets])


def _print_endpoint(chat: ChatOpenAI, url: str, sets: Sequence[RoutingSet]) -> bool:
    """The row of a model behind an endpoint; whether it served."""
    try:
        _print_row(chat.model_name, EndpointRouter(chat).judge, sets)
    except OpenAIError as error:
        print(f"{chat.model_name} at {url}: {error}", file=sys.stderr)
        return False
    return True


def _print_asking(asking: Asking, sets: Sequence[RoutingSet]) -> None:
    """Our router with a model beside it, and how many tasks that model was asked about."""
    verdicts = [asking.decide(one) for one in sets]
    paired = list(zip(sets, verdicts, strict=True))
    name = f"ours: asking the model below {asking.below:g}"
    _print_cells(name, [_cell(one, verdict) for one, verdict in paired])
    _print_cells("", [f"{shares(one, verdict):>23}" for one, verdict in paired])


def _print_ours(rows: Iterator[tuple[str, Method]], sets: Sequence[RoutingSet]) -> None:
    """Our router with every signal that a set has, then with fewer."""
    cells = {name: [_cell(one, method(one)) for one in sets] for name, method in rows}
    signals = [row for name, row in cells.items() if name != _NO_GAPS]
    measured = [[row[place] for row in signals if row[place]] for place in range(len(sets))]
    _print_cells("ours", [column[-1] for column in measured])
    for name, row in cells.items():
        _print_cells(f"ours: {name}", row)


def _print_cells(name: str, cells: Sequence[str | None]) -> None:
    shown = (cell or f"{'-':>8}{'':15}" for cell in cells)
    print(f"{name:{_NAME_WIDTH}}" + " | ".join(shown), flush=True)


def _cell(one: RoutingSet, verdict: Verdict | None) -> str | None:
    if verdict is None:
        return None
    f1, ece = score(one, verdict)
    return f"{f1:8.3f}  {ece:5.3f}  {verdict.ms:6.1f}"


if __name__ == "__main__":
    main()
