r"""The ladder on real work: each rung by a real small model, and a model that was truly fine-tuned.

    python -m tools.bench.ladder --data ../shared/data \
        --url http://127.0.0.1:18080/v1 --model gemma-3-270m \
        --tuned-url http://127.0.0.1:18081/v1 --tuned-model banking77

One agent has documents (docs_rag, hotpot), examples (ten of each intent of banking77) and an
endpoint that was trained on banking77. It is measured on a pattern (banking77's test messages) and
on facts (the questions of docs_rag and hotpot); then its router, which reads the ledger that this
wrote, routes other tasks of both kinds. docs/benchmarks.md says how the two servers are started.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.build.indexing import index_sources
from agent_knowledge.ledger import Trial
from agent_knowledge.trials.evaluate import REPORTS, evaluate
from agent_knowledge.trials.setup import TrialSettings
from agent_knowledge.types import Decision
from tools.data.rows import read_rows

SEED = 20261125
A_LABEL = 10
FACTS = ("docs_rag", "hotpot")
NEEDED = (
    "intents/banking77/train.jsonl",
    "intents/banking77/test.jsonl",
    *(f"retrieval/{name}/{file}.jsonl" for name in FACTS for file in ("corpus", "queries")),
)
TEMPLATE = """\
Put the bank customer's message into its intent. Answer with the intent alone.
---
{{input}}
"""
EXAMPLES = {
    "file": "intents.jsonl",
    "template": "intents.md",
    "k": 8,
    "selection": "weighted",  # a small model copies: tools.bench.examples tells by how much
}
BUDGET_MS = 300
"""What the agent's policy asks of an answer's latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The two models, behind OpenAI's chat protocol.

    Attributes:
        url: Base URL of the general model.
        model: Its name.
        tuned_url: Base URL of the fine-tuned one.
        tuned_model: Its name.
    """

    url: str
    model: str
    tuned_url: str
    tuned_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The tasks.

    Attributes:
        pattern: Messages with their intents, to measure.
        facts: Questions with their answers, to measure.
        other_pattern: Further messages, to route.
        other_facts: Further questions, to route; the measured ones again where there are no more.
    """

    pattern: Sequence[Mapping[str, Any]]
    facts: Sequence[Mapping[str, Any]]
    other_pattern: Sequence[str]
    other_facts: Sequence[str]


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--url", help="base URL of the general model")
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--tuned-url", help="base URL of the fine-tuned model")
    parser.add_argument("--tuned-model", default="banking77")
    parser.add_argument("--cases", type=int, default=200, help="of each kind (200)")
    parser.add_argument("--out", type=Path, help="keep the ledger and the reports here")
    args = parser.parse_args()
    if absent := [file for file in NEEDED if not (args.data / file).is_file()]:
        print(f"no {absent[0]} in {str(args.data)!r}: pass --data FOLDER")
        return
    if not (args.url and args.tuned_url):
        print(
            "no models: pass --url and --tuned-url (docs/benchmarks.md says how they are started)"
        )
        return
    servers = Servers(
        url=args.url, model=args.model, tuned_url=args.tuned_url, tuned_model=args.tuned_model
    )
    with tempfile.TemporaryDirectory(prefix="ladder-") as scratch:
        folder: Path = args.out or Path(scratch)
        for line in climb(args.data.resolve(), servers, args.cases, folder):
            print(line, flush=True)


def climb(data: Path, servers: Servers, cases: int, folder: Path) -> Iterator[str]:
    """Measure both kinds of tasks, then route. One call at a time: latencies are one user's.

    Args:
        data: The folder of the sets.
        servers: The models.
        cases: How many of each kind.
        folder: Where the configuration, the store with the ledger, and the reports go.

    Yields:
        What is found, line by line.
    """
    os.environ["OPENAI_BASE_URL"] = servers.url
    os.environ.setdefault("OPENAI_API_KEY", "none")
    folder.mkdir(parents=True, exist_ok=True)
    work = _work(data, cases)
    config = _configure(data, servers, folder)
    index_sources(config)
    yield from _routed("before any trial", config, work)
    yield from _measured(
        "pattern", "bank", config, work.pattern, TrialSettings(example_set="intents", concurrency=1)
    )
    yield from _measured(
        "facts", "reader", config, work.facts, TrialSettings(metric="token_f1", concurrency=1)
    )
    yield f"ledger: {(config.store_path / 'ledger.jsonl').stat().st_size} bytes"
    yield from _routed("with the ledger", config, work)


