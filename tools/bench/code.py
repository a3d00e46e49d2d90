"""How well functions are found in a folder of Python files, cut by their structure or as text.

    python -m tools.bench.code --library pypdf rich
    python -m tools.bench.code --library pypdf rich --maxsim --questions 150

The files are those of an installed library, without their docstrings. A question is the first line
of a function's docstring, and what answers it are the passages that have the function's first line.
With `--maxsim` they are also put into the order of the packaged reranker.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from pathlib import Path

from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.retrieval.maxsim import MaxSim
from agent_knowledge.retrieval.reading import code
from agent_knowledge.types import Passage
from agent_knowledge.types.search import Query
from tools.data.embedding import RememberingMiniLM
from tools.data.measures import ranking_quality

_WORDS = 3
"""Of a docstring's first line at least: less of one asks for nothing."""
_RANKED = 50
_SHOWN = (4_000, 8_000)
_GOLD = "gold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and where the function stands that answers it: its file, and its line from 1."""

    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScore:
    """How well functions were found: by rank, and by how much text has to be shown."""

    ndcg_at_10: float
    recall_at_5: float
    within: dict[int, float]
    passages: int


_WAYS: dict[str, dict[str, object]] = {
    "by structure": {},
    "names not in words": {"spoken": lambda _: ""},
    "as text": {"SUFFIXES": frozenset[str]()},
}
"""What is set otherwise in `retrieval.reading.code`."""


def main() -> None:
    """Measure each library each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", dest="libraries", nargs="+", required=True)
    parser.add_argument("--maxsim", action="store_true", help="only by structure, then reranked")
    parser.add_argument("--questions", type=int, help="of each library, evenly drawn; default: all")
    args = parser.parse_args()
    embedder = RememberingMiniLM()
    ways = {"by structure": _WAYS["by structure"]} if args.maxsim else _WAYS
    for library in args.libraries:
        with tempfile.TemporaryDirectory() as folder:
            asked = list(_copied(_folder_of(library), Path(folder)))
            count = min(args.questions or len(asked), len(asked))
            questions = [asked[n * len(asked) // count] for n in range(count)]
            print(f"{library}: {len(questions)} questions")
            for way, settings in ways.items():
                before = {name: getattr(code, name) for name in settings}
                for name, value in settings.items():
                    setattr(code, name, value)
                rerankers = (None, MaxSim(embedder)) if args.maxsim else (None,)
                scores = _measured(Path(folder), questions, embedder, rerankers)
                for name, value in before.items():
                    setattr(code, name, value)
                for reranker, score in zip(rerankers, scores, strict=True):
                    _print(reranker.name if reranker else way, score)


def _print(way: str, score: CodeScore) -> None:
    within = ", ".join(f"{share:.3f} in {most:,}" for most, share in score.within.items())
    print(
        f"  {way:20} {score.passages:5} passages  nDCG@10 {score.ndcg_at_10:.3f}  "
        f"recall@5 {score.recall_at_5:.3f}  characters shown: {within}",
        flush=True,
    )


def _folder_of(library: str) -> Path:
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        msg = f"{library!r} is no installed package"
        raise SystemExit(msg)
    return Path(spec.submodule_search_locations[0])


def _copied(library: Path, folder: Path) -> Iterator[Asked]:
    """Copy a library's files without their docstrings; the questions that these ask."""
    for file in sorted(library.rglob("*.py")):
        place = file.relative_to(library)
        source = file.read_text(encoding="utf-8")
        text, asked = _without_docstrings(source)
        copy = folder / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        if text.strip():
            copy.write_text(text, encoding="utf-8")
        for question, line in asked:
            yield Asked(text=question, file=str(place), line=line)


def _without_docstrings(source: str) -> tuple[str, list[tuple[str, int]]]:
    """A file without docstrings, and the first line of each with the line of its function."""
    lines = source.split("\n")
    dropped: set[int] = set()
    held: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        said = ast.get_docstring(node)
        if said is None:
            continue
        first, last = node.body[0].lineno - 1, node.body[0].end_lineno or 0
        if len(node.body) == 1:  # without it there would be no body
            indent = len(lines[first]) - len(lines[first].lstrip())
            lines[first] = f"{' ' * indent}..."
            first += 1
        dropped |= set(range(first, last))
        question = said.split("\n", maxsplit=1)[0]
        if not isinstance(node, ast.Module | ast.ClassDef) and len(question.split()) >= _WORDS:
            held.append((question, node.lineno))
    kept = [line for number, line in enumerate(lines) if number not in dropped]
    return "\n".join(kept), [
        (question, line - sum(gone < line - 1 for gone in dropped)) for question, line in held
    ]


def _measured(
    folder: Path,
    questions: Sequence[Asked],
    embedder: RememberingMiniLM,
    rerankers: Sequence[MaxSim | None],
) -> list[CodeScore]:
    """A score for each way of putting what is found into its last order."""
    found: list[tuple[Passage, ...]] = []
    with tempfile.TemporaryDirectory() as store:
        with Indexer(Path(store), embedder) as indexer:
            report = indexer.index("code", folder)
        with SourceIndex(Path(store), embedder.name) as index:
            vectors = embedder.embed([question.text for question in questions])
            for question, vector in zip(questions, vectors, strict=True):
                query = Query(text=question.text, vector=vector)
                ranked = fuse([index.search([query], ["code"], _RANKED)[0]["code"]])
                found.append(index.passages(ranked[:_RANKED]))
    return [_scored(questions, found, reranker, report.passages) for reranker in rerankers]


def _scored(
    questions: Sequence[Asked],
    found: Sequence[tuple[Passage, ...]],
    reranker: MaxSim | None,
    stored: int,
) -> CodeScore:
    orders: list[list[str]] = []
    sizes: list[float] = []
    for question, passages in zip(questions, found, strict=True):
        scores = reranker.scores(question.text, passages) if reranker else range(0, -_RANKED, -1)
        ranked = sorted(zip(scores, passages, strict=False), key=lambda scored: -scored[0])
        held = [_holds(passage, question) for _, passage in ranked]
        orders.append([_GOLD if holds else str(n) for n, holds in enumerate(held)])
        shown = accumulate(len(passage.text) for _, passage in ranked)
        sizes.append(next(compress(shown, held), float("inf")))
    ndcg, recall = ranking_quality(orders, [[_GOLD]] * len(orders))
    return CodeScore(
        ndcg_at_10=ndcg,
        recall_at_5=recall,
        within={most: sum(size <= most for size in sizes) / len(sizes) for most in _SHOWN},
        passages=stored,
    )


def _holds(passage: Passage, question: Asked) -> bool:
    """Whether a passage has the first line of the function that is asked for."""
    first, last = passage.lines or (0, 0)
    return passage.document == question.file and first <= question.line <= last


if __name__ == "__main__":
    main()
