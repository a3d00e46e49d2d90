"""The pairs that the citation check is fitted and measured on: claims beside passages, labelled.

Sets that people or their makers labelled (`read_labelled`): SummEdits in its four domains,
ConjNLI, our own `support_pairs.jsonl`. Sets in which true claims are at hand and false ones are
made (`made_sets`): sentences of documents, and answers that people wrote from passages. The
public sets' licences are in the data folder's README; none of their text is part of this project.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agent_knowledge.citations.statements import admits_a_gap
from agent_knowledge.text import content_words, sentences
from tools.data.rows import read_rows
from tools.train import support_edits as edits

FILE = Path(__file__).with_name("support_pairs.jsonl")
BRIEF = Path(__file__).with_name("support_brief.jsonl")
"""Claims of two to four content words, each of which carries them."""
SEED = 20261126
Label = Literal["supported", "unsupported", "contradicted"]
MEASURE_ONLY = ("wice", "docs_rag", "hotpot")
"""Sets that nothing is fitted to."""
_MOST_PAIRS = {
    "musique": 1500,
    "hotpot": 1000,
    "agents": 1500,
    "mtrag": 3000,
    "own-words": 1500,
    **dict.fromkeys(
        ("summedits-news", "summedits-samsum", "summedits-scitldr", "summedits-sales_email"), 350
    ),
}
"""Of a set, drawn by chance: more take minutes to measure and change the fit's third decimal."""
_LEAST_WORDS, _MOST_CHARACTERS = 5, 400
_PASSAGE_CHARACTERS = 2_500
_CONTRARY = {"negation", "antonym", "number", "date", "unit", "swap", "name", "roles", "time"}
_CROWD = 4
"""Other passages in the same document, of every second one of our own."""
_SILENT = {"name far", "word near"}
"""Edits whose result the passage does not deny: it only does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A claim beside the passage that it cites.

    Attributes:
        claim: One sentence or several.
        text: The passage.
        title: Its title, or empty.
        label: What the passage says of the claim.
        set: Where it is from; sets are left out of the fit as wholes.
        kind: How it came to be.
        group: The document that it is about, within its set.
    """

    claim: str
    text: str
    title: str
    label: Label
    set: str
    kind: str
    group: str

    @property
    def true(self) -> bool:
        """Whether the passage says it."""
        return self.label == "supported"

    def as_row(self) -> dict[str, str]:
        """As a line of a file."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A true claim with where it stands, from which false ones are made."""

    claim: str
    text: str
    title: str
    group: str
    wrong: str = ""
    """A passage about the same subject that does not say it, if there is one."""


def table(data: Path) -> list[Pair]:
    """Every pair there is, those of `MEASURE_ONLY` sets included."""
    made = [pair for name, origins in made_sets(data).items() for pair in contrasts(name, origins)]
    pairs = [*read_labelled(data), *made]
    random.Random(SEED).shuffle(pairs)
    counts: Counter[str] = Counter()
    kept: list[Pair] = []
    for pair in pairs:
        counts[pair.set] += 1
        if counts[pair.set] <= _MOST_PAIRS.get(pair.set, counts[pair.set]):
            kept.append(pair)
    kept += _brief()
    return sorted(kept, key=lambda pair: (pair.set, pair.group, pair.text))


def read_labelled(data: Path) -> Iterator[Pair]:
    """The sets that came with labels."""
    for row in read_rows(data / "support" / "summedits.jsonl"):
        yield Pair(
            claim=row["claim"].strip(),
            text=row["evidence"][0],
            title="",
            label="supported" if row["supported"] else "contradicted",
            set=f"summedits-{row['domain']}",
            kind=" + ".join(sorted(row["edit"])) or "summary",
            group=row["evidence"][0][:80],
        )
    labels: dict[str, Label] = {"entailment": "supported", "contradiction": "contradicted"}
    for row in read_rows(data / "support" / "conjnli.jsonl"):
        yield Pair(
            claim=row["claim"],
            text=row["evidence"][0],
            title="",
            label=labels.get(row["label"], "unsupported"),
            set="conjnli",
            kind=row["label"],
            group=row["evidence"][0],
        )
    for row in read_rows(data / "support" / "wice_dev.jsonl"):
        yield Pair(
            claim=row["claim"],
            text="\n".join(row["evidence"]),
            title="",
            label="supported" if row["supported"] else "unsupported",
            set="wice",
            kind=row["label"],
            group=row["id"],
        )
    yield from _own()


