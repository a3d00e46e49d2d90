"""Office files as documents."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.reading import office
from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.retrieval.reading.loading import read_source

_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_CORE = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"


def archive(parts: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return made.getvalue()


def links(*targets: tuple[str, str]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_LINKS}">{listed}</Relationships>'


def package(main: str, kind: str, parts: Mapping[str, str], core: str = "") -> bytes:
    """An Office file: its main part with the others, and its properties."""
    core_kind = "application/vnd.openxmlformats-package.core-properties+xml"
    types = (
        f'<Types xmlns="{_TYPES}"><Default Extension="rels" ContentType="application/'
        'vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/{main}" ContentType="{kind}"/>'
        f'<Override PartName="/docProps/core.xml" ContentType="{core_kind}"/></Types>'
    )
    properties = (
        f'<cp:coreProperties xmlns:cp="{_CORE}" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:dcterms="http://purl.org/dc/terms/">{core}</cp:coreProperties>'
    )
    own = links(
        (f"{_OFFICE}/officeDocument", main),
        (f"{_LINKS}/metadata/core-properties", "docProps/core.xml"),
    )
    return archive(
        {
            "[Content_Types].xml": types,
            "_rels/.rels": own,
            "docProps/core.xml": properties,
            **parts,
        }
    )


def docx(body: str, core: str = "") -> bytes:
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    return package("word/document.xml", kind, {"word/document.xml": document}, core)


def paragraph(text: str, style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{look}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def xlsx(**sheets: list[tuple[str, ...]]) -> bytes:
    named = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, start=1)
    )
    book = f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{named}</sheets></workbook>'
    parts = {"xl/workbook.xml": book}
    for n, rows in enumerate(sheets.values(), start=1):
        written = "".join(
            f'<row r="{r}">{"".join(_cell(r, c, text) for c, text in enumerate(row))}</row>'
            for r, row in enumerate(rows, start=1)
        )
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f'<worksheet xmlns="{_SHEET}"><sheetData>{written}</sheetData></worksheet>'
        )
    of_sheets = [
        (f"{_OFFICE}/worksheet", f"worksheets/sheet{n + 1}.xml") for n in range(len(sheets))
    ]
    parts["xl/_rels/workbook.xml.rels"] = links(*of_sheets)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    return package("xl/workbook.xml", kind, parts)


def _cell(row: int, column: int, text: str) -> str:
    place = f"{'ABCDEFG'[column]}{row}"
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def pptx(*slides: tuple[str, str], core: str = "") -> bytes:
    def shape(kind: str, text: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:cNvSpPr/><p:nvPr><p:ph type="{kind}"/>'
            "</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r>"
            f"<a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in range(1, len(slides) + 1))
    spaces = f'xmlns:p="{_SLIDE}" xmlns:a="{_DRAWING}" xmlns:r="{_OFFICE}"'
    parts = {
        "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{listed}</p:sldIdLst>"
        "</p:presentation>",
        "ppt/_rels/presentation.xml.rels": links(
            *((f"{_OFFICE}/slide", f"slides/slide{n + 1}.xml") for n in range(len(slides)))
        ),
    }
    for n, (title, body) in enumerate(slides, start=1):
        parts[f"ppt/slides/slide{n}.xml"] = (
            f"<p:sld {spaces}><p:cSld><p:spTree>{shape('title', title)}{shape('body', body)}"
            "</p:spTree></p:cSld></p:sld>"
        )
    kind = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    return package("ppt/presentation.xml", kind, parts, core)


def epub(body: str, metadata: str) -> bytes:
    container = (
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="c.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata><manifest>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "c.opf": opf,
            "a.xhtml": page,
        }
    )


def read(folder: Path, name: str, data: bytes) -> Document:
    (folder / name).write_bytes(data)
    [document] = read_source("s", folder / name)
    assert isinstance(document, Document), document
    return document


def test_each_office_file_is_read_with_headings_and_tables(tmp_path: Path):
    told = "<dc:title>{}</dc:title>"
    body = (
        paragraph("Refunds", "Heading1")
        + paragraph("Within 30 days.")
        + paragraph("Abroad", "Heading2")
        + table(("Zone", "Days"), ("EU", "3"))
    )
    book = "<h1>Refunds</h1><p>Within 30 days.</p><table><tr><td>EU</td><td>3</td></tr></table>"
    read_ones = [
        read(tmp_path, "a.docx", docx(body, told.format("Policy"))),
        read(tmp_path, "a.pptx", pptx(("Refunds", "Within 30 days."), core=told.format("Policy"))),
        read(tmp_path, "a.epub", epub(book, told.format("Policy"))),
    ]
    assert [d.title for d in read_ones] == ["Policy"] * 3
    word, slides, made = (d.text for d in read_ones)
    assert word.endswith(" Abroad\n\nZone | Days\nEU | 3")
    assert [span.title for span in split(read_ones[0])] == [
        "Policy > Refunds",
        "Policy > Refunds > Abroad",
    ]
    assert slides == "## Refunds\n\nWithin 30 days."
    assert made == "# Refunds\n\nWithin 30 days.\n\nEU | 3"


def test_each_sheet_and_slide_is_found_by_its_title(tmp_path: Path):
    sheets = read(
        tmp_path, "prices.xlsx", xlsx(Lamps=[("Item", "Price"), ("Rowan", "12.5")], Zones=[("EU",)])
    )
    assert [span.title for span in split(sheets)] == ["prices > Lamps", "prices > Zones"]
    assert "Item | Price\nRowan | 12.5" in sheets.text
    slides = read(tmp_path, "plan.pptx", pptx(("Now", "Build it."), ("Next", "Ship it.")))
    assert [span.title for span in split(slides)] == ["Now", "Now > Next"]


def test_every_passage_of_a_long_sheet_has_its_header(tmp_path: Path):
    rows = [("Item", "Price"), *((f"Lamp number {n}", f"{n}.5") for n in range(500))]
    document = read(tmp_path, "prices.xlsx", xlsx(Lamps=rows))
    passages = [document.text[span.start : span.end] for span in split(document)]
    assert len(passages) > 5
    assert all("Item | Price" in passage for passage in passages)
    assert all(f"\nLamp number {n} | {n}.5" in document.text for n in range(500))


def test_signs_that_xml_writes_as_entities_are_read(tmp_path: Path):
    text = "R&amp;D: a &lt; b &gt; c &quot;x&quot; &#8217; &#x26; d_e * f"
    plain = 'R&D: a < b > c "x" \u2019 & d_e * f'
    word = read(tmp_path, "a.docx", docx(paragraph(text), "<dc:title>Q&amp;A</dc:title>"))
    assert (word.title, word.text) == ("Q&A", plain)
    assert read(tmp_path, "a.pptx", pptx(("One", text))).text == f"## One\n\n{plain}"
    assert read(tmp_path, "a.xlsx", xlsx(One=[(text, "x")])).text == f"## One\n\n{plain} | x"
    assert read(tmp_path, "a.epub", epub(f"<p>{text}</p>", "")).text == plain


def test_a_date_is_what_the_file_says_and_no_other(tmp_path: Path):
    changed = "<dcterms:created>2024-01-02T03:04:05Z</dcterms:created>{}"
    both = changed.format("<dcterms:modified>2025-06-07T08:09:10Z</dcterms:modified>")
    dates = [
        read(tmp_path, f"{n}.docx", docx(paragraph("x"), core)).date
        for n, core in enumerate(("", changed.format(""), both))
    ]
    assert dates == [None, "2024-01-02", "2025-06-07"]
    assert read(tmp_path, "a.epub", epub("<p>x</p>", "<dc:date>2019-05-06</dc:date>")).date == (
        "2019-05-06"
    )


def test_without_the_extra_the_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "kreuzberg", None)
    (tmp_path / "a.docx").write_bytes(docx(paragraph("x")))
    (tmp_path / "b.md").write_text("beside it")
    failure, beside = read_source("s", tmp_path)
    assert isinstance(failure, Failure)
    assert "pip install 'langchain-agent-knowledge[office]'" in failure.reason
    assert isinstance(beside, Document)


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".epub"])
@pytest.mark.parametrize("data", [b"", b"no archive", archive({"x": "y"}), docx("<w:p>")[:300]])
def test_a_broken_file_fails_alone(tmp_path: Path, suffix: str, data: bytes):
    (tmp_path / f"a{suffix}").write_bytes(data)
    (tmp_path / "b.md").write_text("beside it")
    failure, beside = read_source("s", tmp_path)
    assert isinstance(failure, Failure)
    assert (
        "cannot be parsed" in failure.reason
        or "is no" in failure.reason
        or "is empty" in failure.reason
    )
    assert isinstance(beside, Document)


def test_a_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.docx").write_bytes(docx(paragraph("a" * 10_000)))
    monkeypatch.setattr(office, "_UNPACKED_BYTES", 10_000)
    with pytest.raises(SourceError, match=r"unpacks to .* at most 10,000 are read"):
        list(read_source("s", tmp_path))


@pytest.mark.parametrize(("old", "now"), [(".doc", ".docx"), (".XLS", ".xlsx"), (".ppt", ".pptx")])
def test_an_older_format_says_what_to_save_it_as(old: str, now: str, tmp_path: Path):
    (tmp_path / f"prices{old}").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "beside.md").write_text("Read all the same.")
    (failure,) = [found for found in read_source("s", tmp_path) if isinstance(found, Failure)]
    assert failure.reason == f"is of an older format, which is not read; save it as {now}"
