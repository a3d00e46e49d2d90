"""Fetching pages of the open web: no private address, within bounds, as far as robots.txt lets.

What may be connected to is checked in `connecting`, at every redirect anew.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from email.message import Message
from typing import Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore
from protego import Protego

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError
from agent_knowledge.errors import shown
from agent_knowledge.retrieval.reading.connecting import PrivateAddressError, PublicOnly
from agent_knowledge.retrieval.reading.documents import Known

USER_AGENT = "agent-knowledge"
"""What servers are told, and what a robots.txt names us by."""
_REDIRECTS = 5
"""In a row at most: a limit."""
_PAUSE_S = 0.25
"""Between two requests to one host, where it asks for no other pause: a limit of politeness."""
_LONGEST_PAUSE_S = 10.0
"""That a robots.txt can ask for: a limit."""
_ROBOTS_BYTES = 512_000
"""Of a robots.txt; RFC 9309 asks for 500 KiB at least."""
_FACTOR = 100
"""How many times its size a body may unpack to; HTML unpacks to five to ten times, zeros to 1,032:
a limit, above `_SMALL`."""
_SMALL = 1_000_000
"""Bytes that any body may unpack to: a limit."""
_MOVED = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_PATH = "/%:@!$&'()*+,;=~"
"""What stays as it is in a path, beside letters and digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a server answered.

    Attributes:
        url: Where it came from, after redirects.
        status: Of HTTP; 304 says that the page is as it was.
        body: Unpacked; empty unless the status is 200.
        kind: Its media type, as `text/html`; empty when the server tells none.
        charset: As the server tells it; may be empty.
        known: What to say to the server next time.
    """

    url: str
    status: int
    body: bytes
    kind: str
    charset: str
    known: Known


class Fetcher:
    """Fetches pages one after another, for one run: what a robots.txt says is asked once a host."""

    def __init__(
        self,
        *,
        allow_private: Collection[str] = (),
        given: Collection[str] = (),
        timeout_s: float = 20.0,
        total_s: float = 60.0,
        pause_s: float = _PAUSE_S,
        most: int = limits.DOCUMENT_BYTES,
    ) -> None:
        """Prepare; nothing is connected to yet.

        Args:
            allow_private: Hosts that may be at private addresses; no other host's redirect to
                them is followed.
            given: Addresses of the configuration: beside the usual ports theirs may be used, each
                at its own host.
            timeout_s: For each step of a request.
            total_s: For a request as a whole, without the pause before it.
            pause_s: Between two requests to one host, where its robots.txt asks for no other.
            most: Bytes of a body, unpacked.
        """
        self._backend = PublicOnly(allow_private)
        self._pool = httpcore.ConnectionPool(network_backend=self._backend, max_connections=10)
        self._private = frozenset(name.lower() for name in allow_private)
        self._given = frozenset(map(_host_and_port, given))
        self._timeout = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        self._total_s = total_s
        self._pause_s = pause_s
        self._most = most
        self._robots: dict[str, Protego | UnreadableError] = {}
        self._next_at: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Hand itself over."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self._pool.close()

    def get(self, url: str, known: Known | None = None, most: int | None = None) -> Fetched:
        """Fetch a page, its redirects followed.

        Args:
            url: Its address.
            known: What its server said of it before.
            most: Bytes of its body, unpacked, where fewer are accepted than of any page.

        Raises:
            UnreadableError: The address is refused, by us or by a robots.txt, or did not answer
                within the bounds.
        """
        bound = self._most if most is None else min(most, self._most)
        return self._followed(url, known or Known(), bound, heeds_robots=True)

    def _followed(self, url: str, known: Known, most: int, *, heeds_robots: bool) -> Fetched:
        place = self._checked(url)
        for _ in range(_REDIRECTS + 1):
            if heeds_robots:
                self._heed_robots(place)
            found, location = self._request(place, known, most)
            if location is None:
                return found
            place = self._led(place, self._checked(moved_to(place, location)))
        msg = f"is redirected more than {_REDIRECTS} times"
        raise UnreadableError(msg)

    def _checked(self, url: str) -> SplitResult:
        """An address that may be asked.

        Raises:
            UnreadableError: It may not.
        """
        place = address_of(url)
        host, port = _host_and_port(url)
        if port not in _PORTS.values() and (host, port) not in self._given:
            usual = ", ".join(map(str, sorted(_PORTS.values())))
            msg = (
                f"{shown(place.netloc)} is at another port than {usual}, which the configuration "
                "gives for no page of that host, and is not asked"
            )
            raise UnreadableError(msg)
        return place

    def _led(self, place: SplitResult, to: SplitResult) -> SplitResult:
        """Where a redirect leads.

        Raises:
            UnreadableError: To a host that may be private, from another: whoever writes that
                other's pages would say what is asked of this one.
        """
        if to.hostname != place.hostname and to.hostname in self._private:
            msg = (
                f"leads from {shown(place.netloc)} to {shown(to.netloc)}, which may be private, "
                "and is not followed"
            )
            raise UnreadableError(msg)
        return to

    def _heed_robots(self, place: SplitResult) -> None:
        """Raise when the host's robots.txt does not let us read a page."""
        origin = f"{place.scheme}://{place.netloc}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(f"{origin}/robots.txt")
        robots = self._robots[origin]
        if isinstance(robots, UnreadableError):
            raise robots
        if not robots.can_fetch(place.geturl(), USER_AGENT):
            msg = f"{origin}/robots.txt does not let {USER_AGENT!r} read it"
            raise UnreadableError(msg)

    def _read_robots(self, url: str) -> Protego | UnreadableError:
        """What a host asks of robots; where it cannot say, RFC 9309 has us read nothing of it."""
        try:
            found = self._followed(url, Known(), _ROBOTS_BYTES, heeds_robots=False)
        except PrivateAddressError as error:
            return error
        except UnreadableError as error:
            return UnreadableError(f"{url} cannot be read, so nothing there is ({error})")
        if found.status >= 500 or found.status == 429:
            return UnreadableError(f"{url} answered {found.status}, so nothing there is read")
        return Protego.parse(found.body.decode(errors="replace"))

    def _pause(self, place: SplitResult) -> None:
        """Wait until the host may be asked again."""
        robots = self._robots.get(f"{place.scheme}://{place.netloc}")
        asked = robots.crawl_delay(USER_AGENT) if isinstance(robots, Protego) else None
        pause = self._pause_s if asked is None else min(asked, _LONGEST_PAUSE_S)
        now = time.monotonic()
        at = max(now, self._next_at.get(place.netloc, now))
        time.sleep(at - now)
        self._next_at[place.netloc] = at + pause

    def _request(self, place: SplitResult, known: Known, most: int) -> tuple[Fetched, str | None]:
        """One request: what was answered, and where it leads when that is elsewhere."""
        self._pause(place)
        self._backend.until = time.monotonic() + self._total_s
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "text/html, text/*;q=0.9, */*;q=0.5",
            "Accept-Encoding": "gzip",
            "If-None-Match": known.etag,
            "If-Modified-Since": known.modified,
        }
        try:
            with self._pool.stream(
                "GET",
                place.geturl(),
                headers={name: _sent(value) for name, value in headers.items() if value},
                extensions={"timeout": self._timeout},
            ) as response:
                return self._answer(place, response, most)
        except httpcore.TimeoutException as error:
            msg = f"did not answer in time ({str(error) or 'time-out'})"
            raise UnreadableError(msg) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            msg = f"cannot be fetched ({str(error) or type(error).__name__})"
            raise UnreadableError(msg) from error

    def _answer(
        self, place: SplitResult, response: httpcore.Response, most: int
    ) -> tuple[Fetched, str | None]:
        headers = Message()
        for name, value in response.headers:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        body = b""
        if response.status == 200:
            packing = headers.get("Content-Encoding", "").strip().lower()
            if packing not in {"", "identity", "gzip", "x-gzip"}:
                msg = f"is packed as {shown(packing)}, though only gzip was accepted"
                raise UnreadableError(msg)
            body = gathered(response.iter_stream(), most, gzipped="gzip" in packing)
        found = Fetched(
            url=place.geturl(),
            status=response.status,
            body=body,
            kind=headers.get_content_type() if "Content-Type" in headers else "",
            charset=headers.get_content_charset("") or "",
            known=Known(etag=headers.get("ETag", ""), modified=headers.get("Last-Modified", "")),
        )
        return found, headers.get("Location") if response.status in _MOVED else None


