"""What the packaged support check accepts: true claims, and claims made false on purpose.

    python -m tools.bench.citations --data ../shared/data

Claims are sentences of the corpora (`verbatim`), the same with one fact changed, and the answers
of docs_rag, written in their writer's own words, cited to their gold passages and to others, with
and without a changed fact. The check is not fitted to any of them. Beside it stands plain word
overlap: half of the claim's content words, stemmed, in the passage.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import Stemmer

from agent_knowledge.citations.entailment import Support, SupportCheck
from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.text import content_words
from tools.bench.citations_cases import Case, Kind, corpus_kinds, own_words_kinds
from tools.data.embedding import RememberingMiniLM

CORPORA = ("docs_rag", "hotpot", "musique")
OWN_WORDS = "docs_rag"
ANSWERS = 100
SENTENCES = 5
TARGET_MS = 10.0


def main() -> None:
    """Print the share of accepted claims, a line per corpus and kind, and the time of answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cases", type=int, default=500, help="at most, per kind")
    parser.add_argument("--show", metavar="KIND", help="print this kind's wrongly judged claims")
    args = parser.parse_args()
    folder: Path = args.data / "retrieval"
    if not folder.is_dir():
        print(f"no data at {folder}: pass --data FOLDER")
        return
    check, by_words = SupportCheck(RememberingMiniLM()), SupportCheck()
    print(f"{'':36}{'cases':>6}{'target':>9}{'check':>8}{'words only':>12}{'overlap':>9}")
    verbatim: list[Case] = []
    own: list[Case] = []
    for corpus in CORPORA:
        rows = _rows(folder / corpus / "corpus.jsonl")
        kinds = corpus_kinds(rows)
        verbatim += kinds[0].cases[:ANSWERS]
        if corpus == OWN_WORDS:
            written = own_words_kinds(rows, _rows(folder / corpus / "queries.jsonl"))
            own = written[0].cases
            kinds += written
        for kind in kinds:
            _report(corpus, kind, args.cases, (check, by_words))
            if args.show == kind.name:
                _show(kind, args.cases, check)
    _report_time("verbatim", verbatim)
    _report_time("in own words", own)


def plain_overlap(case: Case) -> bool:
    """The baseline: half of the claim's content words, stemmed, stand in the passage or title."""
    stem = Stemmer.Stemmer("english").stemWords
    asked = set(stem(content_words(case.claim)))
    held = set(stem(content_words(f"{case.title} {case.text}")))
    return bool(asked) and len(asked & held) >= len(asked) / 2


def _report(corpus: str, kind: Kind, most: int, checks: Sequence[Support]) -> None:
    cases = kind.cases[:most]
    count = max(len(cases), 1)
    shares = [
        sum(check(c.claim, c.text, c.title).supported for c in cases) / count for check in checks
    ]
    shares.append(sum(map(plain_overlap, cases)) / count)
    mark = " " if kind.met(shares[0]) else "!"
    print(
        f"{corpus:9} {kind.name:26}{len(cases):6}{kind.wanted:>9}"
        f"{shares[0]:8.3f}{mark}{shares[1]:11.3f}{shares[2]:9.3f}"
    )


def _show(kind: Kind, most: int, check: Support) -> None:
    for case in kind.cases[:most]:
        judged = check(case.claim, case.text, case.title)
        if judged.supported != kind.true:
            print(f"    {judged.score:.2f} {judged.reason} {case.claim!r} <- {case.title!r}")


def _report_time(name: str, cases: Sequence[Case]) -> None:
    """Time answers of five sentences about passages that were read and embedded before."""
    shuffled = random.Random(5).sample(cases, len(cases))
    answers = [shuffled[at : at + SENTENCES] for at in range(0, len(shuffled), SENTENCES)]
    check = SupportCheck(MiniLM())
    elapsed_ms: list[float] = []
    for answer in answers[:ANSWERS]:
        for case in answer:
            check.prepare(case.text, case.title)
        started = time.perf_counter()
        for case in answer:
            check(case.claim, case.text, case.title)
        elapsed_ms.append((time.perf_counter() - started) * 1000)
    p50, worst = statistics.median(elapsed_ms), sorted(elapsed_ms)[int(0.95 * len(elapsed_ms))]
    mark = "" if p50 <= TARGET_MS else " !"
    print(
        f"five sentences {name}: p50 {p50:.1f} ms (target {TARGET_MS:.0f}){mark}, "
        f"p95 {worst:.1f} ms, {len(elapsed_ms)} answers"
    )


def _rows(path: Path) -> list[Mapping[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
