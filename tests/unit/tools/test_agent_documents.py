"""Fetching an agent's documents from a source archive, by clients that are scripts of ours."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.errors import InputError, RunError
from tools.data.documents import fetch_documents

FERRY: dict[str, Any] = {
    "registry": "pypi",
    "package": "ferry-lib",
    "version": "1.2.0",
    "licence": "MIT",
    "files": {"doc/en/fares.md": "docs/fares.md", "README.md": "docs/start.md"},
}
HELD = {
    "doc/en/fares.md": b"# Fares\r\n\r\nA bicycle: 4 crowns.\r\n",
    "README.md": "Grüße from the ferry\n".encode(),
    "docs/fares.md": b"another file of that name",
    "setup.py": b"raise SystemExit",
}
CLIENT = """#!{python}
import pathlib, shutil, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
arguments = sys.argv[1:]
to = arguments[arguments.index("--dest") + 1] if "--dest" in arguments else "."
if {archive!r}:
    shutil.copy({archive!r}, to)
print({says!r}, file=sys.stderr)
sys.exit({exits})
"""


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(tmp_path / "ferry_lib-1.2.0.tar.gz", HELD)


def packed(file: Path, members: Mapping[str, bytes], top: str = "ferry_lib-1.2.0") -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def client(path: Path, name: str, archive: Path | None, says: str = "", exits: int = 0) -> Path:
    """Write a client that hands over an archive; returns the file that lists its calls."""
    log = path.parent / f"{name}.log"
    script = CLIENT.format(
        python=sys.executable,
        log=str(log),
        archive=str(archive or ""),
        says=says,
        exits=exits,
    )
    (path / name).write_text(script, encoding="utf-8")
    (path / name).chmod(0o755)
    return log


def agent(tmp_path: Path, **changed: object) -> Path:
    folder = tmp_path / "agents" / "ferry"
    folder.mkdir(parents=True)
    (folder / "documents.json").write_text(json.dumps({**FERRY, **changed}), encoding="utf-8")
    return folder


def test_the_named_files_alone_are_kept_as_text_and_fetched_once(
    tmp_path: Path, path: Path, archive: Path
):
    log = client(path, "pip", archive)
    folder, cache = agent(tmp_path), tmp_path / "cache"
    kept = fetch_documents(folder, cache)
    assert {place: file.read_bytes() for place, file in kept.items()} == {
        "docs/fares.md": HELD["doc/en/fares.md"],
        "docs/start.md": HELD["README.md"],
    }
    home = cache / "ferry"
    found = {file.relative_to(home).as_posix() for file in home.rglob("*") if file.is_file()}
    assert found == set(kept)
    (call,) = log.read_text().splitlines()
    assert call.startswith("download --no-deps --no-binary ferry-lib --dest ")
    assert call.endswith(" ferry-lib==1.2.0")
    assert fetch_documents(folder, cache) == kept
    assert len(log.read_text().splitlines()) == 1
    kept["docs/start.md"].unlink()
    fetch_documents(folder, cache)
    assert len(log.read_text().splitlines()) == 2


def test_a_package_of_npm_is_packed_by_npm(tmp_path: Path, path: Path):
    packed_by_npm = packed(tmp_path / "ferry-1.2.0.tgz", HELD, top="package")
    log = client(path, "npm", packed_by_npm)
    kept = fetch_documents(agent(tmp_path, registry="npm", package="@lum/ferry"), tmp_path / "c")
    assert kept["docs/start.md"].read_bytes() == HELD["README.md"]
    assert log.read_text() == "pack @lum/ferry@1.2.0 --ignore-scripts\n"


def test_an_agent_with_documents_of_its_own_needs_no_client(tmp_path: Path):
    assert fetch_documents(tmp_path, tmp_path / "cache") == {}


@pytest.mark.parametrize(("registry", "name"), [("pypi", "pip"), ("npm", "npm")])
def test_a_missing_client_is_named(tmp_path: Path, registry: str, name: str):
    with pytest.raises(RunError, match=rf"'{name}' is not on PATH.*ferry-lib 1\.2\.0.*install"):
        fetch_documents(agent(tmp_path, registry=registry), tmp_path / "cache")


def test_a_client_that_fails_is_quoted_and_leaves_nothing(
    tmp_path: Path, path: Path, archive: Path
):
    client(path, "pip", archive, says="no such version", exits=1)
    with pytest.raises(RunError, match=r"pip brought no source archive.*exit 1.*no such version"):
        fetch_documents(agent(tmp_path), tmp_path / "cache")
    client(path, "pip", None, says="only a wheel")
    with pytest.raises(RunError, match=r"pip brought no source archive.*only a wheel"):
        fetch_documents(tmp_path / "agents/ferry", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"README.md": b"x"}, r"tar\.gz holds no doc/en/fares\.md; mend 'files' or 'version'"),
        ({**HELD, "README.md": b"\xff"}, r"README\.md is not UTF-8 \(byte 0\)"),
    ],
)
def test_an_archive_that_lacks_a_document_is_told(
    tmp_path: Path, path: Path, held: dict[str, bytes], said: str
):
    client(path, "pip", packed(tmp_path / "ferry_lib-1.2.0.tar.gz", held))
    with pytest.raises(RunError, match=said):
        fetch_documents(agent(tmp_path), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"registry": "cpan"}, "registry.*'pypi' or 'npm'"),
        ({"version": "--index=x"}, "version"),
        ({"files": {"README.md": "../../start.md"}}, r"'\.\./\.\./start\.md' must be a relative"),
        ({"files": {"README.md": "/start.md"}}, r"'/start\.md' must be a relative"),
        ({"files": {}}, "files"),
    ],
)
def test_a_faulty_manifest_is_refused(tmp_path: Path, changed: dict[str, object], said: str):
    with pytest.raises(InputError, match=rf"(?s)documents\.json.*{said}"):
        fetch_documents(agent(tmp_path, **changed), tmp_path / "cache")
