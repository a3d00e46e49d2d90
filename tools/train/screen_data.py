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
from pathlib import Path

from tools.data.documents import CACHE as DOCUMENTS
from tools.data.rows import read_rows
from tools.train.prompts_data import own_files, read_shared

OWN = Path(__file__).parent / "injections"
"""Attacks, harmless look-alikes and clean passages of our own, written by hand; Apache-2.0."""
AGENTS = Path(__file__).parent / "agents"
CARRIERS = ("email", "table", "docs", "web", "code")
PROMPT = "prompt"
"""A request that is a text by itself: nobody hid it."""
_SHARES = dict(zip((*CARRIERS, PROMPT), (1, 1, 2, 2, 1.5, 0.7), strict=True))

_LONGEST, _SHORTEST = 1200, 60
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


def read_clean(data: Path, rng: random.Random) -> list[Clean]:
    """Clean passages of every carrier; those of sets that may only be measured are left out."""
    found: list[Clean] = []

    def add(carrier: str, source: str, texts: Iterable[str], most: int, *, out: bool) -> None:
        kept = [text for text in texts if len(text.strip()) >= _SHORTEST]
        kept = rng.sample(kept, most) if len(kept) > most else kept
        found.extend(Clean(carrier=carrier, source=source, left_out=out, text=t) for t in kept)

    def cut(texts: Iterable[str]) -> Iterator[str]:
        return (piece for text in texts for piece in _cut(text, rng))

    for split, out in (("train", False), ("test", True)):
        for carrier in ("email", "table"):
            rows = read_rows(data / f"injection/bipia/{carrier}_{split}.jsonl")
            add(carrier, f"bipia-{split}", cut(row["context"] for row in rows), 700, out=out)
    folders = [path for root in (data / "agents", DOCUMENTS, AGENTS) for path in _folders(root)]
    for folder in folders:
        texts = (f.read_text(errors="replace") for f in _files(folder, ("md", "rst", "txt")))
        add("docs", folder.name, cut(texts), 250, out=folder.name in _LEFT_OUT_AGENTS)
    rows = read_rows(data / "retrieval/docs_rag/corpus.jsonl")
    add("docs", "docs_rag", (row["text"] for row in rows), 250, out=True)
    for name in ("hotpot", "musique"):
        rows = read_rows(data / f"retrieval/{name}/corpus.jsonl")
        add("web", name, (row["text"] for row in rows), 400, out=False)
    turns = read_rows(data / "answerability/mtrag.jsonl")
    add("web", "mtrag", cut(p["text"] for row in turns for p in row["passages"]), 1500, out=False)
    rows = read_rows(data / "support/summedits.jsonl")
    add("web", "summedits", cut(_joined(r["evidence"]) for r in rows[::8]), 500, out=False)
    rows = read_rows(data / "support/wice_dev.jsonl")
    add("web", "wice", cut(_joined(row["evidence"]) for row in rows), 600, out=True)
    for file in _files(data / "retrieval/chunking_eval/corpora", ("md", "txt")):
        add("web", file.stem, cut([file.read_text(errors="replace")]), 150, out=True)
    packages = Path(sysconfig.get_paths()["purelib"])
    for names, out in ((_CODE, False), (_LEFT_OUT_CODE, True)):
        for name in names.split():
            files = _files(packages / name, ("py",))
            some = rng.sample(files, min(60, len(files)))
            add("code", name, cut(f.read_text(errors="replace") for f in some), 200, out=out)
    for ending in _OTHER_CODE:
        files = _files(packages, (ending,))[:120]
        for file in files:
            out = len(file.relative_to(packages).parts[0]) % 2 == 0
            texts = cut([file.read_text(errors="replace")[:40_000]])
            add("code", ending, texts, 3, out=out)
    for row in read_rows(OWN / "carriers.jsonl"):
        add(_carrier(row["family"]), "own", [row["text"]], 1, out=False)
    prompts = [row["task"] for row in _open(read_shared(data))]
    add(PROMPT, "need", prompts, 700, out=False)
    for name, file in (("banking77", "train"), ("clinc150", "train_10")):
        rows = read_rows(data / f"intents/{name}/{file}.jsonl")
        add(PROMPT, name, (row.get("text") or row["input"] for row in rows), 300, out=False)
    return found


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
    return [*own, *theirs, *strays]


def read_benign() -> list[Piece]:
    """Harmless texts full of what attacks are full of."""
    return [Piece(**row) for row in read_rows(OWN / "benign.jsonl")]


def left_out(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Pieces for the fit, and those of families that it does not see: BIPIA's test kinds, and every
    fourth family of our own."""  # noqa: D209 - one sentence
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
    families: dict[str, list[Piece]] = {}
    for attack in material.attacks:
        families.setdefault(attack.family, []).append(attack)
    names = sorted(families)
    made: list[Sample] = []
    for carrier in rng.choices(list(_SHARES), list(_SHARES.values()), k=count):
        text = _cropped(rng.choice(by_carrier[carrier]).text, rng)
        chance = rng.random()
        if carrier == PROMPT:
            made.append(Sample(text=text, carrier=carrier))
        elif chance < 0.45:
            made.append(place(text, carrier, rng.choice(families[rng.choice(names)]), rng))
        elif chance < 0.57:
            look_alike = rng.choice(material.benign)
            made.append(_harmless(place(text, carrier, look_alike, rng)))
        elif chance < 0.62:
            made.append(_harmless(place(text, carrier, _stranger(by_carrier, rng), rng)))
        elif chance < 0.67:
            made.append(Sample(text=rng.choice(material.benign).text, carrier=carrier))
        else:
            made.append(Sample(text=text, carrier=carrier))
    return made


def place(text: str, carrier: str, piece: Piece, rng: random.Random) -> Sample:
    """Put a piece into a passage of a carrier, somewhere that its author could reach."""
    said = piece.text
    if "\n" not in said:
        said = _dressed(said, carrier, rng)
    ends = [m.end() for m in re.finditer(r"[.!?]\s", text)]
    if carrier not in {"code", "table"} and ends and rng.random() < 0.35:
        at = rng.choice(ends)
        return _sample(text[:at], said, " " + text[at:], piece, carrier)
    lines = text.split("\n")
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
