"""Connections to the open internet, and to no address of this machine or its network.

Whoever writes a configuration, a sitemap or a redirect says where this machine connects to. So an
address is checked where the connection is made, after its name was resolved. No proxy of the
environment is used: the check would be the proxy's.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpcore

from agent_knowledge.config.files import UnreadableError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # IETF protocol assignments (RFC 6890); Oracle's metadata: 192.0.0.192
            "168.63.129.16/32",  # Azure's host, which answers every virtual machine
            "fec0::/10",  # site-local addresses of old (RFC 3879)
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
"""What is of no open internet, though Python's `is_global` says so, in some of its versions."""


class PrivateAddressError(UnreadableError):
    """A name resolves to an address that is not on the open internet."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open internet, and so is whatever it wraps.

    `is_global` alone lets multicast, NAT64, 6to4 and `_NOT_PUBLIC` through.
    """
    if isinstance(address, IPv6Address):
        wrapped: list[IPv4Address] = [a for a in (address.ipv4_mapped, address.sixtofour) if a]
        wrapped += address.teredo or ()
        if address in _NAT64:
            wrapped.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if wrapped:
            return all(map(is_public, wrapped))
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class PublicOnly(httpcore.NetworkBackend):
    """Connects to the very address that it has checked, so no second resolution can differ."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        """Take the host names that may be private, which the host program alone can say."""
        self._allowed = frozenset(name.lower() for name in allowed)
        self._inner = httpcore.SyncBackend()
        self.until = 0.0
        """When the request under way must be over, on the monotonic clock."""

    def connect_tcp(  # noqa: D102 - httpcore's signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
        for address in addresses:  # one private one among several refuses the name
            if host.lower() not in self._allowed and not is_public(_parsed(address)):
                msg = (
                    f"{host} is at {address}, which is no public address; where it may be read "
                    f"all the same, index with --allow-private {host}"
                )
                raise PrivateAddressError(msg)
        stream = self._connected(addresses, port, timeout, local_address, socket_options)
        return _Bounded(stream, self.left)

    def _connected(self, addresses: list[str], port: int, *how: Any) -> httpcore.NetworkStream:
        """Connect to the first address that answers: a machine may have no way to IPv6."""
        for address in addresses[:-1]:
            try:
                return self._inner.connect_tcp(address, port, *how)
            except httpcore.NetworkError:
                continue
        return self._inner.connect_tcp(addresses[-1], port, *how)

    def left(self, timeout: float | None) -> float:
        """Seconds that the next step may take.

        Raises:
            httpcore.ReadTimeout: The request's time is over.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            msg = "it took too long as a whole"
            raise httpcore.ReadTimeout(msg)
        return left if timeout is None else min(left, timeout)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ipaddress.ip_address(address.partition("%")[0])


class _Bounded(httpcore.NetworkStream):
    """A connection on which a request ends in time, however slowly its answer drips."""

    def __init__(
        self, inner: httpcore.NetworkStream, left: Callable[[float | None], float]
    ) -> None:
        self._inner = inner
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Bounded(inner, self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