def _own() -> Iterator[Pair]:
    rows = read_rows(FILE)
    rng = random.Random(SEED)
    for number, row in enumerate(rows):
        others = rng.sample([r for r in rows if r is not row], _CROWD if number % 2 else 0)
        title, text = _document([row, *others], rng)
        claims = [("own words", claim) for claim in row["true"]]
        claims += [(false["kind"], false["claim"]) for false in row["false"]]
        for kind, claim in claims:
            silent: Label = "contradicted" if kind in _CONTRARY else "unsupported"
            yield Pair(
                claim=claim,
                text=text,
                title=title,
                label="supported" if kind == "own words" else silent,
                set=f"own-{row.get('writer', 'first')}",
                kind=kind,
                group=row["title"],
            )


def _brief() -> Iterator[Pair]:
    for row in read_rows(BRIEF):
        for claim in (*row["true"], *row["false"]):
            yield Pair(
                claim=claim,
                text=row["text"],
                title=row["title"],
                label="supported" if claim in row["true"] else "unsupported",
                set="own-brief",
                kind="brief",
                group=row["title"],
            )


def _document(rows: list[dict[str, Any]], rng: random.Random) -> tuple[str, str]:
    """Title and text: a passage alone keeps its title apart, several are chapters."""
    if len(rows) == 1:
        return rows[0]["title"], rows[0]["text"]
    rng.shuffle(rows)
    return "", "\n\n".join(f"{row['title']}\n\n{row['text']}" for row in rows)


def made_sets(data: Path) -> dict[str, list[Origin]]:
    """True claims by the name of their set."""
    rng = random.Random(SEED)
    found = {f"wiki-{n}": _of_corpus(data / "retrieval" / n, rng) for n in ("musique", "hotpot")}
    found["docs_rag"] = found.pop("wiki-docs_rag", []) + _of_answers(data)
    found["hotpot"] = found.pop("wiki-hotpot")
    found["musique"] = found.pop("wiki-musique")
    found["agents"] = _of_documents(data / "agents", rng)
    found["own-words"] = [
        Origin(claim=claim, text=row["text"], title=row["title"], group=row["title"])
        for row in read_rows(FILE)
        for claim in row["true"]
    ]
    found["mtrag"] = _of_conversations(data)
    return found


def _of_corpus(folder: Path, rng: random.Random, most: int = 350) -> list[Origin]:
    rows = read_rows(folder / "corpus.jsonl")
    rng.shuffle(rows)
    texts = [(row["text"], row["title"]) for row in rows]
    return [
        Origin(claim=claim, text=_in_company(text, texts, rng), title=title, group=title)
        for text, title in texts[:most]
        for claim in _some_sentences(text, rng, 2)
    ]


def _in_company(text: str, texts: Sequence[tuple[str, str]], rng: random.Random) -> str:
    """A third of the passages among others, as chunks of long documents are."""
    if rng.random() > 1 / 3:
        return text
    parts = [text, *(other for other, _ in rng.sample(list(texts), 3) if other != text)]
    rng.shuffle(parts)
    return "\n\n".join(parts)


