"""What was answered, written down at once, so that nothing is paid for twice.

One file of JSON lines in the store's folder, only ever added to. An answer is found again by a hash
of all that it came from: the whole prompt, the model and its parameters. What failed is not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agent_knowledge.errors import ConfigError
from agent_knowledge.ledger.records import Records, digest

FOLDER = "trials"
_FENCE = re.compile(r"\bFence ([0-9a-f]{16}):")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer that was paid for.

    Attributes:
        key: See `key_of`.
        text: What the model said.
        tokens_in: Tokens of the prompt.
        tokens_out: Tokens of the answer.
        latency_ms: From the task to the answer, its knowledge included.
        estimated: The model did not say its tokens; they are ours.
        model: Which model, for a reader.
        case: Which case, for a reader.
        at: ISO time, UTC.
        tokens_cached: Of the prompt's, what the provider had read already and says so.
    """

    key: str
    text: str
    tokens_in: int
    tokens_out: int
    latency_ms: float
    estimated: bool
    model: str
    case: str
    at: str
    tokens_cached: int = 0


class Journal:
    """The answers of one store. Safe to share between threads."""

    def __init__(self, store: Path, agent: str, *, fresh: bool = False) -> None:
        """Open an agent's journal.

        Args:
            store: The store's folder.
            agent: The agent's name.
            fresh: Use nothing that is in it; what is answered now is added all the same.
        """
        self._records = Records(store / FOLDER / f"{agent}.jsonl", Entry)
        rows = () if fresh else self._records.read()
        self._known = {row.key: row for row in rows}

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self._records.file

    def find(self, key: str) -> Entry | None:
        """The newest answer under a key."""
        return self._known.get(key)

    def keep(self, entry: Entry) -> None:
        """Write an answer down; it is on the disk when this returns.

        Raises:
            ConfigError: The store cannot be written.
        """
        self._known[entry.key] = entry
        try:
            self._records.append(entry)
        except OSError as error:
            msg = f"store.path: cannot write {str(self.file)!r} ({error.strerror}); give another"
            raise ConfigError(msg) from error


def key_of(what: str, messages: Sequence[BaseMessage], identity: Mapping[str, Any]) -> str:
    """The key of an answer.

    The random code of a prompt's fence counts for nothing: it is another each time.

    Args:
        what: What was asked for, such as the rung.
        messages: The whole prompt.
        identity: The model and its parameters.
    """
    told = [[turn.type, turn.name or "", _without_fences(turn.text)] for turn in messages]
    by = json.dumps(identity, sort_keys=True, default=lambda part: type(part).__name__)
    return digest({"what": what, "messages": told, "by": by})


def _without_fences(text: str) -> str:
    """A turn with the random codes of its fences taken out."""
    for fence in set(_FENCE.findall(text)):
        text = text.replace(fence, "")
    return text