def address_of(url: str) -> SplitResult:
    """Read the address of a page, its letters and signs encoded as a server is sent them.

    Raises:
        UnreadableError: It is none, or names a user.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        msg = "is no address"
        raise UnreadableError(msg) from error
    if parts.scheme not in _PORTS or not host:
        msg = "is no web address; expected http://... or https://..."
        raise UnreadableError(msg)
    if "@" in parts.netloc:
        msg = "names a user; pages behind a login are not read"
        raise UnreadableError(msg)
    return SplitResult(
        parts.scheme,
        host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}",
        quote(parts.path, safe=_PATH) or "/",
        quote(parts.query, safe=f"{_PATH}?[]"),
        "",
    )


def moved_to(place: SplitResult, location: str) -> str:
    """Where a redirect leads.

    Raises:
        UnreadableError: To no address, or from https down to http, where anybody on the way could
            say what is read.
    """
    try:
        url = urljoin(place.geturl(), location)
        scheme = urlsplit(url).scheme
    except ValueError as error:
        msg = f"leads to no address, {shown(location)}"
        raise UnreadableError(msg) from error
    if place.scheme == "https" and scheme == "http":
        msg = f"leads from https down to {shown(url)}, and is not followed"
        raise UnreadableError(msg)
    return url


def _sent(value: str) -> bytes:
    """The value of a header as it came: servers may put any byte into what they are told again."""
    return value.encode("latin-1", errors="replace")


def _host_and_port(url: str) -> tuple[str, int]:
    """The host and the port of an address; no host and port 0 of what is none."""
    try:
        parts = address_of(url)
    except UnreadableError:
        return "", 0
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def gathered(chunks: Iterable[bytes], most: int, *, gzipped: bool) -> bytes:
    """Join the pieces of a body, unpacked while they come.

    Raises:
        UnreadableError: It is larger than accepted, unpacks to too many times its size, or is
            broken.
    """
    unpack = zlib.decompressobj(wbits=31) if gzipped else None
    body = bytearray()
    came = 0
    for chunk in chunks:
        came += len(chunk)
        room = min(most, max(_SMALL, came * _FACTOR))
        try:
            body += unpack.decompress(chunk, room - len(body) + 1) if unpack else chunk
        except zlib.error as error:
            msg = "is no sound gzip"
            raise UnreadableError(msg) from error
        if len(body) > room:
            why = "" if room == most else f", {_FACTOR} times its size"
            msg = f"has more than {room:,} bytes{why}; no more are read"
            raise UnreadableError(msg)
    if unpack and (not unpack.eof or unpack.unused_data):
        msg = "is no sound gzip"
        raise UnreadableError(msg)
    return bytes(body)