def _of_documents(folder: Path, rng: random.Random) -> list[Origin]:
    found: list[Origin] = []
    for file in sorted(folder.glob("*/**/*.md")):
        parts = file.read_text(encoding="utf-8").split("\n#")
        for part in rng.sample(parts, min(2, len(parts))):
            title, _, text = part.lstrip("# ").partition("\n")
            text = text[:_PASSAGE_CHARACTERS]
            found += [
                Origin(claim=claim, text=text, title=title.strip(), group=str(file.parent))
                for claim in _some_sentences(text, rng, 2)
            ]
    return found


def _of_answers(data: Path) -> list[Origin]:
    """Answers that people wrote from passages of product documentation."""
    folder = data / "retrieval" / "docs_rag"
    by_id = {row["id"]: row for row in read_rows(folder / "corpus.jsonl")}
    found: list[Origin] = []
    for query in read_rows(folder / "queries.jsonl"):
        gold = [by_id[i] for i in query["relevant"] if i in by_id]
        joined = "\n\n".join(f"{row['title']}\n\n{row['text']}" for row in gold)
        others = [r for i, r in by_id.items() if i not in query["relevant"]]
        wrong = max(others, key=lambda r: _shared(query["query"], r["text"]))["text"]
        found += [
            Origin(claim=claim, text=joined, title="", group=query["id"], wrong=wrong)
            for claim in _statements(query["answer"])
        ]
    return found


def _of_conversations(data: Path) -> list[Origin]:
    """Answers of conversations about passages that were found; wrong ones are another turn's."""
    rows = [
        row
        for row in read_rows(data / "answerability" / "mtrag.jsonl")
        if row["answerability"] == "answerable" and row["passages"]
    ]
    talks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        talks[row["id"].split("<::>")[0]].append(row)
    found: list[Origin] = []
    for row in rows:
        text = "\n\n".join(p["text"].strip() for p in row["passages"])
        given = {p["id"] for p in row["passages"]}
        others = [
            p["text"].strip()
            for other in talks[row["id"].split("<::>")[0]]
            for p in other["passages"]
            if p["id"] not in given
        ]
        for claim in _statements(row["answer"]):
            if _shared(claim, text) >= _SAID_AT_ALL:
                wrong = max(others, key=lambda t: _shared(claim, t)) if others else ""
                found.append(
                    Origin(
                        claim=claim,
                        text=text,
                        title="",
                        group=row["id"].split("<::>")[0],
                        wrong=wrong if _shared(claim, wrong) < _SAID_ELSEWHERE else "",
                    )
                )
    return found


_SAID_AT_ALL = 0.4
"""Writers of answers add courtesies and knowledge of their own: of a sentence with fewer of its
words in the passages nobody knows that they say it."""
_SAID_ELSEWHERE = 0.7
"""From so much on, another passage of the same conversation may say it too."""


def _statements(answer: str) -> list[str]:
    found = [answer[a:b] for a, b in sentences(answer)]
    return [
        s
        for s in found
        if len(content_words(s)) >= _LEAST_WORDS and not s.endswith("?") and not admits_a_gap(s)
    ]


def _some_sentences(text: str, rng: random.Random, most: int) -> list[str]:
    found = [text[a:b] for a, b in sentences(text)]
    usable = [
        s
        for s in found
        if len(content_words(s)) >= _LEAST_WORDS
        and len(s) < _MOST_CHARACTERS
        and s[-1:] == "."
        and s[:1].isupper()
        and "\n" not in s
        and not set("`|<{[") & set(s)
    ]
    return rng.sample(usable, min(most, len(usable)))


def _shared(claim: str, text: str) -> float:
    asked = set(content_words(claim))
    return len(asked & set(content_words(text))) / max(len(asked), 1)


