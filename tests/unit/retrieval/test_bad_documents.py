"""One bad file, row or link in a source is named, and everything beside it is read."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, StreamObject

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.retrieval.reading.loading import read_source
from tests.unit.retrieval.test_reading import pdf


def read(path: Path) -> tuple[list[Document], list[Failure]]:
    items = list(read_source("s", path))
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [item for item in items if isinstance(item, Failure)]


def row(**fields: object) -> bytes:
    return json.dumps({"id": "bad", "text": "x", **fields}).encode()


def encrypted() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.encrypt("secret")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def partly_scanned() -> bytes:
    """Three pages: one of text, a blank one, and one that is a picture."""
    writer = PdfWriter()
    writer.append(io.BytesIO(pdf("Warranty lasts two years")))
    writer.add_blank_page(72, 72)
    page = writer.add_blank_page(72, 72)
    picture = StreamObject()
    picture[NameObject("/Subtype")] = NameObject("/Image")
    drawn = DictionaryObject({NameObject("/Scan"): writer._add_object(picture)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): drawn})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# Files that cannot be documents

LINKS: list[tuple[str, Callable[[Path], object], str]] = [
    ("to itself", lambda at: at.symlink_to(at.name), "leads back to itself"),
    ("to nothing", lambda at: at.symlink_to("nowhere"), "leads nowhere"),
    ("out", lambda at: at.symlink_to("/etc/hostname"), "leads out of the source"),
    ("folder out", lambda at: at.symlink_to("/etc"), "leads out of the source"),
    ("fifo", os.mkfifo, "is a named pipe"),
    ("device", lambda at: at.symlink_to("/dev/zero"), "leads out of the source"),
    (
        "socket",
        lambda at: socket.socket(socket.AF_UNIX).bind(os.path.relpath(at)),
        "is a socket",
    ),
]


@pytest.mark.parametrize(
    ("make", "reason"), [case[1:] for case in LINKS], ids=[c[0] for c in LINKS]
)
@pytest.mark.parametrize("pattern", [".", "*.md", "**/*.md"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_file_is_named_and_the_rest_is_read(
    tmp_path: Path, make: Callable[[Path], object], reason: str, pattern: str
):
    (tmp_path / "good.md").write_text("good")
    make(tmp_path / "bad.md")
    documents, failures = read(tmp_path / pattern)
    assert [d.id for d in documents] == ["good.md"]
    assert [f.where for f in failures] == ["bad.md"]
    assert reason in failures[0].reason


@pytest.mark.parametrize("make", [case[1] for case in LINKS], ids=[c[0] for c in LINKS])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_a_glob_does_not_look_for_is_no_failure_of_it(
    tmp_path: Path, make: Callable[[Path], object]
):
    (tmp_path / "good.md").write_text("good")
    make(tmp_path / "other")
    documents, failures = read(tmp_path / "**" / "*.md")
    assert [d.id for d in documents] == ["good.md"]
    walked = (tmp_path / "other").is_symlink() and (tmp_path / "other").is_dir()
    assert [f.where for f in failures] == (["other"] if walked else [])


@pytest.mark.parametrize("place", ["caf\udce9.md", "caf\udce9/page.md"])
def test_a_name_that_is_not_utf8_is_named_with_a_mark_for_the_byte(tmp_path: Path, place: str):
    (tmp_path / "good.md").write_text("good")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("bad")
    documents, (failure,) = read(tmp_path)
    assert [d.id for d in documents] == ["good.md"]
    assert failure.where.startswith("caf\N{REPLACEMENT CHARACTER}")
    assert "not UTF-8; rename it" in failure.reason
    json.dumps(failure.where).encode()
    failure.where.encode()


@pytest.mark.parametrize("pattern", [".", "**", "**/*", "**/*.md", "**/**/*.md"])
def test_looped_links_give_each_file_once(tmp_path: Path, pattern: str):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for place in ("x.md", "a/y.md"):
        (tmp_path / place).write_text("text")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "b" / "top").symlink_to(tmp_path)
    documents, failures = read(tmp_path / pattern)
    assert [d.id for d in documents] == ["x.md", "a/y.md"]
    assert failures == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("docs/*.md", ["top.md"]),
        ("docs/*", ["notes.txt", "top.md"]),
        ("docs/**/*.md", ["top.md", "a/mid.md", "a/b/low.md"]),
        ("docs/**", ["notes.txt", "top.md", "a/mid.md", "a/b/low.md"]),
        ("docs/**/b/*.md", ["a/b/low.md"]),
        ("docs/*/*.md", ["a/mid.md", "current/mid.md"]),
        ("docs/?*.[mt]*", ["notes.txt", "top.md"]),
        ("*/a/**/low.md", ["docs/a/b/low.md"]),
        ("docs/cur*/*.md", ["current/mid.md"]),
        ("docs/.h*/*.md", [".hidden/h.md"]),
    ],
)
def test_a_glob_finds_what_a_shell_would(tmp_path: Path, pattern: str, found: list[str]):
    for place in ("top.md", "notes.txt", "a/mid.md", "a/b/low.md", ".hidden/h.md", ".h.md"):
        (tmp_path / "docs" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / place).write_text("text")
    (tmp_path / "docs" / "folder.txt").mkdir()
    (tmp_path / "docs" / "current").symlink_to("a")
    documents, failures = read(tmp_path / pattern)
    assert [d.id for d in documents] == found
    assert failures == []


def test_folders_nested_deeper_than_python_recurses_are_walked(tmp_path: Path):
    before = Path.cwd()
    (tmp_path / "top.md").write_text("top")
    try:
        os.chdir(tmp_path)
        for _ in range(1010):
            Path("a").mkdir()
            os.chdir("a")
        Path("deep.md").write_text("deep")
    finally:
        os.chdir(before)
    documents, failures = read(tmp_path)
    assert [d.id for d in documents] == ["top.md"]
    (failure,) = failures
    assert "has an id of 2,027 characters" in failure.reason
    os.system(f"rm -rf {tmp_path / 'a'}")  # shutil.rmtree recurses too


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkfifo, "is a named pipe"),
        (lambda at: at.symlink_to(at.name), "is a link that leads back to itself"),
        (lambda at: at.symlink_to("nowhere"), "is a link that leads nowhere"),
        (lambda at: None, "nothing is at"),
    ],
)
def test_a_source_at_what_is_no_file_says_what_is_there(
    tmp_path: Path, make: Callable[[Path], object], says: str
):
    make(tmp_path / "x.md")
    with pytest.raises(SourceError, match=says):
        read(tmp_path / "x.md")


def test_a_path_longer_than_the_system_takes_is_an_error_of_ours(tmp_path: Path):
    with pytest.raises(SourceError, match="cannot be read") as caught:
        read(tmp_path / ("x" * 5000))
    assert len(str(caught.value)) < 600


# Contents that cannot be read

BAD: dict[str, tuple[bytes, str]] = {
    "deep.jsonl": (row(m=0)[:-2] + b"[" * 990 + b"]" * 990 + b"}", "nested too deeply"),
    "deep_objects.jsonl": (b'{"a":' * 200 + b"1" + b"}" * 200, "nested too deeply"),
    "nan.jsonl": (b'{"id": "a", "text": "x", "m": NaN}', "NaN is no JSON number"),
    "infinite.jsonl": (b'{"id": 1e400, "text": "x"}', "1e400 is too large"),
    "long_number.jsonl": (b'{"id": ' + b"9" * 5000 + b"}", "a whole number is too long"),
    "id_list.jsonl": (row(id=["9"] * 500_000), "expected a string or a whole number"),
    "id_bool.jsonl": (row(id=True), '"id" is True'),
    "title_number.jsonl": (row(title=5), '"title" is int 5, expected a string'),
    "uri_list.jsonl": (row(uri=["z"]), '"uri" is list'),
    "url_number.jsonl": (row(url=5), '"url" is int 5'),
    "many_fields.jsonl": (row(**{f"k{n}": 1 for n in range(999)}), "has 1,001 fields"),
    "surrogate.jsonl": (row(tag="\ud83d"), "lone surrogate"),
    "utf16.jsonl": ('{"text": "x"}'.encode("utf-16"), "is UTF-16"),
    "empty.jsonl": (b"\n\n", "is empty"),
    "wide.csv": (",".join(["a"] * 1_000_000).encode(), "has 1,000,000 columns; at most 1,000"),
    "wide_and_twice.csv": (",".join(["a"] * 999).encode() + b"\n1", "the column 'a' twice"),
    "no_rows.csv": (b"a,b\n", "holds no row below its header"),
    "empty.csv": (b"\n", "is empty"),
    "utf16.csv": ("a,b\n1,2".encode("utf-16"), "is UTF-16"),
    "utf16.md": ("text".encode("utf-16"), "is UTF-16"),
    "bom.md": (b"\xef\xbb\xbf", "is empty"),
    "nul.md": (b"a\0b", "is binary"),
    "zipped.md.gz": (b"\x1f\x8b\x08 broken", "is not UTF-8"),
    "deep.html": (b"<p>first</p>" + b"<div>" * 2500 + b"deep", "nested more than 2,048"),
    "hollow.html": (b"<script>x</script>", "is empty"),
    "locked.pdf": (encrypted(), "is no readable PDF"),
    "cut.pdf": (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "is no readable PDF"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore")
def test_a_bad_file_is_named_in_a_short_message_and_the_rest_is_read(tmp_path: Path, name: str):
    data, reason = BAD[name]
    (tmp_path / name).write_bytes(data)
    for good in ("0.md", "z.jsonl"):
        (tmp_path / good).write_text("good" if good == "0.md" else '{"id": "good", "text": "x"}')
    documents, failures = read(tmp_path)
    assert [d.id for d in documents] == ["0.md", "good"]
    assert {f.origin for f in failures} == {name}
    assert reason in failures[0].reason
    assert max(len(f.reason) for f in failures) < 1000


def test_a_bad_row_of_a_table_costs_no_other_row(tmp_path: Path):
    rows = [b"a,b", b"1,one", b'"2"x,two', b"3,three", b"caf\xe9,four", b'"5', b"6,six", b"7"]
    (tmp_path / "t.csv").write_bytes(b"\n".join(rows))
    documents, failures = read(tmp_path)
    assert [d.text for d in documents] == ["a: 1\nb: one", "a: 3\nb: three", "a: 6\nb: six"]
    assert [f.where for f in failures] == [f"t.csv row {n}" for n in (2, 4, 5, 7)]
    reasons = ["is no CSV", "is not UTF-8", "is no CSV", "has 1 cells"]
    assert all(why in f.reason for why, f in zip(reasons, failures, strict=True))


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_a_table_is_read_whatever_ends_its_lines(tmp_path: Path, ends: bytes):
    (tmp_path / "t.csv").write_bytes(
        b"\xef\xbb\xbf" + ends.join([b"a,b", b"1,one", b"", b'"2', b'two",x', b""])
    )
    documents, failures = read(tmp_path)
    assert failures == []
    assert [" ".join(d.text.split()) for d in documents] == ["a: 1 b: one", "a: 2 two b: x"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<body><form action=x><h1>Title</h1><p>Whole page</p></form></body>", "Whole page"),
        ("<body><p>one</p></body></html><p>behind the end</p>", "behind the end"),
        ("<body><p>one</p></body></html>behind the end", "behind the end"),
        ("<html><body>one</body><body>second body</body></html>", "second body"),
        ("<div>" * 2000 + "deep" + "</div>" * 2000, "deep"),
    ],
)
def test_no_part_of_a_page_is_dropped_in_silence(tmp_path: Path, page: str, text: str):
    (tmp_path / "p.html").write_text(page)
    (document,), failures = read(tmp_path)
    assert failures == []
    assert text in document.text


def test_pages_of_a_pdf_that_are_pictures_are_named_and_the_rest_is_read(tmp_path: Path):
    (tmp_path / "p.pdf").write_bytes(partly_scanned())
    (document,), (failure,) = read(tmp_path)
    assert document.text == "Warranty lasts two years"
    assert failure.reason.startswith("page 3: a picture and no text")


def test_controls_of_a_form_are_no_content(tmp_path: Path):
    (tmp_path / "p.html").write_text(
        "<form><p>Say</p><select><option>Andorra</select><textarea>x</textarea>"
        "<button>Send</button></form>"
    )
    (document,), _ = read(tmp_path)
    assert document.text == "Say"


def test_a_heading_of_a_megabyte_does_not_stand_beside_every_passage(tmp_path: Path):
    (tmp_path / "p.md").write_text(f"# {'word ' * 200_000}\n\n" + "Some text. " * 2_000)
    (document,), _ = read(tmp_path)
    assert max(len(span.title) for span in split(document)) <= 1000
