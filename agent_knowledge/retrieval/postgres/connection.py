"""Connections to PostgreSQL: a few that are kept, each use a transaction of one tenant.

A pool of our own, in a few lines, because a failed connection must say at once why it failed: one
that connects in the background tells only that there was none in time.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import IsolationLevel, conninfo, errors
from psycopg.pq import TransactionStatus

from agent_knowledge.errors import (
    ConfigError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from agent_knowledge.retrieval.postgres import schema

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

_LEAST_CONNECT_S = 2
"""Seconds: the server's own library takes no less for a time limit."""
_ALIVE_S = 60
"""Seconds of silence after which it is asked whether the server is there still: a limit."""
_GRACE_S = 1.0
"""Seconds that a server has to say itself that a statement took too long, before it counts as one
that hangs: a limit."""
_CANDIDATES = 200
"""What an approximate search looks at (`hnsw.ef_search`) before it tells the best 50: a limit. Of
random vectors, the worst case, it found 32 of the 50 nearest with pgvector's own 40."""

_Fault: TypeAlias = tuple[tuple[type[psycopg.Error], ...], type[StoreError], str]
_GRANTED = "GRANT USAGE ON SCHEMA agent_knowledge TO ROLE; GRANT {} ON ALL TABLES IN SCHEMA "
_WRITTEN_FAULTS: tuple[_Fault, ...] = (
    (
        (errors.InsufficientPrivilege,),
        StoreReadOnlyError,
        (
            "{where}: the role may not write ({why}); let it, by: GRANT CREATE ON DATABASE NAME TO "
            f"ROLE, or where the tables are there: {_GRANTED.format('ALL')}agent_knowledge TO ROLE"
        ),
    ),
)
_READ_FAULTS: tuple[_Fault, ...] = (
    (
        (errors.InsufficientPrivilege,),
        StoreError,
        (
            "{where}: the role may not read ({why}); let it, by: "
            f"{_GRANTED.format('SELECT')}agent_knowledge TO ROLE"
        ),
    ),
)
_FAULTS: tuple[_Fault, ...] = (
    (
        (errors.DiskFull,),
        StoreFullError,
        "{where} has no room left ({why}); nothing was changed: free some, and try again",
    ),
    (
        (errors.QueryCanceled, errors.LockNotAvailable),
        StoreUnavailableError,
        (
            "{where} did not answer within {timeout_s} s; raise store.timeout_s, or see what it is "
            "busy with"
        ),
    ),
    (
        (errors.DeadlockDetected, errors.SerializationFailure),
        StoreUnavailableError,
        "{where}: another process changed the same ({why}); nothing was changed: run it again",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        StoreReadOnlyError,
        "{where} can only be read ({why}); give store.url a server that is no replica",
    ),
    (
        (errors.UndefinedTable, errors.InvalidSchemaName),
        StoreError,
        schema.NOT_INDEXED,
    ),
    (
        (psycopg.OperationalError, psycopg.InterfaceError),
        StoreUnavailableError,
        "{where} cannot be reached ({why}); start it, or mend store.url",
    ),
)
"""What an error of the driver's is to us, and what is said of it; the first that fits."""