def _work(data: Path, cases: int) -> Work:
    chance = random.Random(SEED)
    messages = read_rows(data / NEEDED[1])
    chance.shuffle(messages)
    questions = [
        {"task": row["query"], "expected": row["answer"], "relevant": row["relevant"]}
        for name in FACTS
        for row in read_rows(data / "retrieval" / name / "queries.jsonl")
    ]
    chance.shuffle(questions)
    more = questions[cases:] or questions
    return Work(
        pattern=messages[:cases],
        facts=questions[:cases],
        other_pattern=[row["input"] for row in messages[cases : 2 * cases]],
        other_facts=[row["task"] for row in more[:cases]],
    )


def _configure(data: Path, servers: Servers, folder: Path) -> KnowledgeConfig:
    """Write the agent down as a user would."""
    train = read_rows(data / NEEDED[0])
    _write(folder / "intents.jsonl", _drawn(train))
    (folder / "intents.md").write_text(TEMPLATE, encoding="utf-8")
    sources = {name: {"path": str(data / "retrieval" / name / "corpus.jsonl")} for name in FACTS}
    policy = {"k": 2, "context_tokens": 600, "latency_budget_ms": BUDGET_MS}
    endpoint = {
        "model": f"openai:{servers.tuned_model}",
        "base_url": servers.tuned_url,
        "serves": "intents",
        "training": {"examples": len(train), "file": str(data / NEEDED[0])},
    }
    given = {
        "models": {"default": f"openai:{servers.model}"},
        "sources": sources,
        "examples": {"intents": EXAMPLES},
        "endpoints": {"intents-ft": endpoint},
        "agents": {
            "bank": {
                "sources": list(FACTS),
                "examples": ["intents"],
                "endpoint": "intents-ft",
                "policy": policy,
            },
            "reader": {"sources": list(FACTS), "policy": policy},
        },
    }
    file = folder / "agent-knowledge.yaml"
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    return KnowledgeConfig.from_yaml(file)


def _drawn(train: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Ten examples of each intent."""
    by_label: dict[str, list[Mapping[str, Any]]] = {}
    for row in train:
        by_label.setdefault(row["output"], []).append(row)
    chance = random.Random(SEED)
    return [
        row for rows in by_label.values() for row in chance.sample(rows, min(A_LABEL, len(rows)))
    ]


def _measured(
    kind: str,
    agent: str,
    config: KnowledgeConfig,
    cases: Sequence[Mapping[str, Any]],
    settings: TrialSettings,
) -> Iterator[str]:
    file = config.folder / f"{kind}.jsonl"
    _write(file, cases)
    page = config.store_path / REPORTS / f"{kind}.html"
    yield from _table(kind, evaluate(config, file, agent, settings, report=page))


def _table(kind: str, trial: Trial) -> Iterator[str]:
    yield f"{kind}: {trial.n} cases, {trial.metric}, {trial.model}"
    for row in trial.rungs:
        low, high = row.ci
        yield (
            f"  {row.rung:20} {row.score:.3f} ({low:.3f} to {high:.3f})"
            f"  p50 {row.latency_p50_ms:6.0f} ms, p95 {row.latency_p95_ms:6.0f} ms"
            f"  {row.tokens_in:5.0f} tokens in, {row.tokens_out:3.0f} out"
            f"  {row.errors} failed"
        )
    for found in trial.comparisons:
        low, high = found.ci
        yield (
            f"    {found.rung} beside {found.against}: {found.difference:+.3f}"
            f" ({low:+.3f} to {high:+.3f})"
        )
    yield f"  recommended: {trial.recommended or 'none'}: {trial.why}"


def _routed(when: str, config: KnowledgeConfig, work: Work) -> Iterator[str]:
    """How the agent that has everything routes tasks that it was not measured on."""
    router = load_router(config, "bank")
    for kind, tasks in (("pattern", work.other_pattern), ("facts", work.other_facts)):
        decisions = router.route_many(list(tasks))
        shares = Counter(decision.strategy for decision in decisions)
        told = ", ".join(f"{count} {strategy}" for strategy, count in shares.most_common())
        yield f"routed {when}, {len(tasks)} {kind}: {told}"
        refused = Counter(filter(None, map(_refusal, decisions)))
        for text, count in refused.most_common(2):
            yield f"  fine_tuned refused {count} times, as: {text}"


def _refusal(decision: Decision) -> str:
    rows = (row for row in decision.rejected if row.strategy == "fine_tuned")
    return next((f"{row.rule}: {row.text}" for row in rows), "")


def _write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
