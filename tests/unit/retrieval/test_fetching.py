"""What may be fetched from the web, and within which bounds."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import time
from collections.abc import Iterator

import pytest

from agent_knowledge.config.files import UnreadableError
from agent_knowledge.retrieval.reading.connecting import PrivateAddressError, is_public
from agent_knowledge.retrieval.reading.documents import Known
from agent_knowledge.retrieval.reading.fetching import (
    Fetcher,
    address_of,
    gathered,
    moved_to,
)
from tests.unit.retrieval.site import Reply, Site, html, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.0.170", "240.0.0.1", "::1", "::"),
        *("fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::"),
        *("2001:db8::1", "2001:0:7f00:1::", "192.0.0.192", "192.0.0.9", "168.63.129.16"),
        *("::ffff:168.63.129.16", "64:ff9b::a83f:8110", "fec0::1", "feff::1", "3fff::1"),
    ],
)
def test_private_and_metadata_addresses_are_refused(address: str):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "93.184.215.14", "192.0.1.1", "168.63.129.15", "2606:4700::1111"),
        *("::ffff:8.8.8.8", "64:ff9b::808:808"),
    ],
)
def test_public_addresses_are_not(address: str):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_name_of_this_machine_is_refused_where_it_is_connected_to(site: Site, host: str):
    site.pages["/"] = html("secret")
    url = site.url.replace("localhost", host)
    with (
        Fetcher(given=[url]) as fetcher,
        pytest.raises(PrivateAddressError, match=r"is no public address; .*--allow-private"),
    ):
        fetcher.get(url)
    assert not site.asked


def test_a_redirect_is_checked_again(site: Site):
    elsewhere = site.url.replace("localhost", "127.0.0.1")
    site.pages["/out"] = Reply(status=302, headers={"Location": f"{elsewhere}/secret"})
    site.pages["/secret"] = html("secret")
    with (
        Fetcher(allow_private=["localhost"], given=[site.url, elsewhere], pause_s=0) as fetcher,
        pytest.raises(PrivateAddressError, match=r"127\.0\.0\.1 is at"),
    ):
        fetcher.get(f"{site.url}/out")
    assert site.paths == ["/out"]


@pytest.mark.parametrize(
    ("start", "to", "says"),
    [
        ("localhost", "localhost", None),
        ("localhost", "LOCALHOST", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("localhost", "127.0.0.1", r"leads from 'localhost:\d+' to '127\.0\.0\.1:\d+'"),
        ("127.0.0.1", "LocalHost", "which may be private, and is not followed"),
    ],
)
@pytest.mark.parametrize("path", ["/out", "/robots.txt"])
def test_no_other_host_leads_to_one_that_may_be_private(
    site: Site, start: str, to: str, says: str | None, path: str
):
    first, second = (site.url.replace("localhost", host) for host in (start, to))
    site.pages[path] = Reply(status=302, headers={"Location": f"{second}/secret"})
    site.pages |= {"/secret": Reply(b"secret"), "/out": site.pages.get("/out", html("out"))}
    allowed = ["localhost", "127.0.0.1"]
    with Fetcher(allow_private=allowed, given=[first, second], pause_s=0) as fetcher:
        if says:
            with pytest.raises(UnreadableError, match=says):
                fetcher.get(f"{first}/out")
        else:
            assert fetcher.get(f"{first}/out").body
    assert ("/secret" in site.paths) == (says is None)


@pytest.mark.parametrize(
    ("given", "is_asked"),
    [
        ("http://localhost:{}/docs", True),
        ("https://LOCALHOST:{}", True),
        ("http://example.org:{}", False),
        ("http://localhost", False),
        ("http://[:{}", False),
    ],
)
def test_a_port_that_is_given_counts_for_its_own_host(site: Site, given: str, *, is_asked: bool):
    site.pages["/"] = html("x")
    url = given.format(site.url.rpartition(":")[2])
    with Fetcher(allow_private=["localhost"], given=[url], pause_s=0) as fetcher:
        if is_asked:
            assert fetcher.get(site.url).status == 200
        else:
            with pytest.raises(UnreadableError, match="another port than 80, 443"):
                fetcher.get(site.url)
    assert bool(site.asked) == is_asked


def test_a_name_that_resolves_to_two_addresses(site: Site, monkeypatch: pytest.MonkeyPatch):
    """One of them is private: a second try could connect to that, so neither is connected to."""
    rows = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, site.url.rpartition(":")[2]))
        for address in ("93.184.215.14", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    with Fetcher(given=[site.url]) as fetcher, pytest.raises(PrivateAddressError):
        fetcher.get(site.url)
    assert not site.asked


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "expected http"),
        ("ftp://example.org/", "expected http"),
        ("example.org", "expected http"),
        ("http:///x", "expected http"),
        ("http://user:secret@example.org/", "names a user"),
        ("http://example.org:22/", "another port"),
        ("http://example.org:99999/", "no address"),
        (f"http://{'a' * 70}.org/", "no address"),
    ],
)
def test_an_address_that_is_no_page_of_the_open_web_is_refused(url: str, says: str):
    with Fetcher() as fetcher, pytest.raises(UnreadableError, match=says) as caught:
        fetcher.get(url)
    assert "secret" not in str(caught.value)


def test_an_address_is_sent_as_servers_read_it():
    place = address_of(" https://Bücher.example:443/für alle?q=ä b&c=%20#part ")
    assert place.geturl() == "https://xn--bcher-kva.example/f%C3%BCr%20alle?q=%C3%A4%20b&c=%20"


def test_https_is_never_left_for_http():
    page = address_of("https://example.org/a/b")
    assert moved_to(page, "../c") == "https://example.org/c"
    assert moved_to(page, "//example.com/") == "https://example.com/"
    for lower in ("http://example.org/", "HTTP://example.org/"):
        with pytest.raises(UnreadableError, match="from https down to"):
            moved_to(page, lower)
    assert moved_to(address_of("http://example.org"), "https://example.org/").startswith("https")


@pytest.mark.parametrize("location", ["http://[", "//[", "http://[v1.x", "http://a]b/"])
def test_a_redirect_to_no_address_is_told(location: str):
    with pytest.raises(UnreadableError, match="leads to no address"):
        moved_to(address_of("https://example.org/"), location)


def test_redirects_are_followed_and_end(site: Site):
    site.pages["/old"] = Reply(status=301, headers={"Location": "new"})
    site.pages["/new"] = html("here")
    site.pages["/round"] = Reply(status=302, headers={"Location": "/round"})
    with site.fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/old").url == f"{site.url}/new"
        with pytest.raises(UnreadableError, match="more than 5 times"):
            fetcher.get(f"{site.url}/round")


def test_robots_are_respected(site: Site):
    site.pages["/robots.txt"] = Reply(
        b"User-agent: *\nDisallow: /\n\nUser-agent: agent-knowledge\nDisallow: /private*.html\n"
    )
    site.pages |= {"/open.html": html("open"), "/private1.html": html("closed")}
    site.pages["/moved"] = Reply(status=302, headers={"Location": "/private1.html"})
    with site.fetcher() as fetcher:
        assert fetcher.get(f"{site.url}/open.html").status == 200
        for path in ("/private1.html", "/moved"):
            with pytest.raises(UnreadableError, match=r"robots\.txt does not let"):
                fetcher.get(site.url + path)
    assert site.paths == ["/open.html", "/moved"]
    assert len(site.asked) == 3, "robots.txt is asked for once"


def test_a_host_that_cannot_say_what_robots_may_read_is_not_read(site: Site):
    site.pages |= {"/robots.txt": Reply(status=503), "/": html("open")}
    with site.fetcher() as fetcher:
        for _ in range(2):
            with pytest.raises(UnreadableError, match=r"robots\.txt answered 503"):
                fetcher.get(site.url)
    assert not site.paths


def test_the_pause_that_a_host_asks_for_is_kept(site: Site):
    site.pages |= {"/robots.txt": Reply(b"User-agent: *\nCrawl-delay: 0.3\n"), "/": html("x")}
    with site.fetcher() as fetcher:
        started = time.monotonic()
        fetcher.get(site.url)
        fetcher.get(site.url)
        assert time.monotonic() - started >= 0.3


def test_an_unchanged_page_is_not_fetched_whole(site: Site):
    page = html("long", ETag='"7"', Last_Modified="Sat, 31 Jan 2026 10:00:00 GMT")
    site.pages["/"] = lambda sent: (
        Reply(status=304)
        if (sent["If-None-Match"], sent["If-Modified-Since"])
        == ('"7"', "Sat, 31 Jan 2026 10:00:00 GMT")
        else page
    )
    with site.fetcher() as fetcher:
        first = fetcher.get(site.url)
        assert (first.status, first.known.etag) == (200, '"7"')
        again = fetcher.get(site.url, first.known)
        assert (again.status, again.body) == (304, b"")
        assert fetcher.get(site.url, Known(etag='"6"')).body


def test_a_gzip_bomb_ends_early(site: Site):
    bomb = gzip.compress(b"\0" * 20_000_000)
    site.pages["/bomb"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    site.pages["/fair"] = Reply(gzip.compress(b"a" * 10_000), headers={"Content-Encoding": "gzip"})
    site.pages["/torn"] = Reply(bomb[:-20], headers={"Content-Encoding": "gzip"})
    site.pages["/none"] = Reply(b"plain", headers={"Content-Encoding": "gzip"})
    with site.fetcher() as fetcher:
        with pytest.raises(UnreadableError, match="100 times its size"):
            fetcher.get(f"{site.url}/bomb")
        assert fetcher.get(f"{site.url}/fair").body == b"a" * 10_000
        for path in ("/torn", "/none"):
            with pytest.raises(UnreadableError):
                fetcher.get(site.url + path)


def test_a_bomb_is_never_held_whole():
    pieces = iter([gzip.compress(b"\0" * 20_000_000)] * 2)
    with pytest.raises(UnreadableError):
        gathered(pieces, 100_000_000, gzipped=True)
    assert next(pieces, None) is not None, "it ended with the first piece"


def test_a_page_that_is_too_large_or_too_slow_ends(site: Site):
    site.pages |= {"/large": Reply(b"a" * 2000), "/slow": Reply(b"a" * 1000, drip_s=0.05)}
    too_large = pytest.raises(UnreadableError, match="more than 1,000 bytes")
    with site.fetcher(most=1000) as fetcher, too_large:
        fetcher.get(f"{site.url}/large")
    with site.fetcher(total_s=0.5) as fetcher:
        started = time.monotonic()
        with pytest.raises(UnreadableError, match="in time"):
            fetcher.get(f"{site.url}/slow")
        assert time.monotonic() - started < 20, "fifty seconds is what the whole page takes"


def test_a_host_that_is_not_there_is_told():
    with serving(Site()) as gone:
        pass
    with gone.fetcher() as fetcher, pytest.raises(UnreadableError, match="cannot be fetched"):
        fetcher.get(gone.url)
