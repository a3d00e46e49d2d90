"""What the screen is fitted to and judged on: clean passages, attacks, and where those are put.

An attack is put into a clean passage as its author would do it: on a line of its own, between two
sentences, in a cell of a table, in a comment of code. What the fit sees and what it is judged on
are of other sources (of clean text) and other kinds (of attacks and of harmless look-alikes).
"""

from __future__ import annotations

import json
import random
import re
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tools.data.documents import CACHE as DOCUMENTS
from tools.data.rows import read_rows
from tools.train.prompts_data import own_files, read_shared
from tools.train.screen_classics import classics

SEED = 20261126
OWN = Path(__file__).parent / "injections"
"""Attacks, harmless look-alikes and clean passages of our own, written by hand; Apache-2.0."""
AGENTS = Path(__file__).parent / "agents"
CARRIERS = ("email", "table", "docs", "web", "code")
PROMPT = "prompt"
"""A request that is a text by itself: nobody hid it."""
_SHARES = dict(zip((*CARRIERS, PROMPT), (1, 1, 2, 2, 1.5, 0.7), strict=True))

_QUOTED_ATTACK = re.compile(
    r"(?:ignore|disregard|forget) (?:all|any|the|your|my|previous|prior)\b|previous instructions"
    r"|system prompt|you are now|jailbreak|prompt injection|injected",
    re.IGNORECASE,
)
_LONGEST, _SHORTEST = 1200, 60
_GROUPS = {"own": 0.45, "classic": 0.2, "bipia": 0.15, "stray": 0.2}
"""Shares of the attacks that are drawn."""
_ALONE = 0.09
"""Share of the texts that are an attack and nothing else, where that speaks to a model by its own
words; a request by itself is a task."""
_READ_OTHERWISE = ("enc_", "ml_asian", "ml_mideast", "ml_mixed", "ml_nordic")
"""Families whose words the network does not learn: what is encoded is decoded first, and MiniLM's
word pieces know no other scripts."""
_LONGEST_STRAY = 220
"""Characters of a request that is put into a passage as a stray one."""
_LEFT_OUT_AGENTS = ("uv", "govuk", "marina", "scrapy", "pino", "pytest")
_CODE = "numpy pydantic langchain_core typer chromadb networkx sympy langchain openai torch jinja2"
_LEFT_OUT_CODE = "rich httpx click pypdf pytest langgraph tokenizers scipy sklearn bs4 lxml"
"""Packages whose code is read from this environment."""
_OTHER_CODE = ("js", "h", "yaml", "toml", "html", "css", "json", "sql", "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """A passage that speaks to no model."""

    carrier: str
    source: str
    left_out: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A text to put into a passage: an attack with its kind, or a harmless look-alike."""

    text: str
    kind: str
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A text with the span that speaks to a model; none where `start` is -1."""

    text: str
    start: int = -1
    end: int = -1
    kind: str = ""
    carrier: str = ""
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that one fit, or one judgement, draws from."""

    clean: Sequence[Clean]
    attacks: Sequence[Piece]
    benign: Sequence[Piece]


def read_material(data: Path) -> tuple[Material, Material]:
    """What the fit may see, and the kinds and sources that it is judged on."""
    clean = read_clean(data, random.Random(SEED))
    attacks, other_attacks = left_out(read_attacks(data))
    benign, other_benign = left_out(read_benign())
    return (
        Material(clean=[c for c in clean if not c.left_out], attacks=attacks, benign=benign),
        Material(
            clean=[c for c in clean if c.left_out], attacks=other_attacks, benign=other_benign
        ),
    )


def read_clean(data: Path, rng: random.Random) -> list[Clean]:
    """Clean passages of every carrier; those of sets that may only be measured are left out."""
    found: list[Clean] = []
    sources = chain(
        _messages(data), _documents(data), _web(data), _code(rng), _own(), _prompts(data)
    )
    for source in sources:
        texts = [piece for text in source.texts for piece in _pieces(text, source, rng)]
        kept = [text for text in texts if len(text.strip()) >= _SHORTEST]
        kept = rng.sample(kept, source.most) if len(kept) > source.most else kept
        found += [
            Clean(carrier=source.carrier, source=source.name, left_out=source.left_out, text=text)
            for text in kept
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Clean texts of one origin; at most so many passages of them are taken."""

    carrier: str
    name: str
    texts: Iterable[str]
    most: int
    left_out: bool = False
    whole: bool = False


def _messages(data: Path) -> Iterator[_Source]:
    for split in ("train", "test"):
        for carrier in ("email", "table"):
            rows = read_rows(data / f"injection/bipia/{carrier}_{split}.jsonl")
            texts = [row["context"] for row in rows]
            out = split == "test"
            yield _Source(
                carrier=carrier, name=f"bipia-{split}", texts=texts, most=700, left_out=out
            )


def _documents(data: Path) -> Iterator[_Source]:
    folders = [path for root in (data / "agents", DOCUMENTS, AGENTS) for path in _folders(root)]
    for folder in folders:
        texts = [f.read_text(errors="replace") for f in _files(folder, ("md", "rst", "txt"))]
        out = folder.name in _LEFT_OUT_AGENTS
        yield _Source(carrier="docs", name=folder.name, texts=texts, most=250, left_out=out)
    rows = read_rows(data / "retrieval/docs_rag/corpus.jsonl")
    texts = [row["text"] for row in rows]
    yield _Source(carrier="docs", name="docs_rag", texts=texts, most=250, left_out=True, whole=True)


def _web(data: Path) -> Iterator[_Source]:
    for name in ("hotpot", "musique"):
        rows = read_rows(data / f"retrieval/{name}/corpus.jsonl")
        yield _Source(carrier="web", name=name, texts=[r["text"] for r in rows], most=400)
    turns = read_rows(data / "answerability/mtrag.jsonl")
    found = [passage["text"] for row in turns for passage in row["passages"]]
    yield _Source(carrier="web", name="mtrag", texts=found, most=1500)
    rows = read_rows(data / "support/summedits.jsonl")[::8]
    read = [_joined(row["evidence"]) for row in rows]
    yield _Source(carrier="web", name="summedits", texts=read, most=500)
    rows = read_rows(data / "support/wice_dev.jsonl")
    pages = [_joined(row["evidence"]) for row in rows]
    yield _Source(carrier="web", name="wice", texts=pages, most=600, left_out=True)
    for file in _files(data / "retrieval/chunking_eval/corpora", ("md", "txt")):
        texts = [file.read_text(errors="replace")]
        yield _Source(carrier="web", name=file.stem, texts=texts, most=150, left_out=True)


def _code(rng: random.Random) -> Iterator[_Source]:
    packages = Path(sysconfig.get_paths()["purelib"])
    for names, out in ((_CODE, False), (_LEFT_OUT_CODE, True)):
        for name in names.split():
            files = _files(packages / name, ("py",))
            some = rng.sample(files, min(60, len(files)))
            texts = [file.read_text(errors="replace") for file in some]
            yield _Source(carrier="code", name=name, texts=texts, most=200, left_out=out)
    for ending in _OTHER_CODE:
        for file in _files(packages, (ending,))[:120]:
            out = len(file.relative_to(packages).parts[0]) % 2 == 0
            texts = [file.read_text(errors="replace")[:40_000]]
            yield _Source(carrier="code", name=ending, texts=texts, most=3, left_out=out)


def _own() -> Iterator[_Source]:
    for row in read_rows(OWN / "carriers.jsonl"):
        carrier = _carrier(row["family"])
        yield _Source(carrier=carrier, name="own", texts=[row["text"]], most=1, whole=True)


def _prompts(data: Path) -> Iterator[_Source]:
    texts = [row["task"] for row in _open(read_shared(data))]
    yield _Source(carrier=PROMPT, name="need", texts=texts, most=700, whole=True)
    for name, file in (("banking77", "train"), ("clinc150", "train_10")):
        rows = read_rows(data / f"intents/{name}/{file}.jsonl")
        texts = [row.get("text") or row["input"] for row in rows]
        yield _Source(carrier=PROMPT, name=name, texts=texts, most=300, whole=True)


def _pieces(text: str, source: _Source, rng: random.Random) -> Iterable[str]:
    return [text] if source.whole else _cut(text, rng)


def read_attacks(data: Path) -> list[Piece]:
    """Our own attacks, BIPIA's, and plain requests, which in the midst of a document are strays."""
    own = [Piece(**row) for row in read_rows(OWN / "attacks.jsonl")]
    theirs = [
        Piece(text=row["text"], kind="command", family=f"bipia-{file}-{split}-{row['kind']}")
        for file in ("text", "code")
        for split in ("train", "test")
        for row in read_rows(data / f"injection/bipia/{file}_attack_{split}.jsonl")
    ]
    prompts = [(f"need-{n % 12}", row["task"]) for n, row in enumerate(_open(read_shared(data)))]
    prompts += [
        (f"{file.stem}-{n % 2}", row["task"])
        for file in own_files()
        if file.stem != "turns"
        for n, row in enumerate(read_rows(file))
    ]
    strays = [
        Piece(text=text, kind="task_switch", family=f"stray-{name}")
        for name, text in prompts
        if len(text) < _LONGEST_STRAY
    ]
    known = [
        Piece(text=text, kind="command", family=family)
        for family, text in classics(random.Random(SEED))
    ]
    return [*own, *known, *theirs, *strays]


def read_benign() -> list[Piece]:
    """Harmless texts full of what attacks are full of, but for those that quote attacks.

    A page about injected instructions holds some, and telling so is right: with these pages among
    the harmless texts the fit learnt that the best known attack of all is a quotation.
    """
    rows = read_rows(OWN / "benign.jsonl")
    return [Piece(**row) for row in rows if not _QUOTED_ATTACK.search(row["text"])]


def left_out(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Pieces for the fit, and those of families that it does not see.

    These are BIPIA's test kinds, and every fourth family of our own.
    """
    own = sorted({p.family for p in pieces if not p.family.startswith(("bipia", "stray"))})
    random.Random(3).shuffle(own)
    out = set(own[::4])
    out |= {p.family for p in pieces if re.match(r"bipia-\w+-test", p.family)}
    return [p for p in pieces if p.family not in out], [p for p in pieces if p.family in out]


def draw(material: Material, count: int, rng: random.Random) -> list[Sample]:
    """Draw texts to fit to: about half hold an attack, the others are clean, or look like one."""
    by_carrier = {
        carrier: [clean for clean in material.clean if clean.carrier == carrier]
        for carrier in _SHARES
    }
    groups = _groups(material.attacks)
    made: list[Sample] = []
    for carrier in rng.choices(list(_SHARES), list(_SHARES.values()), k=count):
        text = _cropped(rng.choice(by_carrier[carrier]).text, rng)
        chance = rng.random()
        if carrier == PROMPT:
            made.append(Sample(text=text, carrier=carrier))
        elif chance < 0.45:
            group = rng.choices(list(groups), [_GROUPS[g] for g in groups])[0]
            attack = rng.choice(rng.choice(groups[group]))
            speaks = group in {"own", "classic"} and not attack.family.startswith("stray")
            alone = speaks and chance < _ALONE
            made.append(place("" if alone else text, carrier, attack, rng))
        elif chance < 0.50:
            made.append(_harmless(place(text, carrier, _stranger(by_carrier, rng), rng)))
        elif chance < 0.65:
            made.append(Sample(text=_look_alike(material.benign, rng), carrier=carrier))
        else:
            made.append(Sample(text=text, carrier=carrier))
    return made


def _groups(attacks: Sequence[Piece]) -> dict[str, list[list[Piece]]]:
    """The families of each group, of attacks that the network is to know by their words."""
    families: dict[str, dict[str, list[Piece]]] = {}
    for attack in attacks:
        if attack.family.startswith(_READ_OTHERWISE):
            continue
        group = attack.family.partition("-")[0]
        group = "classic" if group.startswith("classic_") else group
        group = group if group in _GROUPS else "own"
        families.setdefault(group, {}).setdefault(attack.family, []).append(attack)
    return {group: list(members.values()) for group, members in families.items()}


def place(text: str, carrier: str, piece: Piece, rng: random.Random) -> Sample:
    """Put a piece into a passage of a carrier, somewhere that its author could reach."""
    said = piece.text
    if "\n" not in said:
        said = _dressed(said, carrier, rng)
    ends = [m.end() for m in re.finditer(r"[.!?]\s", text)]
    if carrier not in {"code", "table"} and ends and rng.random() < 0.35:
        at = rng.choice(ends)
        return _sample(text[:at], said, " " + text[at:], piece, carrier)
    lines = text.split("\n") if text else []
    chance = rng.random()
    at = 0 if chance < 0.2 else len(lines) if chance < 0.5 else rng.randint(0, len(lines))
    before = "".join(line + "\n" for line in lines[:at])
    after = "".join("\n" + line for line in lines[at:])
    return _sample(before, said, after, piece, carrier)


def _sample(before: str, said: str, after: str, piece: Piece, carrier: str) -> Sample:
    start = len(before)
    return Sample(
        text=before + said + after,
        start=start,
        end=start + len(said),
        kind=piece.kind,
        carrier=carrier,
        family=piece.family,
    )


def _dressed(said: str, carrier: str, rng: random.Random) -> str:
    chance = rng.random()
    if carrier == "code" and chance < 0.6:
        return rng.choice(("# ", "// ", "-- ", "# NOTE: ", "# TODO: ")) + said
    if carrier == "code" and chance < 0.75:
        return f'"""{said}"""'
    if carrier == "code" and chance < 0.85:
        return f"{rng.choice(('note', 'description', 'message'))} = {json.dumps(said)}"
    if carrier == "table" and chance < 0.4:
        return f"| {said} |"
    if carrier in {"docs", "web"} and chance < 0.12:
        return f"<!-- {said} -->"
    return said


def _harmless(sample: Sample) -> Sample:
    return Sample(text=sample.text, carrier=sample.carrier, family=sample.family)


def _look_alike(benign: Sequence[Piece], rng: random.Random) -> str:
    """A harmless text that looks like an attack, or a page of such texts of one family."""
    one = rng.choice(benign)
    alike = [piece.text for piece in benign if piece.family == one.family]
    count = rng.choice((1, 1, 2, 4))
    return rng.choice((" ", "\n", "\n\n")).join([one.text, *rng.sample(alike, count - 1)])


def _stranger(by_carrier: dict[str, list[Clean]], rng: random.Random) -> Piece:
    """A sentence of another document: out of place, and no request."""
    text = rng.choice(by_carrier[rng.choice(("docs", "web"))]).text
    parts = [part for part in re.split(r"(?<=[.!?])\s+|\n", text) if 20 < len(part) < 200]
    return Piece(text=rng.choice(parts or [text[:200]]), kind="", family="stranger")


def _cropped(text: str, rng: random.Random) -> str:
    size = rng.randint(150, 900)
    if len(text) <= size:
        return text
    start = text.find("\n", rng.randint(0, len(text) - size)) + 1
    return text[start : start + size]


def _cut(text: str, rng: random.Random) -> Iterator[str]:
    """Passages of many sizes, cut between lines."""
    part, size = "", rng.randint(250, _LONGEST)
    for line in text.splitlines():
        if part.strip() and len(part) + len(line) > size:
            yield part.strip("\n")
            part, size = "", rng.randint(250, _LONGEST)
        part += line[:_LONGEST] + "\n"
    yield part.strip("\n")


def _open(rows: Iterable[dict[str, object]]) -> list[dict[str, str]]:
    """Rows whose licence allows a fit."""
    return [
        {"task": str(row["task"])}
        for row in rows
        if str(row["licence"]).startswith(("Apache", "MIT"))
    ]


def _carrier(family: str) -> str:
    named = {"markdown_table": "table", "csv": "table", "python": "code", "js_go": "code"}
    named |= {"yaml_sql": "code", "email": "email", "web_text": "web"}
    return named.get(family, "docs")


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _files(folder: Path, endings: Sequence[str]) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix[1:] in endings and f.is_file())


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(value)
