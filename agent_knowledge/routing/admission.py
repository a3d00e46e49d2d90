"""Which of the passages that were found a model is shown.

Two things keep a stranger's documents from taking over an answer. What speaks to the model is
flagged or left out, as its source's `screen` says. And no document and no origin has all the
places while others have something to say: who writes five pages on one question is one voice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from agent_knowledge.config import ScreenPolicy
from agent_knowledge.ports import Screen
from agent_knowledge.types import Example, Passage
from agent_knowledge.types.measured import Screened

_T = TypeVar("_T")

LOOKED_AT = 4
"""Times `k` passages are looked at, best first, to fill `k` places: a limit."""
_OF_DOCUMENT = 0.6
"""Share of the places that one document may have: three of five. Halved, nDCG@10 on docs_rag rises
by 0.008; doubled, so that one may have all, recall@5 there falls by 0.049 (`tools.ablate`,
retrieval), and an agent's five passages hold a relevant one less often by 0.003 (routing)."""
_REMEMBERED = 4_096
"""Texts whose verdict is kept: the same few are found again and again."""


class Screener:
    """Screens passages by the policies of their sources; remembers its verdicts."""

    def __init__(self, screen: Screen, policies: Mapping[str, ScreenPolicy]) -> None:
        """Hold the screen and, per source, what follows; a source without a policy is flagged."""
        self._policies = policies

        def screened(text: str) -> Screened:
            return screen.screen([text])[0]

        self._screened = lru_cache(_REMEMBERED)(screened)

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
        note = f"{name}: {lost} examples left out, they speak to a model"
        return Admitted(items=kept, left_out=(note,) if lost else ())

    def marked(self, passage: Passage) -> Passage:
        """A passage with what in it, or in its title, speaks to a model, if it is screened."""
        if self.policy(passage.source) == "allow":
            return passage
        found = self._screened(f"{passage.title}\n{passage.text}")
        kinds = tuple(dict.fromkeys(span.kind for span in found.spans))
        return replace(passage, suspicious=kinds or ("command",) if found.suspicious else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted(Generic[_T]):
    """What is shown, best first, and a line on each that is left out."""

    items: tuple[_T, ...]
    left_out: tuple[str, ...] = ()


def admit(found: Sequence[Passage], k: int, screener: Screener | None) -> Admitted[Passage]:
    """Choose up to `k` passages.

    Args:
        found: Best first, more than `k` where there are more.
        k: Places.
        screener: None where nothing is screened.

    Returns:
        The best within the caps, in their order; where those leave places empty, others too.
    """
    kept: dict[int, Passage] = {}
    left_out: list[str] = []
    for rank in _in_turn(found, k):
        if len(kept) == k:
            break
        passage = screener.marked(found[rank]) if screener else found[rank]
        if screener and passage.suspicious and screener.policy(passage.source) == "drop":
            left_out.append(_note(passage))
        else:
            kept[rank] = passage
    return Admitted(items=tuple(kept[rank] for rank in sorted(kept)), left_out=tuple(left_out))


def _in_turn(found: Sequence[Passage], k: int) -> list[int]:
    """Ranks in the order in which they get places: whoever has many already waits."""
    of_document, of_origin = max(1, round(_OF_DOCUMENT * k)), max(1, k - 1)
    taken: Counter[tuple[str, ...]] = Counter()
    waits: list[tuple[bool, bool, int]] = []
    for rank, passage in enumerate(found):
        document, origin = _document(passage), _origin(passage)
        waits.append((taken[document] >= of_document, taken[origin] >= of_origin, rank))
        if not any(waits[-1][:2]):
            taken.update((document, origin))
    return [rank for *_, rank in sorted(waits)]


def _note(passage: Passage) -> str:
    kinds = ", ".join(passage.suspicious)
    return f"{passage.source}: {passage.document}: left out, its text speaks to a model ({kinds})"


def _document(passage: Passage) -> tuple[str, ...]:
    return "document", passage.source, passage.document


def _origin(passage: Passage) -> tuple[str, ...]:
    """Who could have written it: the host of its address, or the folder that its file lies in."""
    address = urlsplit(passage.uri)
    if address.netloc:
        return "host", address.netloc
    return "folder", passage.source, str(PurePosixPath(address.path).parent)