class Database:
    """A database, and the connections to it that are kept. Safe to share between threads."""

    def __init__(self, url: str, *, timeout_s: float, most: int) -> None:
        """Prepare; nothing is connected before the first use.

        Args:
            url: As libpq takes it, with or without a password.
            timeout_s: Seconds that one search may take, or a connection.
            most: Connections at most.

        Raises:
            ConfigError: The address is none.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._places = threading.BoundedSemaphore(most)
        self._most = most
        self._idle: list[Connection] = []
        weakref.finalize(self, _close_all, self._idle)  # a router that nobody closed
        self._checked = False
        try:
            told = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its message may quote the address, password and all
            msg = "store.url: is no address of a PostgreSQL database; give postgresql://user:"
            raise ConfigError(msg + "password@host:port/database, best as ${NAME}") from None
        self._password = str(told.get("password") or "")
        host, port = told.get("host") or "the local socket", told.get("port") or 5432
        database = told.get("dbname") or told.get("user") or ""
        ports = str(port).replace(",", "")
        if "@" in f"{host}{database}" or not ports.isdecimal():  # a part of the password, it seems
            msg = (
                "store.url: a password with '@', ':' or '/' in it is to be percent-encoded, as %40"
            )
            raise ConfigError(msg)
        self.where = f"PostgreSQL at {host}:{port}, database {database!r}"

    def close(self) -> None:
        """Close what is idle; the next use connects again."""
        _close_all(self._idle)

    def read(self, tenant: str, ask: Callable[[Connection], T]) -> T:
        """Ask in one transaction, which sees one state of the store and one tenant's rows.

        Args:
            tenant: Whose; empty for sources that keep none apart.
            ask: Asks; called once more on a new connection where the first was lost.

        Raises:
            StoreError: The store cannot serve.
        """
        with self.explained(writes=False), self._place():
            try:
                return self._ask(tenant, ask)
            except psycopg.OperationalError as error:
                if isinstance(error, errors.QueryCanceled):
                    raise
                self.close()  # they were all lost with the server
                return self._ask(tenant, ask)

    def connect(self, *, autocommit: bool = True) -> Connection:
        """A connection of one's own, as indexing takes.

        Raises:
            psycopg.Error: There is none.
        """
        return psycopg.connect(
            self._url,
            autocommit=autocommit,
            connect_timeout=max(_LEAST_CONNECT_S, math.ceil(self._timeout_s)),
            application_name="agent-knowledge",
            keepalives_idle=_ALIVE_S,  # an index run waits long; not for a server that is gone
        )

    def look(self) -> schema.FoundServer:
        """Say what is there.

        Raises:
            StoreError: It cannot serve.
        """
        with self.explained(writes=False), self.connect() as connection:
            return schema.look(connection)

    @contextmanager
    def explained(self, *, writes: bool) -> Generator[None]:
        """Say what is wrong with the store and the next step, without any password.

        Raises:
            StoreError: In place of any error of the driver's.
        """
        try:
            yield
        except psycopg.Error as error:
            raise self._told(error, writes=writes) from None

    def _told(self, error: psycopg.Error, *, writes: bool) -> StoreError:
        why = " ".join(str(error).split())
        why = why.replace(self._password, "***") if self._password else why
        kinds = _WRITTEN_FAULTS if writes else _READ_FAULTS
        for caught, kind, said in (*kinds, *_FAULTS):
            if isinstance(error, caught):
                told = said.format(where=self.where, why=why, timeout_s=f"{self._timeout_s:g}")
                return kind(told)
        return StoreError(f"{self.where} failed ({type(error).__name__}: {why})")

    @contextmanager
    def _place(self) -> Generator[None]:
        """One of the connections that may be in use at once."""
        if not self._places.acquire(timeout=self._timeout_s):
            msg = (
                f"all {self._most} connections to {self.where} were in use for "
                f"{self._timeout_s:g} s; raise store.pool"
            )
            raise StoreUnavailableError(msg)
        try:
            yield
        finally:
            self._places.release()

    def _ask(self, tenant: str, ask: Callable[[Connection], T]) -> T:
        connection = self._taken()
        try:
            with self._answered(connection), connection.pipeline():
                connection.execute(
                    "SELECT set_config('agent_knowledge.tenant', %s, true),"
                    " set_config('statement_timeout', %s, true),"
                    " set_config('search_path', 'agent_knowledge, public', true),"
                    " set_config('jit', 'off', true),"
                    " set_config('hnsw.iterative_scan', 'strict_order', true),"
                    " set_config('hnsw.ef_search', %s, true)",
                    (tenant, f"{int(self._timeout_s * 1000)}", f"{_CANDIDATES}"),
                )
                return ask(connection)
        finally:
            self._give_back(connection)

    def _taken(self) -> Connection:
        with suppress(IndexError):
            return self._idle.pop()
        connection = self.connect(autocommit=False)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        if not self._checked:
            self._check(connection)
        return connection

    def _check(self, connection: Connection) -> None:
        """Once: what is there can serve."""
        try:
            schema.check(connection)
            connection.rollback()
        except BaseException:
            connection.close()
            raise
        self._checked = True

    def _give_back(self, connection: Connection) -> None:
        with suppress(psycopg.Error):
            connection.rollback()
        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    @contextmanager
    def _answered(self, connection: Connection) -> Generator[None]:
        """Hang up on a server that says nothing at all, which its own time limit cannot help."""
        hung = threading.Event()

        def hang_up() -> None:
            hung.set()
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self._timeout_s + _GRACE_S, hang_up)
        watch.daemon = True
        watch.start()
        try:
            yield
        except psycopg.OperationalError as error:
            if hung.is_set():
                msg = f"no answer within {self._timeout_s:g} s"
                raise errors.QueryCanceled(msg) from error
            raise
        finally:
            watch.cancel()


def _close_all(connections: list[Connection]) -> None:
    while connections:
        with suppress(IndexError):  # another thread took it
            connections.pop().close()
