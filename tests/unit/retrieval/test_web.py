"""Web pages and sitemaps as documents of a source."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.config import SourceConfig
from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.reading.documents import Document, Failure, Kept, Known
from agent_knowledge.retrieval.reading.fetching import Fetched, Fetcher
from agent_knowledge.retrieval.reading.web import read_web
from tests.unit.retrieval.site import Reply, Site, html, serving
from tests.unit.retrieval.test_reading import pdf


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


def read(
    site: Site, spec: SourceConfig, held: Mapping[str, Known] | None = None
) -> tuple[list[Document], list[Failure], list[Kept]]:
    with site.fetcher() as fetcher:
        items = list(read_web("site", spec, fetcher, held or {}))
    documents = [item for item in items if isinstance(item, Document)]
    failures = [item for item in items if isinstance(item, Failure)]
    return documents, failures, [item for item in items if isinstance(item, Kept)]


def pages(site: Site, *paths: str) -> SourceConfig:
    return SourceConfig(url=tuple(site.url + path for path in paths))


def sitemap(*urls: str, kind: str = "urlset") -> Reply:
    entry = "url" if kind == "urlset" else "sitemap"
    listed = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    return Reply(f'<?xml version="1.0"?><{kind} {space}>{listed}</{kind}>'.encode())


def test_a_page_is_a_document_with_its_title_headings_and_date(site: Site):
    head = '<meta property="article:modified_time" content="2026-01-31T10:00:00Z">'
    text = "<h1>Refunds</h1><p>Within 30&nbsp;days.</p><ul><li>by card</li></ul><nav>Home</nav>"
    site.pages["/refunds?lang=en"] = html(text, "Refund policy", head)
    [document], failures, _ = read(site, pages(site, "/refunds?lang=en"))
    assert not failures
    assert document.id == document.uri == f"{site.url}/refunds?lang=en"
    assert (document.title, document.date) == ("Refund policy", "2026-01-31")
    assert document.text == "# Refunds\n\nWithin 30 days.\n\n- by card"


def test_of_a_page_that_marks_its_main_content_that_is_read(site: Site):
    around = "<header>Menu</header>{}<footer>Imprint</footer>"
    site.pages["/marked"] = html(around.format("<main><h1>Refunds</h1>Thirty days.</main>"))
    site.pages["/role"] = html(around.format("<div role='main'>Thirty days.</div>"))
    site.pages["/unmarked"] = html(around.format("<p>Thirty days.</p>"))
    site.pages["/empty"] = html(around.format("<main></main><p>Thirty days.</p>"))
    documents, _, _ = read(site, pages(site, *site.pages))
    assert [d.text for d in documents] == [
        "# Refunds\n\nThirty days.",
        "Thirty days.",
        *["Menu\n\nThirty days.\n\nImprint"] * 2,
    ]


def test_when_a_server_sent_a_page_is_no_date_of_the_page(site: Site):
    site.pages["/"] = html("undated", Last_Modified="Sat, 31 Jan 2026 10:00:00 GMT")
    [document], _, _ = read(site, pages(site, "/"))
    assert document.date is None
    assert document.known.modified == "Sat, 31 Jan 2026 10:00:00 GMT"


def test_markdown_text_pdf_and_other_charsets_are_read(site: Site):
    def told(kind: str) -> dict[str, str]:
        return {"Content-Type": kind}

    site.pages |= {
        "/a.md": Reply(b"---\ntitle: A\n---\n# One\n\ntwo", headers=told("text/plain")),
        "/b.txt": Reply("für".encode("latin-1"), headers=told("text/plain; charset=iso-8859-1")),
        "/c": Reply(pdf("Third page"), headers=told("application/pdf")),
        "/d": Reply("<p>Привет</p>".encode("cp1251"), headers=told("text/html;charset=cp1251")),
        "/e.jpg": Reply(b"\xff\xd8", headers=told("image/jpeg")),
    }
    documents, [failure], _ = read(site, pages(site, *site.pages))
    assert [d.title for d in documents] == ["A", "b", "c", "d"]
    assert [d.text.split()[-1] for d in documents] == ["two", "für", "page", "Привет"]
    assert "image/jpeg" in failure.reason


def test_a_page_that_fails_keeps_its_entry_and_404_removes_it(site: Site):
    site.pages |= {"/down": Reply(status=500), "/gone": Reply(status=410), "/": html("x")}
    held = {f"{site.url}{path}": Known() for path in ("/down", "/gone", "/404")}
    documents, [failure], kept = read(site, pages(site, "/down", "/gone", "/404", "/"), held)
    assert [d.id for d in documents] == [f"{site.url}/"]
    assert (failure.id, failure.origin) == (f"{site.url}/down", f"{site.url}/down")
    assert "answered 500" in failure.reason
    assert not kept


def test_a_page_that_never_was_is_told(site: Site):
    _, [failure], _ = read(site, pages(site, "/typo"))
    assert "answered 404" in failure.reason
    assert failure.id == "", "or it would be kept for ever, were it stored"


def test_what_a_server_says_is_unchanged_is_kept(site: Site):
    site.pages["/"] = lambda sent: (
        Reply(status=304) if sent.get("If-None-Match") == '"7"' else html("x", ETag='"7"')
    )
    spec = pages(site, "/")
    [first], _, _ = read(site, spec)
    held = {first.id: first.known}
    assert read(site, spec, held) == ([], [], [Kept(id=first.id)])


def test_a_password_in_an_address_is_shown_nowhere(site: Site):
    spec = SourceConfig(url=site.url.replace("//", "//me:hunter2@") + "/")
    documents, [failure], _ = read(site, spec)
    assert not documents
    assert "names a user" in failure.reason
    assert failure.where == f"{site.url}/"
    assert "hunter2" not in failure.where + failure.reason + failure.origin
    _, [failure], _ = read(site, SourceConfig(url="https://me:hunter2@example.org?q=a@b"))
    assert failure.where == "https://example.org?q=a@b"


@pytest.mark.parametrize(
    "charset",
    [
        *("charset=idna", "charset=undefined", "charset=punycode", "charset=zlib", "charset=none"),
        *("charset*=a'b'%00", "charset*=idna'b'x", 'charset="a b"'),
    ],
)
def test_a_charset_that_is_none_is_passed_over(site: Site, charset: str):
    page = html("fine <b>text</b>")
    site.pages["/"] = Reply(page.body, headers={"Content-Type": f"text/html; {charset}"})
    [document], failures, _ = read(site, pages(site, "/"))
    assert (document.text, failures) == ("fine text", [])


@pytest.mark.parametrize("path", ["/page", "/robots.txt"])
def test_a_redirect_to_no_address_fails_that_page_alone(site: Site, path: str):
    site.pages |= {path: Reply(status=302, headers={"Location": "http://["}), "/good": html("x")}
    documents, failures, _ = read(site, pages(site, "/page", "/good"))
    assert "leads to no address" in failures[0].reason
    assert len(documents) == (path == "/page"), "nothing is read of a host without its robots.txt"


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
def test_a_validator_of_any_bytes_is_sent_as_it_came(site: Site, validator: str):
    asks = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[validator]
    told = {validator: '"\xe9"'}
    site.pages["/"] = lambda sent: (
        Reply(status=304) if sent.get(asks) == '"\xe9"' else html("x", **told)
    )
    [first], _, _ = read(site, pages(site, "/"))
    assert read(site, pages(site, "/"), {first.id: first.known}) == ([], [], [Kept(id=first.id)])
    odd = {first.id: Known(etag="\u20ac", modified="\u20ac")}
    assert read(site, pages(site, "/"), odd)[0] == [first]


def test_whatever_a_page_provokes_ends_with_that_page(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.pages |= {"/bad": html("bad"), "/good": html("good")}
    get = Fetcher.get

    def provoked(self: Fetcher, url: str, *how: Any, **more: Any) -> Fetched:
        if url.endswith("/bad"):
            msg = "unheard of"
            raise RuntimeError(msg)
        return get(self, url, *how, **more)

    monkeypatch.setattr(Fetcher, "get", provoked)
    [document], [failure], _ = read(site, pages(site, "/bad", "/good"))
    assert document.text == "good"
    assert failure.id == f"{site.url}/bad"
    assert failure.reason == "cannot be read (RuntimeError: unheard of)"
    below = [f"{site.url}/1/bad", f"{site.url}/2.xml"]
    site.pages["/sitemap.xml"] = sitemap(*below, kind="sitemapindex")
    site.pages["/2.xml"] = sitemap(f"{site.url}/good")
    [document], [failure], _ = read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert (document.text, failure.origin) == ("good", below[0])
    assert failure.reason == "cannot be read (RuntimeError: unheard of)"


# Sitemaps


def test_a_sitemap_names_the_pages_that_are_read(site: Site):
    site.pages["/sitemap.xml"] = sitemap(*(f"{site.url}/{p}" for p in ("docs/a", "docs/b", "x")))
    site.pages |= {"/docs/a": html("a"), "/docs/b": html("b"), "/x": html("x")}
    spec = SourceConfig(sitemap=f"{site.url}/sitemap.xml", include=f"{site.url}/docs/*")
    documents, failures, _ = read(site, spec)
    assert [d.text for d in documents] == ["a", "b"]
    assert not failures
    assert site.paths == ["/sitemap.xml", "/docs/a", "/docs/b"]


def test_sitemaps_of_sitemaps_are_read_two_deep(site: Site):
    def below(number: int) -> str:
        return f"{site.url}/{number}.xml"

    site.pages["/sitemap.xml"] = sitemap(below(1), below(9), kind="sitemapindex")
    site.pages["/1.xml"] = sitemap(below(2), below(1), kind="sitemapindex")
    packed = sitemap(f"{site.url}/a").body
    site.pages["/2.xml"] = Reply(
        gzip.compress(packed), headers={"Content-Type": "application/gzip"}
    )
    site.pages["/a"] = html("a")
    documents, [failure], _ = read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert [(d.text, d.origin) for d in documents] == [("a", below(2))]
    # Pages that it named before have it as their origin, and are kept.
    assert (failure.origin, failure.id) == (below(9), None)
    site.pages["/2.xml"] = sitemap(below(3), kind="sitemapindex")
    _, failures, _ = read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert "more than 2 deep" in failures[-1].reason


def test_pages_beyond_the_limit_and_of_other_hosts_are_told(site: Site):
    elsewhere = [f"https://elsewhere.example/{n}" for n in range(3)]
    own = [f"{site.url}/{n}" for n in range(4)]
    site.pages["/sitemap.xml"] = sitemap(*elsewhere, *own)
    site.pages |= {f"/{n}": html(str(n)) for n in range(4)}
    spec = SourceConfig(sitemap=f"{site.url}/sitemap.xml", limit=2)
    documents, [limited, foreign], _ = read(site, spec)
    assert [d.text for d in documents] == ["0", "1"]
    assert (
        "names 4 pages, of which the first 2 are read; raise sources.site.limit" in limited.reason
    )
    assert "3 pages of another host, 'elsewhere.example'" in foreign.reason
    assert limited.id, "or all pages of the sitemap would be kept for ever"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=404), "answered 404"),
        (Reply(b"User-agent: *"), "is no XML"),
        (Reply(b"<rss></rss>"), "its root is 'rss'"),
        (Reply(b""), "is no XML"),
    ],
)
def test_a_sitemap_that_is_none_leaves_the_index_as_it_is(site: Site, reply: Reply, says: str):
    site.pages["/sitemap.xml"] = reply
    with pytest.raises(SourceError, match=f"{says}.*left as it is"):
        read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))


def test_a_sitemap_below_another_is_fetched_in_its_turn(site: Site):
    below = [f"{site.url}/{n}.xml" for n in (1, 2)]
    site.pages["/sitemap.xml"] = sitemap(*below, kind="sitemapindex")
    for n in (1, 2):
        site.pages |= {f"/{n}.xml": sitemap(f"{site.url}/{n}"), f"/{n}": html(str(n))}
    read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert site.paths == ["/sitemap.xml", "/1.xml", "/1", "/2.xml", "/2"]


@pytest.mark.parametrize(
    ("count", "padding", "is_packed", "says"),
    [
        (50_000, 0, False, None),
        (50_001, 0, False, "names more than 50,000 addresses"),
        (1, 50 * 2**20, False, "has more than 52,428,800 bytes"),
        (1, 5_000_000, True, "times its size"),
    ],
)
def test_a_sitemap_is_as_large_as_the_protocol_lets(
    site: Site, count: int, padding: int, is_packed: bool, says: str | None
):
    body = sitemap(*(f"{site.url}/{n}" for n in range(count))).body + b" " * padding
    site.pages["/1.xml"] = Reply(gzip.compress(body) if is_packed else body)
    site.pages["/sitemap.xml"] = sitemap(f"{site.url}/1.xml", kind="sitemapindex")
    site.pages["/0"] = html("first")
    spec = SourceConfig(sitemap=f"{site.url}/sitemap.xml", limit=1)
    documents, failures, _ = read(site, spec)
    if says:
        assert says in failures[0].reason
        assert failures[0].origin == f"{site.url}/1.xml", "pages that it named before are kept"
    assert [d.text for d in documents] == ([] if says else ["first"])


def test_a_sitemap_names_pages_where_the_protocol_has_them(site: Site):
    inner = f"<image><loc>{site.url}/image</loc></image>"
    entries = f"<!-- x --><loc>{site.url}/top</loc><url>{inner}<loc> {site.url}/a\n</loc></url>"
    site.pages["/sitemap.xml"] = Reply(
        f"<urlset>{entries}text<url><loc/></url>{entries}</urlset>".encode()
    )
    site.pages["/a"] = html("a")
    documents, failures, _ = read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert ([d.text for d in documents], failures) == (["a"], [])


def test_a_sitemap_reads_no_file(site: Site, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text(f"{site.url}/stolen")
    kinds = f'<!DOCTYPE x [<!ENTITY f SYSTEM "{secret.as_uri()}">]>'
    listed = f"<url><loc>&f;</loc></url><url><loc>{site.url}/a</loc></url>"
    site.pages |= {
        "/sitemap.xml": Reply(f"{kinds}<urlset>{listed}</urlset>".encode()),
        "/a": html("a"),
    }
    documents, failures, _ = read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml"))
    assert [d.text for d in documents] == ["a"]
    assert not failures


def test_a_sitemap_grows_by_no_entity(site: Site):
    many = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    text = f'<!DOCTYPE x [<!ENTITY e0 "e">{many}]><urlset><url><loc>&e9;</loc></url></urlset>'
    site.pages["/sitemap.xml"] = Reply(text.encode())
    with suppress(SourceError):  # newer parsers refuse the whole, older ones resolve nothing
        assert read(site, SourceConfig(sitemap=f"{site.url}/sitemap.xml")) == ([], [], [])
    assert site.paths == ["/sitemap.xml"]
