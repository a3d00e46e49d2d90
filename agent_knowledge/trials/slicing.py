"""Figures of some cases alone: by their tags, and by the label that was expected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from agent_knowledge.trials.asking import ArmReply
from agent_knowledge.trials.scoring import Scorer, label, plain

OTHER = "(another text)"
"""What an answer counts as that is none of the labels."""
_DIGITS = 6
"""Of a figure on record: a limit."""


def slices_of(replies: Sequence[ArmReply], scorer: Scorer) -> dict[str, tuple[int, float]]:
    """Per tag how many cases were answered, and their mean score; in order of the names."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for reply in replies:
        if reply.entry:
            for tag in reply.case.tags:
                scores[tag].append(scorer.score(reply))
    return {
        tag: (len(found), round(sum(found) / len(found), _DIGITS))
        for tag, found in sorted(scores.items())
    }


def confusion_of(replies: Sequence[ArmReply]) -> dict[str, dict[str, int]]:
    """Per label that was expected, how often each was answered; most frequent first."""
    answered = [one for reply in replies if reply.entry for one in reply.all]
    pairs = [label(plain(one), one.case.expected) for one in answered]
    known = {wanted for wanted, _ in pairs}
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for wanted, said in pairs:
        counts[wanted][said if said in known else OTHER] += 1
    return {wanted: dict(counts[wanted].most_common()) for wanted in sorted(counts)}


def mistaken(confusion: Mapping[str, Mapping[str, int]], most: int) -> list[str]:
    """The labels that are most often taken for others, a line each."""
    pairs = [
        (count, wanted, said)
        for wanted, row in confusion.items()
        for said, count in row.items()
        if said != wanted
    ]
    pairs.sort(key=lambda pair: -pair[0])
    return [
        f"{wanted} taken for {said}: {count} of {sum(confusion[wanted].values())}"
        for count, wanted, said in pairs[:most]
    ]
