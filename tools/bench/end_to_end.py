"""The command line on real data, as a user would run it: index, retrieve, route.

    python -m tools.bench.end_to_end --data ../shared/data

One agent has product documentation, another 12,039 FAQ entries of spoken travel dialogues. Their
questions go through `agent-knowledge retrieve` and `route` as JSON lines. Routing baselines: the
majority, always retrieving, and the text alone: what a task of this form asks of an agent, whatever
its sources hold. The packaged decision was fitted to these sets, among others: how well it routes
agents that it has not seen, `tools.train.decision` and `tools.bench.agents` tell. The dialogues are
for development as a whole: the test part has none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from tools.data.measures import ranking_quality
from tools.data.split import add_option, read_part

CONFIG = """
sources:
  docs: {{path: "{data}/retrieval/docs_rag/corpus.jsonl", description: product documentation}}
  faq: {{path: "{data}/dialogue/faq.jsonl", description: questions about hotels and restaurants}}
agents:
  docs: {{sources: [docs]}}
  travel: {{sources: [faq]}}
"""
_FITTED = "ROUTES BY PACKAGED WEIGHTS, WHOSE DECISION WAS FITTED TO THESE SETS: no result"
Row = dict[str, Any]


def main() -> None:
    """Index, retrieve, route, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    add_option(parser)
    args = parser.parse_args()
    data, part = args.data.resolve(), args.part
    if not (data / "dialogue").is_dir():
        print(f"no data at {str(data)!r}: pass --data FOLDER")
        return
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "agent-knowledge.yaml").write_text(CONFIG.format(data=data))
        index(here)
        print(f"part: {part}\n{_FITTED}")
        docs(here, read_part(data, "retrieval/docs_rag/queries.jsonl", part))
        if turns := read_part(data, "dialogue/turns.jsonl", part):
            travel(here, turns)


def index(here: Path) -> None:
    """Index twice: all, then nothing that changed."""
    for when in ("first", "again"):
        started = time.perf_counter()
        summary = json.loads(_run(here, "index", "--json"))
        for source in summary["sources"]:
            counts = ", ".join(f"{source[k]} {k}" for k in ("added", "unchanged", "passages"))
            print(f"index ({when}) {source['source']}: {counts}, {source['elapsed_s']:.1f} s")
        print(f"index ({when}): {time.perf_counter() - started:.1f} s in all")


def docs(here: Path, queries: Sequence[Row]) -> None:
    """Questions that the documentation answers."""
    asked = [{"id": q["id"], "query": q["query"]} for q in queries]
    found, seconds = _batch(here, "docs", "retrieve", asked, "-k", "10")
    gold = {str(q["id"]): set(q["relevant"]) for q in queries}
    print(f"docs: {_ranking(found, gold)}, {seconds / len(queries) * 1000:.0f} ms a query")
    tasks = [{"id": q["id"], "task": q["query"]} for q in queries]
    routed, seconds = _batch(here, "docs", "route", tasks)
    share = np.mean([row["strategy"] == "retrieval" for row in routed])
    gaps = np.mean([row["gap"] for row in routed])
    ms = seconds / len(queries) * 1000
    print(f"docs: routed to retrieval {share:.2f}, of them as a gap {gaps:.2f}, {ms:.0f} ms a task")


def travel(here: Path, turns: Sequence[Row]) -> None:
    """Turns of a dialogue, some of which the FAQ answers."""
    needing = [turn for turn in turns if turn["relevant"]]
    asked = [{"id": t["id"], "query": t["task"], "history": t["history"]} for t in needing]
    found, seconds = _batch(here, "travel", "retrieve", asked, "-k", "10")
    gold = {str(t["id"]): set(t["relevant"]) for t in needing}
    print(f"travel: {_ranking(found, gold)}, {seconds / len(needing) * 1000:.0f} ms a query")
    tasks = [{k: t[k] for k in ("id", "task", "history")} for t in turns]
    routed, seconds = _batch(here, "travel", "route", tasks)
    true = np.array([turn["need"] == "retrieval" for turn in turns])
    chosen = np.array([row["strategy"] == "retrieval" for row in routed])
    text = np.array([row["signals"]["agent_need"]["retrieval"] for row in routed])
    coverage = np.array([row["signals"]["coverage"]["faq"] for row in routed])
    for name, guess in (
        ("majority", np.zeros_like(true)),
        ("always retrieve", np.ones_like(true)),
        ("text alone", text >= 0.5),
        ("route", chosen),
        ("route, gaps not retrieved", chosen & ~np.array([row["gap"] for row in routed])),
    ):
        print(f"travel: {name:26} macro-F1 {f1_score(true, guess, average='macro'):.2f}")
    print(
        f"travel: AUC of the text alone {roc_auc_score(true, text):.2f}, "
        f"of coverage {roc_auc_score(true, coverage):.2f}; "
        f"{seconds / len(turns) * 1000:.0f} ms a task"
    )


def _ranking(found: Sequence[Row], gold: Mapping[str, set[str]]) -> str:
    ids = [[passage["document"] for passage in row["passages"]] for row in found]
    ndcg, recall = ranking_quality(ids, [gold[row["id"]] for row in found])
    return f"nDCG@10 {ndcg:.3f}, recall@5 {recall:.3f}"


def _batch(
    here: Path, agent: str, command: str, rows: Sequence[Row], *options: str
) -> tuple[list[Row], float]:
    lines = "\n".join(json.dumps(row) for row in rows)
    started = time.perf_counter()
    out = _run(here, command, "--agent", agent, "--input", "-", *options, stdin=lines)
    return [json.loads(line) for line in out.splitlines()], time.perf_counter() - started


def _run(here: Path, *arguments: str, stdin: str = "") -> str:
    command = [sys.executable, "-m", "agent_knowledge", *arguments]
    ran = subprocess.run(command, cwd=here, input=stdin, capture_output=True, text=True, check=True)
    return ran.stdout


if __name__ == "__main__":
    main()