def contrasts(name: str, origins: Sequence[Origin]) -> Iterator[Pair]:
    """True and false pairs of a set: every change is made on both sides of the truth."""
    rng = random.Random(SEED)
    names = tuple(sorted({n for o in origins for n in edits.NAME.findall(o.claim)}))
    for origin in origins:
        pool = edits.Pool(origin.text, names)
        worded = _reworded(origin, rng) if origin.claim in origin.text else origin.claim
        base = Pair(
            claim=origin.claim,
            text=origin.text,
            title=origin.title,
            label="supported",
            set=name,
            kind="verbatim" if origin.claim in origin.text else "own words",
            group=origin.group,
        )
        yield base
        if worded != origin.claim:
            yield replace(base, claim=worded, kind="reworded")
        yield from _edited(base, worded, pool, rng)
        yield from _elsewhere(base, worded, origin, origins, rng)


def _reworded(origin: Origin, rng: random.Random) -> str:
    claim = edits.resolve(origin.claim, origin.title)
    for change in rng.sample((edits.shorten, edits.reorder, edits.respell), 2):
        claim = change(claim, rng)
    if rng.random() < _JOINED:
        other = next((s for s in _some_sentences(origin.text, rng, 1) if s != origin.claim), "")
        claim = f"{claim.rstrip('.')}, and {other[:1].lower()}{other[1:]}" if other else claim
    return claim


_JOINED = 0.15


def _edited(base: Pair, worded: str, pool: edits.Pool, rng: random.Random) -> Iterator[Pair]:
    kinds = list(edits.CLAIM_EDITS)
    rng.shuffle(kinds)
    made = 0
    verbatim = base.claim in base.text
    for kind in kinds:
        source = worded if rng.random() < _WORDED else base.claim
        edited = edits.CLAIM_EDITS[kind](source, pool, rng)
        if edited is None or edited in base.text or made >= _EDITS:
            continue
        made += 1
        label: Label = "unsupported" if kind in _SILENT else "contradicted"
        yield replace(base, claim=edited, label=label, kind=kind)
        if verbatim and rng.random() < _MIRRORED:  # the passage says otherwise, or so as well
            other = edits.CLAIM_EDITS[kind](base.claim, pool, random.Random(made))
            if other and other not in base.text:
                changed = base.text.replace(base.claim, other)
                yield replace(base, claim=source, text=changed, label=label, kind=f"{kind}, there")
                if source == base.claim:
                    again = replace(base, claim=other, text=changed)
                    yield replace(again, kind=f"{kind}, both")
    if verbatim and rng.random() < _FRAMED:
        framed = edits.frame(base.claim, pool, rng) or ""
        changed = base.text.replace(base.claim, framed)
        yield replace(base, claim=worded, text=changed, label="contradicted", kind="frame")
        yield replace(base, claim=framed, text=changed, kind="frame, both")


_EDITS, _WORDED, _MIRRORED, _FRAMED = 3, 0.5, 0.5, 0.25


def _elsewhere(
    base: Pair, worded: str, origin: Origin, origins: Sequence[Origin], rng: random.Random
) -> Iterator[Pair]:
    """The claim beside a passage that does not have it, or half of another claim."""
    claim = rng.choice((base.claim, worded))
    if base.claim in base.text:
        left = base.text.replace(base.claim, "").strip()
        if len(content_words(left)) >= _LEAST_WORDS and _shared(claim, left) < _SAID_ELSEWHERE:
            yield replace(base, claim=claim, text=left, label="unsupported", kind="sentence gone")
    elif origin.wrong:
        yield replace(base, text=origin.wrong, label="unsupported", kind="passage near")
    other = rng.choice(origins)
    if other.group == origin.group:
        return
    if rng.random() < _HALF:
        yield replace(
            base,
            claim=claim,
            text=other.text,
            title=other.title,
            label="unsupported",
            kind="passage far",
        )
    else:
        ours, theirs = claim.rstrip(".").split(), other.claim.split()
        half = " ".join([*ours[: (len(ours) + 1) // 2], *theirs[len(theirs) // 2 :]])
        yield replace(base, claim=half, label="unsupported", kind="half of another")


_HALF = 0.5


def fitted(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that may be fitted to."""
    return [pair for pair in pairs if pair.set not in MEASURE_ONLY]
