"""Which rows of the published sets are for development, and which for testing.

    python -m tools.data.split --data ../shared/data

The labels of the development part may be fitted to, and constants chosen on them; those of the
test part are read by benches alone. Unlabelled text (corpora, documents of agents) is open to both.

A row is in the test part if the first byte of the SHA-256 of its group is odd. Its group is its id,
or what it shares with other rows, which would give it away: the document that it is a claim about,
the conversation that it is a turn of. An agent goes by its name, all of its tasks together. Sets
that were published in two parts keep these, and small ones are whole.

Our own agents, prompts and claims (`tools/train`) are no published sets: all of them are for
development.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from agent_knowledge.errors import InputError
from tools.data.agents import LabelledAgent
from tools.data.rows import read_rows

Part = Literal["development", "test", "all"]
PARTS: tuple[Part, ...] = get_args(Part)
Row = dict[str, Any]


def _id(row: Mapping[str, Any]) -> str:
    return str(row["id"])


def _conversation(row: Mapping[str, Any]) -> str:
    return _id(row).partition("<::>")[0]


def _document(row: Mapping[str, Any]) -> str:
    return "\n".join(row["evidence"])


SETS: Mapping[str, Part | Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "need/tasks.jsonl": _id,
        "freshness/freshqa.jsonl": _id,
        "retrieval/*/queries.jsonl": _id,
        "retrieval/chunking_eval/questions.jsonl": _id,
        "dialogue/turns.jsonl": "development",  # 114 turns, and the decision was fitted to them
        "intents/banking77/train.jsonl": "development",
        "intents/clinc150/train_10.jsonl": "development",
        "intents/*.jsonl": "test",  # also those that belong to no intent
        "injection/bipia/*_train.jsonl": "development",
        "injection/bipia/*_test.jsonl": "test",
        "injection/notinject.jsonl": "test",
        "support/*.jsonl": _document,
        "answerability/mtrag.jsonl": _conversation,
    }
)
"""Labelled files below the data folder: the part that a whole one is in, or what a row's group is.
The first pattern that fits counts."""
_UNLABELLED = ("retrieval/*/corpus.jsonl", "dialogue/faq.jsonl", "agents/*")


def read_part(data: Path, file: str, part: Part) -> list[Row]:
    """Read the rows of one part of a set, in the file's order.

    Args:
        data: The data folder.
        file: The set's file below it, as `support/summedits.jsonl`.
        part: Which rows.

    Raises:
        InputError: No rule of `SETS` says which rows are for what.
    """
    return rows_of(read_rows(data / file), file, part)


def rows_of(rows: Iterable[Row], file: str, part: Part) -> list[Row]:
    """Those of a set's rows that are in a part; see `read_part`.

    Raises:
        InputError: No rule of `SETS` says which rows are for what.
    """
    rule = next((rule for pattern, rule in SETS.items() if fnmatch(file, pattern)), None)
    if rule is None:
        msg = f"{file!r} is split by no rule; add it to SETS of tools/data/split.py"
        raise InputError(msg)
    if isinstance(rule, str):
        return list(rows) if part in {"all", rule} else []
    return [row for row in rows if part == "all" or part_of(rule(row)) == part]


def agents_of(agents: Iterable[LabelledAgent], part: Part) -> list[LabelledAgent]:
    """Those of the published agents that are in a part."""
    return [agent for agent in agents if part in {"all", part_of(agent.name)}]


def part_of(group: str) -> Part:
    """The part of all rows of a group, or of a published agent by its name."""
    return "test" if hashlib.sha256(group.encode()).digest()[0] % 2 else "development"


def add_option(parser: argparse.ArgumentParser, default: Part = "test") -> None:
    """Give a command the option `--part`; what it does goes by `args.part`."""
    parser.add_argument(
        "--part",
        choices=PARTS,
        default=default,
        help=f"rows of the published sets that are read, see tools/data/split.py ({default})",
    )


def main() -> None:
    """Print how many rows and agents are in each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data: Path = parser.parse_args().data
    files = sorted(file.relative_to(data).as_posix() for file in data.rglob("*.jsonl"))
    if not files:
        print(f"no data at {str(data)!r}: pass --data FOLDER")
    for file in files:
        if not any(fnmatch(file, pattern) for pattern in _UNLABELLED):
            rows = read_rows(data / file)
            counts = (len(rows_of(rows, file, part)) for part in PARTS)
            print(f"{file:44}" + "".join(f"{n:6} {p}" for n, p in zip(counts, PARTS, strict=True)))
    names = [folder.name for folder in sorted((data / "agents").glob("*/"))]
    for part in ("development", "test"):
        print(f"agents for {part}: {', '.join(name for name in names if part_of(name) == part)}")


if __name__ == "__main__":
    main()
