"""What the packaged support check accepts: true claims, and claims made false on purpose.

    python -m tools.bench.citations --data ../shared/data

Claims are sentences of the corpora (`verbatim`), the same with one fact changed, and the answers
of docs_rag, written in their writer's own words, cited to their gold passages and to others.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_knowledge.citations.support import overlap_support
from agent_knowledge.text import content_words, sentences

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_AUXILIARY = re.compile(r" (is|are|was|were|can|will|has|have|should|does) (?!not\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A claim and the passage that it cites."""

    claim: str
    passage: Mapping[str, str]


def main() -> None:
    """Print the share of accepted claims, a line per corpus and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cases", type=int, default=500, help="at most, per kind")
    parser.add_argument("--show", metavar="KIND", help="print this kind's wrongly judged claims")
    args = parser.parse_args()
    folder: Path = args.data / "retrieval"
    if not folder.is_dir():
        print(f"no data at {folder}: pass --data FOLDER")
        return
    for corpus in ("docs_rag", "hotpot", "musique"):
        rows = _rows(folder / corpus / "corpus.jsonl")
        queries = _rows(folder / corpus / "queries.jsonl")
        for kind, cases in _kinds(rows, queries, own_words=corpus == "docs_rag"):
            _report(f"{corpus:9}", kind, cases[: args.cases], show=args.show == kind)


def _report(corpus: str, kind: str, cases: Sequence[Case], *, show: bool) -> None:
    started = time.perf_counter()
    verdicts = [overlap_support(c.claim, c.passage["text"], c.passage["title"]) for c in cases]
    elapsed_ms = (time.perf_counter() - started) * 1000 / max(len(cases), 1)
    accepted = sum(v.supported for v in verdicts) / max(len(cases), 1)
    print(f"{corpus} {kind:24} accepted {accepted:.3f} of {len(cases):4}  {elapsed_ms:.2f} ms each")
    wanted = kind in {"verbatim", "own words"}
    for case, verdict in zip(cases, verdicts, strict=True):
        if show and verdict.supported != wanted:
            print(f"    {verdict.score:.2f} {case.claim!r} <- {case.passage['title']!r}")


def _kinds(
    rows: Sequence[Mapping[str, str]], queries: Sequence[Mapping[str, str]], *, own_words: bool
) -> Iterator[tuple[str, list[Case]]]:
    draw = random.Random(7)
    true = [
        Case(claim=text, passage=row)
        for row in rows
        for text in (row["text"][a:b] for a, b in sentences(row["text"]))
        if len(content_words(text)) >= 5 and len(text) < 400 and text != row["title"]
    ]
    draw.shuffle(true)
    yield "verbatim", true
    yield "number changed", list(_changed(true, lambda c: _change_number(c, draw)))
    yield "number of the passage", list(_changed(true, lambda c: _swap(c, _NUMBER, draw)))
    yield "name of the passage", list(_changed(true, lambda c: _swap(c, _NAME, draw)))
    yield "negation inserted", list(_changed(true, _negate))
    yield (
        "source swapped",
        [
            Case(claim=c.claim, passage=other)
            for c in true
            if c.claim not in (other := draw.choice(rows))["text"]
        ],
    )
    if own_words:
        yield from _own_words(rows, queries, draw)


def _own_words(
    rows: Sequence[Mapping[str, str]], queries: Sequence[Mapping[str, str]], draw: random.Random
) -> Iterator[tuple[str, list[Case]]]:
    by_id = {row["id"]: row for row in rows}
    right: list[Case] = []
    wrong: list[Case] = []
    for query in queries:
        gold = [by_id[i] for i in query["relevant"] if i in by_id]
        joined = {"title": "", "text": "\n\n".join(f"{r['title']}\n\n{r['text']}" for r in gold)}
        other = draw.choice([row for row in rows if row["id"] not in query["relevant"]])
        for start, end in sentences(query["answer"]):
            claim = query["answer"][start:end]
            right.append(Case(claim=claim, passage=joined))
            wrong.append(Case(claim=claim, passage=other))
    yield "own words", right
    yield "own words, wrong source", wrong


def _changed(cases: Sequence[Case], change: Callable[[Case], str | None]) -> Iterator[Case]:
    for case in cases:
        claim = change(case)
        if claim and claim not in case.passage["text"]:
            yield Case(claim=claim, passage=case.passage)


def _change_number(case: Case, draw: random.Random) -> str | None:
    found = list(_NUMBER.finditer(case.claim))
    if not found:
        return None
    match = draw.choice(found)
    digits = match.group().replace(",", "")
    changed = str(int(float(digits)) + draw.randint(1, 40)) if digits.count(".") < 2 else "9.9.9"
    if re.search(rf"(?<!\d){changed}(?!\d)", case.passage["text"]):
        return None
    return case.claim[: match.start()] + changed + case.claim[match.end() :]


def _swap(case: Case, kind: re.Pattern[str], draw: random.Random) -> str | None:
    """Put another number or name of the same passage, foreign to the sentence, into the claim."""
    found = list(kind.finditer(case.claim))
    others = sorted(set(kind.findall(case.passage["text"])) - set(kind.findall(case.claim)))
    others = [other for other in others if other not in case.claim]
    if not found or not others:
        return None
    match = draw.choice(found)
    return case.claim[: match.start()] + draw.choice(others) + case.claim[match.end() :]


def _negate(case: Case) -> str | None:
    claim, count = _AUXILIARY.subn(r" \1 not ", case.claim, count=1)
    return claim if count else None


def _rows(path: Path) -> list[Mapping[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
