"""Which of the passages that were found a model is shown.

Two things keep a stranger's documents from taking over an answer. What speaks to the model is
flagged or left out, as its source's `screen` says. And no document and no origin has all the
places while others have something to say: who writes five pages on one question is one voice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from agent_knowledge.config import ScreenPolicy
from agent_knowledge.ports import Screen
from agent_knowledge.types import Example, Passage, Screened

_T = TypeVar("_T")

LOOKED_AT = 4
"""Times `k` passages are looked at, best first, to fill `k` places."""
_OF_DOCUMENT = 0.6
"""Share of the places that one document may have: three of five. On docs_rag, whose answers stand
in one page each, 0.4 costs 0.02 of recall@5, and 0.6 nothing (`tools.bench.retrieval`)."""
_REMEMBERED = 4_096
"""Texts whose verdict is kept: the same few are found again and again."""


class Screener:
    """Screens passages by the policies of their sources; remembers its verdicts."""

    def __init__(self, screen: Screen, policies: Mapping[str, ScreenPolicy]) -> None:
        """Hold the screen and, per source, what follows; a source without a policy is flagged."""
        self._policies = policies
        self._screened = lru_cache(_REMEMBERED)(lambda text: screen.screen([text])[0])

    def policy(self, source: str) -> ScreenPolicy:
        """What follows for a source."""
        return self._policies.get(source, "flag")

    def examples(self, name: str, chosen: Sequence[Example]) -> Admitted[Example]:
        """Those of a set's chosen examples that may be shown."""
        if self.policy(name) != "drop":
            return Admitted(items=tuple(chosen))
        verdicts = [self._screened(f"{one.input}\n{one.output}") for one in chosen]
        kept = tuple(
            one for one, found in zip(chosen, verdicts, strict=True) if not found.suspicious
        )
        lost = len(chosen) - len(kept)
        told = f"{name}: {lost} examples left out, they speak to a model"
        return Admitted(items=kept, left_out=(told,) if lost else ())

    def screened(self, passage: Passage) -> Screened | None:
        """The verdict on a passage, its title with it; None where its source is not screened."""
        if self.policy(passage.source) == "allow":
            return None
        return self._screened(f"{passage.title}\n{passage.text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted(Generic[_T]):
    """What is shown, best first, and what is not shown and should be told of, a line each."""

    items: tuple[_T, ...]
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Places:
    """How many places each document and each origin has taken."""

    k: int
    taken: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    def free(self, passage: Passage) -> bool:
        """Whether its document and origin may have one more."""
        most_of_origin = max(1, self.k - 1)
        most_of_document = max(1, round(_OF_DOCUMENT * self.k))
        return (
            self.taken.get(_document(passage), 0) < most_of_document
            and self.taken.get(_origin(passage), 0) < most_of_origin
        )

    def take(self, passage: Passage) -> None:
        """Count it."""
        for key in (_document(passage), _origin(passage)):
            self.taken[key] = self.taken.get(key, 0) + 1


def admit(found: Sequence[Passage], k: int, screener: Screener | None) -> Admitted[Passage]:
    """Choose up to `k` passages.

    Args:
        found: Best first, more than `k` where there are more.
        k: Places.
        screener: None where nothing is screened.

    Returns:
        The best within the caps; where those leave places empty, the best of the others too.
    """
    places, kept, waiting = _Places(k), list[int](), list[int]()
    checked: dict[int, Passage] = {}
    left_out: list[str] = []
    for rank, passage in enumerate(found):
        if len(kept) == k:
            break
        verdict = screener.screened(passage) if screener else None
        dropped = screener is not None and screener.policy(passage.source) == "drop"
        if verdict and verdict.suspicious and dropped:
            left_out.append(_told(passage, verdict))
            continue
        checked[rank] = replace(passage, suspicious=_kinds(verdict)) if verdict else passage
        if places.free(passage):
            places.take(passage)
            kept.append(rank)
        else:
            waiting.append(rank)
    ranks = sorted([*kept, *waiting[: k - len(kept)]])
    return Admitted(items=tuple(checked[rank] for rank in ranks), left_out=tuple(left_out))


def _kinds(verdict: Screened) -> tuple[str, ...]:
    """The kinds of what was found, each once."""
    return tuple(dict.fromkeys(span.kind for span in verdict.spans))


def _told(passage: Passage, verdict: Screened) -> str:
    kinds = ", ".join(_kinds(verdict))
    return f"{passage.source}: {passage.document}: left out, its text speaks to a model ({kinds})"


def _document(passage: Passage) -> tuple[str, ...]:
    return "document", passage.source, passage.document


def _origin(passage: Passage) -> tuple[str, ...]:
    """Who could have written it: the host of its address, or the folder that its file lies in."""
    address = urlsplit(passage.uri)
    if address.netloc:
        return "host", address.netloc
    return "folder", passage.source, str(PurePosixPath(address.path).parent)
