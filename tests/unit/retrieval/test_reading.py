from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pypdf import PdfWriter

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.retrieval.reading.loading import read_source


def read(path: Path) -> tuple[list[Document], list[Failure]]:
    items = list(read_source("s", path))
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [item for item in items if isinstance(item, Failure)]


def jsonl(folder: Path, *lines: object) -> Path:
    path = folder / "rows.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def pdf(text: str, info: str = "") -> bytes:
    """A one-page PDF, written by hand: pypdf itself writes no text."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 612 792] >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< {info} >>".encode(),
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    trailer = b"trailer << /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return out + trailer % table


# What is read


def test_json_lines_keep_their_ids_titles_texts_and_metadata(tmp_path: Path):
    path = jsonl(
        tmp_path,
        {"id": "a", "title": "Pets", "text": "No pets.", "entity": "Inn", "date": "2026-01-02"},
        "",
        {"id": 7, "text": "Yes."},
        {"text": "No id.", "url": "https://example.org/x"},
    )
    (a, seven, none), failures = read(path)
    assert failures == []
    assert (a.id, a.title, a.text, a.keywords, a.date) == (
        "a",
        "Pets",
        "No pets.",
        "Inn",
        "2026-01-02",
    )
    assert (seven.id, seven.title) == ("7", "")
    assert (none.id, none.uri) == ("rows.jsonl#4", "https://example.org/x")
    assert a.uri == "s/rows.jsonl#a"


def test_a_csv_with_a_text_column_gives_that_text(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text(
        'id,title,text,tag\nr1,Hours,"Open 9 to 5,\nevery day",info\n', encoding="utf-8"
    )
    (row,), failures = read(path)
    assert failures == []
    assert (row.id, row.title, row.text, row.keywords) == (
        "r1",
        "Hours",
        "Open 9 to 5,\nevery day",
        "info",
    )


def test_a_csv_without_one_gives_every_column_by_name(tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_text("product;price\nLamp;30\nDesk;200\n", encoding="utf-8")
    (lamp, desk), _ = read(path)
    assert (lamp.id, lamp.text) == ("prices.csv#1", "product: Lamp\nprice: 30")
    assert (desk.id, desk.text) == ("prices.csv#2", "product: Desk\nprice: 200")


@pytest.mark.parametrize("field", ["entity", "hotel", "Venue name", "brand_2"])
def test_a_short_text_field_of_any_name_is_metadata_that_a_row_goes_by(tmp_path: Path, field: str):
    path = jsonl(tmp_path, {"title": "Is there a lift?", "text": "Yes.", field: "Harbour House"})
    (row,), _ = read(path)
    assert row.keywords == "Harbour House"
    table = tmp_path / "rows.csv"
    for header in (f"title,text,{field}", f"title,answer,{field}"):
        table.write_text(f'{header}\nIs there a lift?,"42",Harbour House\n', encoding="utf-8")
        (row,), _ = read(table)
        assert row.keywords == "Harbour House"


def test_a_wide_table_keeps_room_for_what_it_says(tmp_path: Path):
    path = tmp_path / "wide.csv"
    names = [f"column{n}" for n in range(40)]
    path.write_text(f"{','.join(names)}\n{','.join(names)}\n", encoding="utf-8")
    (row,), _ = read(path)
    assert row.keywords.split("\n") == names[:8]
    assert "column39: column39" in row.text


def test_a_folder_gives_one_document_a_file_by_relative_path(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "guide.md").write_text("# The guide\r\n\r\nRead it.\r\n", encoding="utf-8-sig")
    (tmp_path / "sub" / "notes.txt").write_text("Some notes", encoding="utf-8")
    (tmp_path / "LICENCE").write_text("Do as you like", encoding="utf-8")
    documents, failures = read(tmp_path)
    assert failures == []
    assert [(d.id, d.title, d.text) for d in documents] == [
        ("LICENCE", "LICENCE", "Do as you like"),
        ("guide.md", "The guide", "# The guide\n\nRead it.\n"),
        ("sub/notes.txt", "notes", "Some notes"),
    ]


def test_html_keeps_headings_lists_and_tables_and_drops_scripts(tmp_path: Path):
    path = tmp_path / "page.html"
    path.write_text(
        "<html><head><title>Acme</title><style>p{}</style></head><body><nav>Home</nav>"
        "<h1>Refunds</h1><p>Within\n 30 <b>days</b>.</p><script>alert(1)</script>"
        "<h2>How long</h2><ul><li>cards: 5 days</li><li><p>cash: now</p></li></ul>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<pre><code>if a:\n    b</code></pre></body></html>",
        encoding="utf-8",
    )
    (page,), failures = read(path)
    assert failures == []
    assert page.title == "Acme"
    assert page.text == (
        "# Refunds\n\nWithin 30 days.\n\n## How long\n\n- cards: 5 days\n- cash: now\n\n"
        "a | b\n1 | 2\n\nif a:\n    b"
    )


def test_deeply_nested_html_is_read(tmp_path: Path):
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 1500 + "deep" + "</div>" * 1500, encoding="utf-8")
    (page,), _ = read(path)
    assert page.text == "deep"


def test_pdf_text_is_read(tmp_path: Path):
    (tmp_path / "paper.pdf").write_bytes(pdf("Warranty lasts two years"))
    (paper,), failures = read(tmp_path)
    assert failures == []
    assert (paper.id, paper.title, paper.text) == ("paper.pdf", "paper", "Warranty lasts two years")


def test_a_glob_names_files_from_its_fixed_part(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.md").write_text("x", encoding="utf-8")
    (tmp_path / "a" / "y.txt").write_text("y", encoding="utf-8")
    documents, _ = read(tmp_path / "**" / "*.md")
    assert [d.id for d in documents] == ["a/x.md"]


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path: Path):
    folder = tmp_path / "docs [old]"
    folder.mkdir()
    (folder / "x.md").write_text("x", encoding="utf-8")
    assert [d.id for d in read(folder)[0]] == ["x.md"]


def test_hidden_files_are_skipped_and_a_symlink_that_leaves_the_folder_is_told(tmp_path: Path):
    folder = tmp_path / "docs"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config.txt").write_text("hidden", encoding="utf-8")
    (folder / ".secret.txt").write_text("hidden", encoding="utf-8")
    (folder / "open.txt").write_text("open", encoding="utf-8")
    (tmp_path / "outside.txt").write_text("outside", encoding="utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "alias.txt").symlink_to(folder / "open.txt")
    documents, failures = read(folder)
    assert [d.id for d in documents] == ["alias.txt", "open.txt"]
    (failure,) = failures
    assert failure.where == "link.txt"
    assert "leads out of the source" in failure.reason


# When it was written

ROWS = [
    ({"date": "2026-01-02T10:00:00Z"}, "2026-01-02"),
    ({"date": "2024-01-01", "updated": "2025-05-05"}, "2025-05-05"),
    ({"last_updated": 20250505}, "2025-05-05"),
    ({"date": "2999-01-01"}, None),
    ({"date": "2026-01-02 or later"}, None),
    ({"date": ["2026-01-02"]}, None),
    ({"departure": "2026-01-02"}, None),
]


@pytest.mark.parametrize(("fields", "day"), ROWS)
def test_a_json_line_is_of_the_date_that_it_tells(tmp_path: Path, fields: object, day: str | None):
    assert isinstance(fields, dict)
    (row,), _ = read(jsonl(tmp_path, {"id": "a", "text": "x", **fields}))
    assert row.date == day


def test_a_csv_row_is_of_the_date_in_its_column(tmp_path: Path):
    path = tmp_path / "prices.csv"
    path.write_text("product,Last Updated\nLamp,2025-05-05\nDesk,unknown\n", encoding="utf-8")
    (lamp, desk), _ = read(path)
    assert (lamp.date, desk.date) == ("2025-05-05", None)
    assert lamp.text == "product: Lamp\nLast Updated: 2025-05-05"
    assert (lamp.keywords, desk.keywords) == ("Lamp", "Desk")


@pytest.mark.parametrize(
    ("head", "body", "day"),
    [
        ('<meta property="article:modified_time" content="2025-05-05T10:00Z">', "", "2025-05-05"),
        ('<meta name="dcterms.date" content="2025-05-05">', "", "2025-05-05"),
        (
            '<meta http-equiv="last-modified" content="Mon, 05 May 2025 10:00:00 GMT">',
            '<time datetime="2024-01-01">',
            "2025-05-05",
        ),
        (
            '<meta name="date" content="2024-01-01">',
            '<time itemprop="dateModified" datetime="2025-05-05">yesterday</time>',
            "2025-05-05",
        ),
        ("", '<time class="dt-published">5 May 2025</time> <time>2024-01-01</time>', "2025-05-05"),
        ("", '<p>Of <time datetime="2025-05-05">last May</time></p>', "2025-05-05"),
        ("", "<p><time>2025-05-05</time> to <time>2025-05-06</time></p>", None),
        ('<meta name="date" content="2999-01-01">', "", None),
        ('<meta name="viewport" content="2025-05-05"><meta name="date">', "<time></time>", None),
    ],
)
def test_a_page_is_of_the_date_that_it_tells(tmp_path: Path, head: str, body: str, day: str | None):
    path = tmp_path / "page.html"
    path.write_text(f"<html><head>{head}</head><body><p>Text</p>{body}</body></html>")
    (page,), _ = read(path)
    assert page.date == day


@pytest.mark.parametrize(
    ("info", "day"),
    [
        ("/CreationDate (D:20240101120000Z) /ModDate (D:20250505101500+02'00')", "2025-05-05"),
        ("/CreationDate (D:20240101) /ModDate (never)", "2024-01-01"),
        ("/ModDate (D:29990101120000Z)", None),
        ("/ModDate /Nothing", None),
        ("", None),
    ],
)
def test_a_pdf_is_of_its_own_date(tmp_path: Path, info: str, day: str | None):
    (tmp_path / "paper.pdf").write_bytes(pdf("Warranty lasts two years", info))
    (paper,), failures = read(tmp_path)
    assert (paper.date, failures) == (day, [])


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html", "a.pdf", "a.jsonl", "a.csv"])
def test_when_a_file_was_written_is_no_date(tmp_path: Path, name: str):
    data = {".pdf": pdf("Text"), ".jsonl": b'{"text": "x"}', ".csv": b"a\nx\n"}
    (tmp_path / name).write_bytes(data.get(Path(name).suffix, b"Text"))
    (before,), _ = read(tmp_path)
    os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    (after,), _ = read(tmp_path)
    assert (before.date, after.date) == (None, None)
    assert before.content_hash == after.content_hash


# What cannot be read


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "is not JSON"),
        ('["a", "list"]', "is a JSON list, expected an object"),
        ('{"id": "b", "title": "T"}', "has no \"text\" (its keys: 'id', 'title')"),
        ('{"id": "b", "text": 5}', '"text" is int 5, expected a string'),
        ('{"id": "b", "text": "  "}', '"text" is empty'),
        ('{"id": ["b"], "text": "x"}', "\"id\" is ['b'], expected a string or a whole number"),
        ('{"id": "b", "text": "ab\\ud83d"}', '"text" has a lone surrogate (U+D83D) at character'),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_bad_json_line_is_reported_with_its_number_and_the_rest_is_read(
    tmp_path: Path, line: str, reason: str
):
    path = jsonl(tmp_path, {"id": "a", "text": "x"}, line, {"id": "c", "text": "y"})
    documents, (failure,) = read(path)
    assert [d.id for d in documents] == ["a", "c"]
    assert failure.where == "rows.jsonl line 2"
    assert reason in failure.reason


def test_a_line_that_is_no_utf8_is_reported(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "x"}\n{"text": "\xff"}\n')
    documents, (failure,) = read(path)
    assert len(documents) == 1
    assert failure.where == "rows.jsonl line 2"
    assert failure.reason == "is not UTF-8 (byte 10 of the line); save it as UTF-8"


def test_a_duplicate_id_is_reported_with_both_places_and_the_first_is_kept(tmp_path: Path):
    path = jsonl(tmp_path, {"id": "a", "text": "first"}, {"id": "a", "text": "second"})
    (document,), (failure,) = read(path)
    assert document.text == "first"
    assert failure.where == "rows.jsonl line 2"
    assert "'a' was given by rows.jsonl line 1 already" in failure.reason


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("image.png", b"\x89PNG\0\0", "is binary"),
        ("latin.txt", "caf\xe9".encode("latin-1"), "is not UTF-8 (byte 3)"),
        ("empty.md", b" \n", "is empty"),
        ("titled.md", b"---\ntitle: T\n---\n\n", "holds nothing but front matter"),
        ("broken.pdf", b"%PDF-1.7 nothing more", "is no readable PDF"),
        ("empty.html", b"", "is no readable HTML"),
        ("latin.csv", b"a,b\n\xff,1\n", "is not UTF-8"),
        ("twice.csv", b"a,a\n1,2\n", "every column needs a name of its own"),
        ("quote.csv", b'a,b\n"1,2\n', "is no CSV"),
        ("short.csv", b"a,b\n1\n", "does not have the 2 cells of the header"),
        ("long.csv", b"a,b\n1,2,3\n", "does not have the 2 cells of the header"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_bad_file_is_reported_and_the_rest_is_read(
    tmp_path: Path, name: str, data: bytes, reason: str
):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.md").write_text("good", encoding="utf-8")
    documents, (failure,) = read(tmp_path)
    assert [d.id for d in documents] == ["good.md"]
    assert failure.where.startswith(name)
    assert reason in failure.reason


def test_a_pdf_without_text_is_reported(tmp_path: Path):
    writer = PdfWriter()
    writer.add_blank_page(width=72, height=72)
    with (tmp_path / "scan.pdf").open("wb") as file:
        writer.write(file)
    (tmp_path / "good.md").write_text("good", encoding="utf-8")
    _, (failure,) = read(tmp_path)
    assert failure.reason == "holds no text; if it is a scan, run it through OCR first"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_reported(tmp_path: Path):
    (tmp_path / "locked.md").write_text("x", encoding="utf-8")
    (tmp_path / "locked.md").chmod(0)
    (tmp_path / "good.md").write_text("good", encoding="utf-8")
    _, (failure,) = read(tmp_path)
    assert failure.reason == "cannot be read (Permission denied)"


def test_a_path_with_nothing_at_it_says_what_to_do(tmp_path: Path):
    with pytest.raises(SourceError, match=r"nothing is at '.*gone'.*--remove s"):
        read(tmp_path / "gone")


def test_a_folder_without_a_readable_document_says_why(tmp_path: Path):
    (tmp_path / "image.png").write_bytes(b"\0")
    with pytest.raises(SourceError, match=r"no readable document in .*image\.png: is binary"):
        read(tmp_path)


def test_a_glob_that_matches_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(SourceError, match="no readable document"):
        read(tmp_path / "*.md")
